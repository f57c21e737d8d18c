/* SPDX-License-Identifier: MIT */
/* profiler/inside.h - what is inside a process: which Python, where its runtime was looked
 * for, and whether it takes requests to run code. */
#ifndef PROFILER_INSIDE_H
#define PROFILER_INSIDE_H

#include "profiler/locate.h"
#include "profiler/python_args.h"
#include "profiler/situation.h"

enum { INSIDE_TRIES_MAX = 24, INSIDE_TEXT_MAX = 160 };

/* One thing that was tried to find the runtime. */
struct inside_try {
	enum locate_step step;
	enum ps_status result;
	raddr at;
	uint64_t scanned;
	char file[INSIDE_TEXT_MAX]; /* printable; its end if it is long; empty: memory */
	char why[INSIDE_TEXT_MAX];
};

struct inside {
	bool looked; /* else nothing below is known */
	enum ps_status located;
	struct ps_err why;
	struct site site; /* if located */
	struct identity identity;
	enum answer remote_debug; /* the interpreter's own switch: 3.14 and later */
	/* Of CPython 3.8 to 3.13, its ring of pending calls: */
	struct ps_err ring_why; /* it cannot be used; empty: it can, or there is none */
	enum answer hooks;      /* has the program audit hooks? */

	/* Only if thorough; what the start says of PyPy always. */
	struct inside_try tries[INSIDE_TRIES_MAX];
	unsigned ntries, files_without; /* files that hold no runtime are only counted */
	enum answer compiled_in;        /* is the code for requests in the interpreter's file? */
	struct python_args args;
	enum answer variable; /* is PYTHON_DISABLE_REMOTE_DEBUG in the environment? */
	bool variable_empty;
};

/* files: what is known of files already, with which memory is not scanned; NULL: look at
 * everything, and thoroughly. ret is complete whatever happens. */
void inside_look(struct target *t, struct elf_cache *files, struct inside *ret);

#endif
