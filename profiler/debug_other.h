/* SPDX-License-Identifier: MIT */
/* profiler/debug_other.h - does another pysample debug that process already? */
#ifndef PROFILER_DEBUG_OTHER_H
#define PROFILER_DEBUG_OTHER_H

/* What the process calls itself that stays behind each session (debug_session.c). */
#define DEBUG_WARDEN_NAME "pysample-debug"

/* The other one's pid, as far as /proc shows it; 0: none. A thread that stands at the prompt of a
 * session cannot say so itself. Only a hint for the user: what others than root and this user call
 * themselves does not count, but what these do. */
int debug_find_other(int pid);

#endif
