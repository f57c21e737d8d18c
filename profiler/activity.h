/* SPDX-License-Identifier: MIT */
/* profiler/activity.h - is a thread that runs no Python at work or idle?
 *
 * Only asked for threads that are detached from the interpreter: they block, or compute
 * in C code that let the GIL go. The scheduler's accounting of the time since the last
 * question decides; where there is none yet, the state of the moment does.
 */
#ifndef PROFILER_ACTIVITY_H
#define PROFILER_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

struct activity;

/* Is the thread on a CPU, as of `now` (ns)? *a is made at the first question. detached:
 * it has only just left the interpreter, so that older accounting says nothing. The
 * answer may be up to 16 ms old for a thread that has been idle for long. */
bool activity_on_cpu(struct activity **a, int pid, int tid, uint64_t now, bool just_detached);
void activity_close(struct activity *a); /* NULL is fine */

#endif
