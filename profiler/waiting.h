/* SPDX-License-Identifier: MIT */
/* profiler/waiting.h - what a thread that runs no Python is doing, in a word or two. */
#ifndef PROFILER_WAITING_H
#define PROFILER_WAITING_H

#include <stdbool.h>

/* Does the scheduler have it on a CPU, or ready for one, at this moment? */
bool waiting_on_cpu(int pid, int tid);
/* Is it stopped by a signal, as by Ctrl-Z? */
bool waiting_is_stopped(int pid, int tid);
/* "stopped by a signal", "in futex (a lock)", "in epoll_wait", "has ended"; empty if nothing can be said. */
void waiting_describe(int pid, int tid, char ret[static 64]);

#endif
