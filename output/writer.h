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

/* Which samples: by what each recorded, so that one profile can be shown in any mode. */
enum view_mode {
	MODE_WALL,      /* all */
	MODE_CPU,       /* on a CPU: STATE_CPU */
	MODE_GIL,       /* held the GIL: STATE_GIL */
	MODE_EXCEPTION, /* raised or handled an exception: STATE_EXCEPTION */
	NMODES
};

/* What the user wants to see of the profile. Writers ask view_shows() of every total. */
struct view {
	enum view_mode mode;
	bool idle;      /* also samples of threads that were idle */
	bool no_gc;     /* garbage collections are not frames of their own */
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
/* Would it be shown but for the mode? */
bool view_mode_hides(const struct view *v, const struct profile_total *t);
/* "wall", "cpu", "gil", "exception" */
const char *view_mode_name(enum view_mode m);

#endif
