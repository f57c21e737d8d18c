/* SPDX-License-Identifier: MIT */
/* Real CPUs and real scheduling, of this process. */
#include "profiler/seat.h"

#include "profiler/proc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* One that runs on that CPU alone, until it is killed. */
static int busy_on(int cpu)
{
	int pid = fork();
	cpu_set_t only;

	if (pid)
		return pid;
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (sched_setaffinity(0, sizeof only, &only))
		_exit(1);
	for (;;)
		continue;
}

static void end(int pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void await_cpu(int pid, int cpu)
{
	struct proc_stat stat = { .cpu = -1 };

	for (int i = 0; i < 10000 && stat.cpu != cpu; i++) {
		usleep(1000);
		cr_assert_eq(proc_read_stat(pid, pid, &stat), PS_OK);
	}
	cr_assert_eq(stat.cpu, cpu);
}

static bool may_come_first(void)
{
	struct sched_param least = { .sched_priority = 1 }, none = { 0 };
	bool may = sched_setscheduler(0, SCHED_FIFO, &least) == 0;

	if (may)
		cr_assert_eq(sched_setscheduler(0, SCHED_OTHER, &none), 0);
	return may;
}

static void expect_place(const struct seat *s, int cpu)
{
	cpu_set_t now;

	cr_assert_eq(sched_getaffinity(0, sizeof now, &now), 0);
	cr_expect(s->taken);
	cr_expect_eq(CPU_COUNT(&now), 1);
	cr_expect(CPU_ISSET(cpu, &now));
	cr_expect_eq(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, SCHED_FIFO);
}

static void expect_unchanged(const struct seat *s, const cpu_set_t *before)
{
	cpu_set_t now;

	cr_assert_eq(sched_getaffinity(0, sizeof now, &now), 0);
	cr_expect_not(s->taken);
	cr_expect(CPU_EQUAL(&now, before));
	cr_expect_eq(sched_getscheduler(0), SCHED_OTHER);
}

/* Each CPU of this machine in turn; where it may not come first, it stays as it was. */
Test(seat, goes_to_where_the_thread_runs_and_back, .timeout = 120)
{
	bool may = may_come_first();
	struct seat s = { 0 };
	cpu_set_t before;

	cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int pid;

		if (!CPU_ISSET(cpu, &before))
			continue;
		pid = busy_on(cpu);
		await_cpu(pid, cpu);
		cr_expect_eq(seat_take(&s, pid, pid), may);
		if (may)
			expect_place(&s, cpu);
		end(pid);
	}
	seat_leave(&s);
	expect_unchanged(&s, &before);
}

Test(seat, stays_if_there_is_no_such_thread)
{
	struct seat s = { 0 };
	cpu_set_t before;

	cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
	cr_expect_not(seat_take(&s, getpid(), INT32_MAX));
	expect_unchanged(&s, &before);
	seat_leave(&s);
	expect_unchanged(&s, &before);
}
