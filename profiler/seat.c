/* SPDX-License-Identifier: MIT */
#include "profiler/seat.h"

#include "profiler/proc.h"

static bool is_ordinary(int policy)
{
	policy &= ~SCHED_RESET_ON_FORK;
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

/* Who is of the realtime class already, and wherever it ranks there, was put so on purpose. */
static bool note_before(struct seat *s)
{
	s->policy = sched_getscheduler(0);
	return is_ordinary(s->policy) && sched_getaffinity(0, sizeof s->before, &s->before) == 0;
}

/* That children are not to be so, if that was asked for, only who is privileged may revoke. */
static bool come_first(const struct seat *s)
{
	struct sched_param least = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };

	return sched_setscheduler(0, SCHED_FIFO | (s->policy & SCHED_RESET_ON_FORK), &least) == 0;
}

static bool move_to(int cpu)
{
	cpu_set_t only;

	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	return sched_setaffinity(0, sizeof only, &only) == 0;
}

/* A thread of the realtime class would come before us for as long as it likes. */
static int cpu_of(int pid, int tid)
{
	struct proc_stat stat;

	return proc_read_stat(pid, tid, &stat) == PS_OK && is_ordinary(stat.policy) ? stat.cpu : -1;
}

static bool take(struct seat *s, int cpu)
{
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return false;
	if (!s->taken) {
		s->refused = !note_before(s) || !come_first(s);
		s->taken = !s->refused;
		s->cpu = -1;
	}
	if (!s->taken || !CPU_ISSET(cpu, &s->before))
		return false;
	if (s->cpu != cpu && !move_to(cpu))
		return false;
	s->cpu = cpu;
	return true;
}

bool seat_take(struct seat *s, int pid, int tid)
{
	if (!s->refused && take(s, cpu_of(pid, tid)))
		return true;
	seat_leave(s);
	return false;
}

/* To come after others is always allowed. */
void seat_leave(struct seat *s)
{
	struct sched_param none = { 0 };

	if (!s->taken)
		return;
	(void)sched_setscheduler(0, s->policy, &none);
	(void)sched_setaffinity(0, sizeof s->before, &s->before);
	s->taken = false;
}
