/* SPDX-License-Identifier: MIT */
/* profiler/heap_flame.h - retained sizes as a profile, for the outputs that profiles have.
 *
 * A stack is a pattern of dominators (heap_patterns.h): a function's name is what an object
 * is, its file how it is reached. The count is the bytes of its own, so that what a frame has
 * in all is what would be freed with it. Patterns that have less than a part in
 * HEAP_FLAME_PARTS of all bytes are counted in their parents, or, where they have none, in a
 * frame for all of those.
 */
#ifndef PROFILER_HEAP_FLAME_H
#define PROFILER_HEAP_FLAME_H

#include "profiler/heap_patterns.h"
#include "profiler/profile.h"

enum { HEAP_FLAME_PARTS = 20000 };

/* Of side 0. */
enum ps_status heap_flame_fill(const struct heap_patterns *p, struct profile *ret) PS_MUST_USE;

#endif
