/* SPDX-License-Identifier: MIT */
/* profiler/blocking.h - stops the target for the length of a sample, by ptrace.
 *
 * No doubt about the stack, but felt by the target: each sample costs it a stop of all its
 * threads, and system calls such as epoll_wait return early with EINTR. Whatever becomes of
 * this process, SIGKILL included, the kernel detaches its tracees and they run on.
 *
 * Where realtime scheduling is allowed, one thread is stopped from its own CPU, which makes the
 * stop exact, see seat.h. The others, and without it all, may still run to the end of a system
 * call or a page fault.
 *
 * PTRACE_SEIZE never sends SIGSTOP; signals that arrive meanwhile are passed on.
 */
#ifndef PROFILER_BLOCKING_H
#define PROFILER_BLOCKING_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stdint.h>

struct blocking;

/* Attaches to all threads of pid, which run on. PS_DENIED: also if another tracer has
 * the process. */
enum ps_status blocking_create(int pid, struct blocking **ret, struct ps_err *err) PS_MUST_USE;
/* Stops every thread and waits until all of them stand. PS_GONE; PS_TORN: one did not
 * within a second, and all run on. */
enum ps_status blocking_stop(struct blocking *b) PS_MUST_USE;
void blocking_resume(struct blocking *b);
/* This one of the threads is to be stopped from its own CPU, if there is time to sleep before;
 * 0: none. */
void blocking_follow(struct blocking *b, int tid);
/* Was it, ever? NULL is fine. */
bool blocking_is_seated(const struct blocking *b);
/* Sleeps until that time (ns of CLOCK_MONOTONIC), serving the tracees: signals that they
 * get, threads that they start. False: a signal for this process came first. */
bool blocking_sleep_until(struct blocking *b, uint64_t when);
/* The wait status of the traced process, if it has ended and is a child of ours: the
 * tracer is told of it in the parent's stead. */
bool blocking_exit_status(const struct blocking *b, int *ret);
/* Detaches; the target runs on. NULL is fine. */
void blocking_destroy(struct blocking *b);

#endif
