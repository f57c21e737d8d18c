/* SPDX-License-Identifier: MIT */
/* profiler/keep.h - of a thread that has stood still, the last sample counts once more.
 *
 * Of many threads most wait most of the time. Which of them have certainly not run since
 * their last sample, one look at the GIL tells (gil.h): they are neither copied nor
 * unwound again. Now and then they are all the same, to see that nothing is wrong with it.
 */
#ifndef PROFILER_KEEP_H
#define PROFILER_KEEP_H

#include "profiler/sampler.h"

/* At the start of a tick, before anything is copied. PS_GONE, PS_DENIED. */
enum ps_status keep_look(struct sampler *s) PS_MUST_USE;

/* Is its last sample good for this tick, too? The same until it is kept or settled. */
bool keep_may(const struct sampler *s, const struct thread *t);

/* Counts it. What profile_add() gives, but for PS_LIMIT, which is counted as lost. */
enum ps_status keep_sample(struct sampler *s, struct thread *t) PS_MUST_USE;

/* It was read, and its stack told. certain: nothing was left out, nor told by other samples.
 * before: the stack that it had. */
void keep_settle(struct sampler *s, struct thread *t, bool certain, stack_id before);

#endif
