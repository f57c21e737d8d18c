/* SPDX-License-Identifier: MIT */
/* profiler/activity.h - is a thread ready to run, and is it on a CPU?
 *
 * Two questions. Ready (on a CPU or waiting for one) is a matter of the moment: a thread
 * that executes Python and has moved since the last sample is; of others the scheduler's
 * letter decides, asked for only as long as its count of switches says that it may have
 * changed. One that stands still and is hardly ever ready, as one that looks now and then
 * whether the GIL is free, is not asked for its letter: the time in which it was ready is
 * known, and makes up whole samples. How many of the ready samples were on a CPU is a matter of accounting: a sample
 * spends the time that it stands for, the scheduler's nanoseconds pay for it, and a sample
 * that cannot be paid was not on a CPU. So on-CPU samples add up to CPU time.
 */
#ifndef PROFILER_ACTIVITY_H
#define PROFILER_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

struct activity;

enum { ACTIVITY_READY = 1, ACTIVITY_CPU = 2 };

struct activity_sample {
	uint64_t now;  /* ns */
	bool attached; /* the thread was executing Python */
	bool moved;    /* it has done something since the last sample */
	bool still;    /* it has certainly not executed Python since then */
	bool traced;   /* it is stopped for the sample, so that the letter says nothing */
};

/* As of the thread's present sample. *a is made at the first one; without memory, or where
 * the tid is not known (0), an attached thread is taken for running and others for idle. */
unsigned activity_of(struct activity **a, int pid, int tid, const struct activity_sample *x);
/* The same of one that was made by hand. */
unsigned activity_judge(struct activity *a, const struct activity_sample *x);

/* From open files with what /proc/PID/task/TID/schedstat and stat hold, or -1. Takes them
 * over. NULL: out of memory, and they are closed. */
struct activity *activity_create(int schedstat, int stat);
void activity_close(struct activity *a); /* NULL is fine */

#endif
