/* SPDX-License-Identifier: MIT */
/* output/writer.h - a finished profile in, bytes out.
 *
 * A writer runs once, after sampling, on a profile that no longer changes. It knows
 * nothing of processes, ticks or interpreters: it may include profiler/profile.h,
 * profiler/facts.h, profiler/error.h and the helpers of this folder.
 *
 * To add an output: docs/HOWTO_ADD_OUTPUT.md.
 */
#ifndef OUTPUT_WRITER_H
#define OUTPUT_WRITER_H

#include "profiler/error.h"
#include "profiler/facts.h"
#include "profiler/profile.h"

#include <stdbool.h>
#include <stdio.h>

/* What the user wants to see of the profile. Writers ask view_shows() of every total. */
struct view {
	bool idle;      /* also samples of threads that were idle */
	bool gil_only;  /* only samples that held the GIL */
	bool threads;   /* tell threads apart */
	bool functions; /* merge a function's lines into one frame */
};

struct writer_input {
	const struct profile *profile;
	const struct recording_facts *facts;
	struct view view;
};

struct writer {
	const char *name;            /* what --format takes */
	const char *const *suffixes; /* ends with NULL; the first is the default file's */
	const char *summary;         /* its line in --help */
	/* Checks out for write errors itself (PS_IO); does not close it. */
	enum ps_status (*write)(const struct writer_input *in, FILE *out, struct ps_err *err);
};

extern const struct writer *const writers[]; /* ends with NULL; the first is the default */

/* By --format's name; NULL if there is none. */
const struct writer *writer_find(const char *name);
/* By a file name's suffix in capitals or not, ".gz" after it allowed; NULL if it belongs to
 * none. */
const struct writer *writer_for_file(const char *path);
/* What files of that name usually are, if that is nothing that any writer writes: "SVG
 * pictures". NULL: nothing in particular. */
const char *writer_foreign(const char *path);

bool view_shows(const struct view *v, const struct profile_total *t);

#endif
