/* SPDX-License-Identifier: MIT */
#include "profiler/activity.h"

#include "profiler/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ASK_MIN_NS = 1000000, ASK_MAX_NS = 16000000 };

struct activity {
	int fd; /* schedstat; -1: this kernel has none */
	uint64_t ran_ns, asked_at, ask_next, interval;
	bool on_cpu;
};

static struct activity *activity_open(int pid, int tid)
{
	struct activity *a = calloc(1, sizeof *a);
	char path[96];

	if (!a)
		return NULL;
	snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
	a->fd = open(path, O_RDONLY | O_CLOEXEC);
	a->interval = ASK_MIN_NS;
	return a;
}

void activity_close(struct activity *a)
{
	if (!a)
		return;
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

static bool running_now(int pid, int tid)
{
	struct proc_stat stat;

	return proc_read_stat(pid, tid, &stat) == PS_OK && stat.state == 'R';
}

static bool read_ran(const struct activity *a, uint64_t *ret)
{
	char text[96];
	ssize_t n = a->fd >= 0 ? pread(a->fd, text, sizeof text, 0) : -1;

	return n > 0 && proc_parse_schedstat(text, (size_t)n, ret);
}

static void ask(struct activity *a, int pid, int tid, uint64_t now, bool just_detached)
{
	uint64_t ran;
	bool known = read_ran(a, &ran), was = a->on_cpu;

	if (!known || just_detached || !a->asked_at)
		a->on_cpu = running_now(pid, tid);
	else
		a->on_cpu = (ran - a->ran_ns) * 2 >= now - a->asked_at;
	if (known)
		a->ran_ns = ran;
	a->asked_at = now;
	/* A thread that stays idle is asked less and less often. */
	if (a->on_cpu || was || just_detached)
		a->interval = ASK_MIN_NS;
	else if (a->interval < ASK_MAX_NS)
		a->interval *= 2;
	a->ask_next = now + a->interval;
}

bool activity_on_cpu(struct activity **a, int pid, int tid, uint64_t now, bool just_detached)
{
	if (!tid)
		return false;
	if (!*a)
		*a = activity_open(pid, tid);
	if (!*a)
		return false;
	if (now >= (*a)->ask_next || (just_detached && now - (*a)->asked_at >= ASK_MIN_NS))
		ask(*a, pid, tid, now, just_detached);
	return (*a)->on_cpu;
}
