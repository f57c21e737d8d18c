/* SPDX-License-Identifier: MIT */
/* Real CPUs and real scheduling, of this process. */
#include "profiler/seat.h"

#include "profiler/proc.h"
#include "tests/support/realtime.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	int policy;
	cpu_set_t cpus;
};

static struct place place(void)
{
	struct place p = { .policy = sched_getscheduler(0) };

	cr_assert_eq(sched_getaffinity(0, sizeof p.cpus, &p.cpus), 0);
	return p;
}

/* One that runs on that CPU alone, until it is killed or nobody kills it. */
static int busy_on(int cpu)
{
	struct sched_param none = { 0 };
	int pid = fork();
	cpu_set_t only;

	if (pid)
		return pid;
	alarm(100);
	(void)sched_setscheduler(0, SCHED_OTHER, &none); /* whatever the test has by now */
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

static void expect_seated(const struct seat *s, int cpu)
{
	struct place now = place();

	cr_expect(s->taken);
	cr_expect_eq(CPU_COUNT(&now.cpus), 1);
	cr_expect(CPU_ISSET(cpu, &now.cpus));
	cr_expect_eq(now.policy & ~SCHED_RESET_ON_FORK, SCHED_FIFO);
}

static void expect_as_before(const struct seat *s, const struct place *before)
{
	struct place now = place();

	cr_expect_not(s->taken);
	cr_expect(CPU_EQUAL(&now.cpus, &before->cpus));
	cr_expect_eq(now.policy, before->policy);
}

static int first_cpu(const struct place *p)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &p->cpus))
			return cpu;
	}
	return -1;
}

/* Each CPU of this machine in turn. */
Test(seat, goes_to_where_the_thread_runs_and_back, .timeout = 120)
{
	bool may = realtime_is_allowed();
	struct place before = place();
	struct seat s = { 0 };

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int pid;

		if (!CPU_ISSET(cpu, &before.cpus))
			continue;
		pid = busy_on(cpu);
		await_cpu(pid, cpu);
		cr_expect_eq(seat_take(&s, pid, pid), may);
		if (may)
			expect_seated(&s, cpu);
		else
			expect_as_before(&s, &before);
		end(pid);
	}
	seat_leave(&s);
	expect_as_before(&s, &before);
}

Test(seat, is_left_as_it_was_found, .timeout = 120)
{
	struct sched_param none = { 0 };
	bool may = realtime_is_allowed();
	struct seat s = { 0 };
	struct place before;
	int pid;

	cr_assert_eq(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none), 0);
	before = place();
	pid = busy_on(first_cpu(&before));
	await_cpu(pid, first_cpu(&before));
	cr_expect_eq(seat_take(&s, pid, pid), may);
	seat_leave(&s);
	expect_as_before(&s, &before);
	end(pid);
}

Test(seat, is_left_when_the_thread_has_ended, .timeout = 120)
{
	struct place before = place();
	bool may = realtime_is_allowed();
	struct seat s = { 0 };
	int pid = busy_on(first_cpu(&before));

	await_cpu(pid, first_cpu(&before));
	cr_expect_eq(seat_take(&s, pid, pid), may);
	end(pid);
	cr_expect_not(seat_take(&s, pid, pid));
	expect_as_before(&s, &before);
	cr_expect_not(seat_take(&s, getpid(), INT32_MAX));
	expect_as_before(&s, &before);
}

Test(seat, is_not_taken_of_one_that_comes_first_itself, .timeout = 120)
{
	struct sched_param least = { .sched_priority = 1 };
	struct place before = place();
	struct seat s = { 0 };
	int pid = busy_on(first_cpu(&before));

	await_cpu(pid, first_cpu(&before));
	if (realtime_is_allowed())
		cr_assert_eq(sched_setscheduler(pid, SCHED_RR, &least), 0);
	cr_expect_not(seat_take(&s, pid, pid));
	expect_as_before(&s, &before);
	end(pid);
}

Test(seat, is_not_taken_where_the_caller_may_not_run, .timeout = 120)
{
	struct place before = place();
	int cpu = first_cpu(&before), pid = busy_on(cpu);
	cpu_set_t others = before.cpus;
	struct seat s = { 0 };

	CPU_CLR(cpu, &others);
	await_cpu(pid, cpu);
	/* On a machine of one CPU there is no other to be on. */
	if (CPU_COUNT(&others)) {
		cr_assert_eq(sched_setaffinity(0, sizeof others, &others), 0);
		before = place();
		cr_expect_not(seat_take(&s, pid, pid));
	}
	expect_as_before(&s, &before);
	end(pid);
}
