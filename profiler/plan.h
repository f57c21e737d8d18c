/* SPDX-License-Identifier: MIT */
/* profiler/plan.h - what the next sample of a thread will have to read. */
#ifndef PROFILER_PLAN_H
#define PROFILER_PLAN_H

#include "profiler/capture.h"
#include "profiler/thread.h"

/* Finds the thread's chunks from the newest down, as far as they are not known. PS_TORN:
 * they make no chain; PS_FAULT. */
enum ps_status plan_chunks(struct target *t, struct thread *th, raddr newest) PS_MUST_USE;

/* After a sample: fits the windows to what was live. */
void plan_windows(struct thread *th);

/* The copy of that region was too short: have all of it next time, until plan_windows(). */
void plan_widen(struct thread *th, const struct capture *c, unsigned region);

#endif
