/* SPDX-License-Identifier: MIT */
/* profiler/heap_memory.h - is there memory for a forked copy of a process?
 *
 * A copy shares its pages with the process until one of them writes. Whoever looks at a Python
 * object counts a reference to it, which is a write: a walk of all objects copies nearly all of
 * the process's own (anonymous) memory. Where that is more than the machine, or a control group
 * that the process is in, has left, the kernel would end something to make room.
 * The walk remembers what it has told: a part of that, or all, comes on top. A walk in the process
 * itself copies nothing, and remembers more, for other threads go on meanwhile.
 * The copy of a PyPy needs some times as much, for a PyPy makes an object of whatever it looks at.
 */
#ifndef PROFILER_HEAP_MEMORY_H
#define PROFILER_HEAP_MEMORY_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_memory {
	uint64_t needed;    /* bytes, for the copy, or by the process itself */
	uint64_t available; /* bytes, in the tightest of the limits */
	char limit[160];    /* which that is, in words */
};

/* root is put in front of every path: "" but in tests. PS_GONE; PS_DENIED: what the process has
 * may not be read. */
enum ps_status heap_memory_read(const char *root, int pid, bool in_process, struct heap_memory *ret,
				struct ps_err *err) PS_MUST_USE;
/* Bytes of a dump, more than which nobody can have to tell who has the memory that the process
 * has now; at least `least`. */
uint64_t heap_memory_most(const char *root, int pid, uint64_t least);

#endif
