/* SPDX-License-Identifier: MIT */
/* profiler/look.h - have threads come or gone, have code objects been freed, is garbage being
 * collected? A few bytes of each interpreter, read along with the threads, tell. */
#ifndef PROFILER_LOOK_H
#define PROFILER_LOOK_H

#include "profiler/sampler.h"

/* Where they lie; fields that are too far from the others are left out. */
struct look_span look_span(const struct layout *l);
/* Adds those bytes to the sampler's empty batch; returns of how many interpreters. */
uint32_t look_plan(struct sampler *s);
/* After the read: notes what has changed. n is what look_plan() returned, 0 where it was not asked. */
void look_take(struct sampler *s, uint32_t n);
/* Has no code object been freed since the sample was taken? Only 3.14+ can tell. */
bool look_generation_stands(const struct sampler *s, const struct thread *t);

#endif
