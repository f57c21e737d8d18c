/* SPDX-License-Identifier: MIT */
/* profiler/outfile.h - the file that a recording ends up in: a place and a format. */
#ifndef PROFILER_OUTFILE_H
#define PROFILER_OUTFILE_H

#include "output/writer.h"
#include "profiler/error.h"
#include "profiler/place.h"

struct outfile {
	struct place place;
	bool compress; /* its name ends with .gz */
	const struct writer *writer;
};

/* pattern as for place_name(); NULL: the default name with the writer's suffix. format may
 * be NULL: by suffix, else flamegraph. */
enum ps_status outfile_open(const char *pattern, const char *format, int pid, const char *program,
			    struct outfile *ret, struct ps_err *err) PS_MUST_USE;
/* The format alone, so that it can be refused before a command is started. */
enum ps_status outfile_choose_writer(const char *pattern, const char *format,
				     const struct writer **ret, struct ps_err *err) PS_MUST_USE;
/* Writes the profile. Where that place has become impossible (a full disk), it is saved
 * in the temporary folder, and place.path says where; the status still is the failure. */
enum ps_status outfile_write(struct outfile *f, const struct writer_input *in,
			     struct ps_err *err) PS_MUST_USE;
void outfile_close(struct outfile *f);

#endif
