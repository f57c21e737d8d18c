/* SPDX-License-Identifier: MIT */
/* profiler/heap_diff.h - what grew from one dump to another, and what keeps it.
 *
 * Types are compared by name. What keeps them is compared by patterns of dominators
 * (heap_patterns.h), so that objects which came and went do not matter, and addresses neither.
 * A *growth* is the first pattern on its way from the root at which there are more objects,
 * and clearly more than above it: the place at which one object began to hold many; or at
 * which as many objects as before are larger themselves. */
#ifndef PROFILER_HEAP_DIFF_H
#define PROFILER_HEAP_DIFF_H

#include "profiler/heap_classes.h"
#include "profiler/heap_dump.h"
#include "profiler/heap_patterns.h"

#include <stdio.h>

struct heap_diff_side {
	struct heap_dump *dump;
	const struct heap_dominators *dominators;
};

/* The diff as text. Memory for the comparison: at most max_bytes. Leaves write errors with
 * the stream. */
enum ps_status heap_diff_write(const struct heap_diff_side side[HEAP_SIDES], uint32_t limit,
			       size_t max_bytes, FILE *out) PS_MUST_USE;

#endif
