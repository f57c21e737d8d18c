/* SPDX-License-Identifier: MIT */
/* profiler/heap_dump.h - a .psheap file: the objects of a process at one moment.
 *
 * Every byte of it was written by the target: lengths are checked against what is there,
 * memory is bounded, and a dump either reads whole or not at all. What is written in the
 * file and not true in itself (an edge to an object that is not told, an object told twice)
 * is counted in the facts and left out.
 */
#ifndef PROFILER_HEAP_DUMP_H
#define PROFILER_HEAP_DUMP_H

#include "profiler/heap_graph.h"

enum { HEAP_PROBLEMS_MAX = 16 };

/* Groups of roots; each is an object of the graph, whose id is its number here. */
enum heap_group {
	HEAP_GROUP_ROOT,
	HEAP_GROUP_REST = HEAP_REST_ID,
	HEAP_GROUP_THREADS,
	HEAP_GROUP_MODULES,
	HEAP_GROUP_INTERPRETER,
	HEAP_GROUP_STATIC_TYPES,
	HEAP_GROUP_OTHERS /* a thread's, a frame's */
};

enum heap_dump_flags {
	HEAP_DUMP_VALUES = 1,
	HEAP_DUMP_FORKED = 2,
	HEAP_DUMP_PYPY = 4,
	HEAP_DUMP_FROZEN = 8,
	HEAP_DUMP_FREE_THREADED = 16,
};

struct heap_facts {
	uint64_t pid, time_ns, hexversion, flags;
	uint32_t implementation, version; /* texts of the graph */
	uint64_t objects, size;           /* without groups */
	uint64_t threads;
	uint64_t told_again; /* objects that were told more than once */
	uint64_t lost_edges; /* led to what is no object of the dump */
	uint64_t problems;
	uint32_t problem[HEAP_PROBLEMS_MAX]; /* texts of the first of them */
};

struct heap_dump {
	struct heap_graph graph; /* finished */
	struct heap_facts facts;
};

/* PS_FORMAT says what is wrong where; of a file that ends too early, that it is incomplete.
 * Memory beside the bytes is at most max_bytes, else PS_LIMIT. *ret is to
 * stay where it is; on failure it is empty. */
enum ps_status heap_dump_parse(const void *bytes, size_t len, size_t max_bytes,
			       struct heap_dump *ret, struct ps_err *err) PS_MUST_USE;
/* The same of a file, "-" for standard input; max_bytes includes its length. */
enum ps_status heap_dump_read(const char *path, size_t max_bytes, struct heap_dump *ret,
			      struct ps_err *err) PS_MUST_USE;
void heap_dump_close(struct heap_dump *d);

#endif
