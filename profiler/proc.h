/* SPDX-License-Identifier: MIT */
/* profiler/proc.h - what /proc tells of processes and threads.
 *
 * The proc_parse_*() are pure; the proc_read_*() open files. tid is a thread id as this
 * process's /proc shows it. A pid is also the tid of its main thread.
 */
#ifndef PROFILER_PROC_H
#define PROFILER_PROC_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
	char state;         /* R, S, D, T, t, Z, X, I */
	bool kernel;        /* a thread of the kernel: there is no program in it */
	uint64_t starttime; /* ticks since boot: tells two users of one pid apart */
	int cpu;            /* on which it runs, or ran last; -1: not told */
	int policy;         /* SCHED_OTHER, ... (sched(7)); -1: not told */
};

/* The text of /proc/PID/stat. The name in it may hold anything, ")" included. */
bool proc_parse_stat(const char *text, size_t len, struct proc_stat *ret) PS_MUST_USE;

/* How long a process that started then has been there. */
uint64_t proc_age_ms(uint64_t starttime);

/* The text of /proc/PID/status: the value of "Name:" fields. */
struct proc_status {
	int tgid;        /* the process that this thread belongs to */
	int ppid;        /* 0: its parent is not of this pid namespace, or there is none */
	int tracer;      /* pid that traces it; 0: none */
	int inner_tid;   /* its id in its own, innermost pid namespace */
	int pid_depth;   /* ids that it has: 1 unless it is in an inner pid namespace */
	uint32_t uid[4]; /* real, effective, saved, file system */
	uint32_t gid[4];
	uint32_t threads;
	int seccomp; /* 0 none, 1 strict, 2 filter */
	uint64_t cap_permitted, cap_effective;
	uint64_t caught; /* signals that have a handler; bit 0 is the first signal */
};
bool proc_parse_status(const char *text, size_t len, struct proc_status *ret) PS_MUST_USE;

/* The text of /proc/PID/task/TID/schedstat. */
struct proc_schedstat {
	uint64_t ran_ns;    /* it has been on a CPU */
	uint64_t waited_ns; /* it was ready, and waited for one that it got in the end */
	uint64_t times;     /* it was given one; 0: the kernel does not count */
};
bool proc_parse_schedstat(const char *text, size_t len, struct proc_schedstat *ret) PS_MUST_USE;

/* Does /proc show this process by the id that it has itself? Else it is mounted for another
 * pid namespace, and an id there is not the process that the kernel takes it for. */
bool proc_is_ours(void);

/* PS_GONE: no such process or thread. */
enum ps_status proc_read_stat(int pid, int tid, struct proc_stat *ret) PS_MUST_USE;
enum ps_status proc_read_status(int pid, int tid, struct proc_status *ret) PS_MUST_USE;

/* A whole file of /proc/PID into *ret (malloc'd, terminated); more than max bytes are
 * cut. name is what follows "/proc/PID/". */
enum ps_status proc_read_file(int pid, const char *name, size_t max, char **ret, size_t *ret_len,
			      struct ps_err *err) PS_MUST_USE;

/* Calls each for every thread of pid, in the order of ids, until it says false. */
enum ps_status proc_each_thread(int pid, bool (*each)(int tid, void *ctx), void *ctx) PS_MUST_USE;

/* Makes control characters and bytes that are not UTF-8 harmless in place, for names of
 * threads and command lines that go to a terminal or a file. */
void proc_make_printable(char *text);

/* The command line with its arguments apart by spaces, printable; "[name]" if it has
 * none. malloc'd, NULL if gone or out of memory. */
char *proc_command_line(int pid);
/* The short name (comm) of a thread, printable; "?" if gone. */
void proc_comm(int pid, int tid, char ret[static 32]);

#endif
