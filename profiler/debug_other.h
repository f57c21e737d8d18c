/* SPDX-License-Identifier: MIT */
/* profiler/debug_other.h - does another pysample debug that process already? */
#ifndef PROFILER_DEBUG_OTHER_H
#define PROFILER_DEBUG_OTHER_H

#include <stdbool.h>

/* What the process calls itself that stays behind each session (debug_session.c). */
#define DEBUG_WARDEN_NAME "pysample-debug"

/* *ret: the other one's pid, as far as /proc shows it; 0: it has ended without taking leave, and the
 * process that it has left behind is at work on that. False: none. A thread that stands at the prompt of a
 * session cannot say so itself. Only a hint for the user: what others than root and this user call
 * themselves does not count, but what these do. */
bool debug_find_other(int pid, int *ret);

#endif
