/* SPDX-License-Identifier: MIT */
/* profiler/heap_live.h - takes a heap dump of a live process: see docs/heap-format.md for what
 * comes, and inject.h for how it is asked for.
 *
 * The process forks; the copy walks its objects and streams them to us, and ends with its last
 * word, or when we do. The process itself stands for the fork alone.
 */
#ifndef PROFILER_HEAP_LIVE_H
#define PROFILER_HEAP_LIVE_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_memory;

struct heap_live_order {
	bool in_process; /* no copy: the process itself walks, and stands for as long as it takes */
	bool values;     /* texts and numbers, too */
	uint64_t patience_ns;
	bool (*interrupted)(void *ctx);
	/* Before anything is done, if there is memory enough, and it can be known. */
	void (*estimated)(const struct heap_memory *m, void *ctx);
	void (*progress)(uint64_t bytes, void *ctx); /* as they come */
	/* The process and its copy have nothing to do with what follows; `interrupted` is asked once
	 * more right after this, and then never. */
	void (*taken)(void *ctx);
	/* For what is not a dump yet when it comes (heap_rpy.h): an open file of no name. */
	int (*open_spool)(void *ctx);
	size_t max_bytes; /* of memory that it takes to make a dump of it */
	void *ctx;
};

struct heap_live_result {
	uint64_t bytes;      /* that the process has sent */
	uint64_t stopped_ns; /* that all threads were stopped for, to ask */
	uint64_t
		held_ns; /* from the text's first line to the fork's end; not that it was compiled */
	uint64_t took_ns;  /* from the request to the last byte */
	bool write_failed; /* told also if it fails: fd, or the spool, could not be written */
};

/* Writes the dump to fd, as it comes; that of a PyPy when all has come. What inject_open() and inject_next() fail with;
 * PS_LIMIT: there is not enough memory, told before anything is done, or we were
 * interrupted; PS_FAULT: the process could not take it, the message has its words; PS_IO also for fd. */
enum ps_status heap_live_take(int pid, const struct heap_live_order *o, int fd,
			      struct heap_live_result *ret, struct ps_err *err) PS_MUST_USE;

#endif
