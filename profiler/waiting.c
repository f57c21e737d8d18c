/* SPDX-License-Identifier: MIT */
#include "profiler/waiting.h"

#include "profiler/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

/* The calls in which threads wait; others are shown by number. */
static const struct {
	long number;
	const char *name;
} calls[] = {
	{ SYS_futex, "futex (a lock)" },
	{ SYS_read, "read" },
	{ SYS_write, "write" },
	{ SYS_readv, "readv" },
	{ SYS_writev, "writev" },
	{ SYS_ppoll, "ppoll" },
	{ SYS_pselect6, "pselect6" },
	{ SYS_epoll_pwait, "epoll_pwait" },
	{ SYS_clock_nanosleep, "clock_nanosleep (sleep)" },
	{ SYS_nanosleep, "nanosleep (sleep)" },
	{ SYS_wait4, "wait4 (a child)" },
	{ SYS_waitid, "waitid (a child)" },
	{ SYS_accept, "accept" },
	{ SYS_accept4, "accept4" },
	{ SYS_connect, "connect" },
	{ SYS_recvfrom, "recvfrom" },
	{ SYS_recvmsg, "recvmsg" },
	{ SYS_sendto, "sendto" },
	{ SYS_sendmsg, "sendmsg" },
	{ SYS_fsync, "fsync" },
	{ SYS_flock, "flock" },
	{ SYS_fcntl, "fcntl (a lock)" },
	{ SYS_rt_sigtimedwait, "rt_sigtimedwait" },
	{ SYS_rt_sigsuspend, "rt_sigsuspend" },
	{ SYS_restart_syscall, "a restarted call" },
#ifdef SYS_poll
	{ SYS_poll, "poll" },
	{ SYS_select, "select" },
	{ SYS_epoll_wait, "epoll_wait" },
	{ SYS_pause, "pause" },
#endif
};

static bool has_state(int pid, int tid, char state)
{
	struct proc_stat stat;

	return tid && proc_read_stat(pid, tid, &stat) == PS_OK && stat.state == state;
}

bool waiting_on_cpu(int pid, int tid)
{
	return has_state(pid, tid, 'R');
}

bool waiting_is_stopped(int pid, int tid)
{
	return has_state(pid, tid, 'T');
}

static bool describe_state(int pid, int tid, char *ret)
{
	struct proc_stat stat;
	const char *text = NULL;

	if (!tid || proc_read_stat(pid, tid, &stat) != PS_OK)
		return true;
	switch (stat.state) {
	case 'T':
		text = "stopped by a signal";
		break;
	case 't':
		text = "stopped by a tracer";
		break;
	case 'Z':
		text = "has ended";
		break;
	}
	if (text)
		snprintf(ret, 64, "%s", text);
	return text != NULL;
}

void waiting_describe(int pid, int tid, char ret[static 64])
{
	char name[48], *text;
	size_t len;
	long number;

	ret[0] = '\0';
	if (describe_state(pid, tid, ret))
		return;
	snprintf(name, sizeof name, "task/%d/syscall", tid);
	if (proc_read_file(pid, name, 512, &text, &len, NULL) != PS_OK)
		return;
	/* "running", or the number of the call and its arguments; -1: in no call */
	if ((text[0] >= '0' && text[0] <= '9')) {
		number = strtol(text, NULL, 10);
		snprintf(ret, 64, "in system call %ld", number);
		for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
			if (calls[i].number == number)
				snprintf(ret, 64, "in %s", calls[i].name);
		}
	}
	free(text);
}
