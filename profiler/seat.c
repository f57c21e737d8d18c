/* SPDX-License-Identifier: MIT */
#include "profiler/seat.h"

#include "profiler/proc.h"

/* Children, if there were any, are ordinary ones. */
static bool come_first(void)
{
	struct sched_param least = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };

	return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &least) == 0;
}

static void come_last(void)
{
	struct sched_param none = { 0 };

	(void)sched_setscheduler(0, SCHED_OTHER, &none);
}

static bool move_to(int cpu)
{
	cpu_set_t only;

	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	return sched_setaffinity(0, sizeof only, &only) == 0;
}

bool seat_take(struct seat *s, int pid, int tid)
{
	struct proc_stat stat;

	if (s->refused || proc_read_stat(pid, tid, &stat) != PS_OK || stat.cpu < 0 ||
	    stat.cpu >= CPU_SETSIZE)
		return false;
	if (s->taken && s->cpu == stat.cpu)
		return true;
	if (!s->taken) {
		s->refused = sched_getaffinity(0, sizeof s->before, &s->before) || !come_first();
		if (s->refused)
			return false;
		s->taken = true;
	}
	s->cpu = stat.cpu;
	if (move_to(stat.cpu))
		return true;
	seat_leave(s);
	s->refused = true; /* a cpuset keeps us apart, and will again */
	return false;
}

void seat_leave(struct seat *s)
{
	if (!s->taken)
		return;
	come_last();
	(void)sched_setaffinity(0, sizeof s->before, &s->before);
	s->taken = false;
}
