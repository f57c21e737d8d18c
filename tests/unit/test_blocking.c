/* SPDX-License-Identifier: MIT */
/* Real processes that are really stopped. What is tested most is that it ends: threads may
 * vanish, wait where nothing can stop them, or become another program meanwhile. */
#include "profiler/blocking.h"

#include "profiler/clock.h"
#include "profiler/proc.h"
#include "tests/support/realtime.h"
#include "tests/support/subject.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS (uint64_t)1000000

TestSuite(blocking, .timeout = 120);

static struct blocking *attach_to(const struct subject *s)
{
	struct blocking *b = NULL;
	struct ps_err err = { 0 };
	enum ps_status st = blocking_create(s->pid, &b, &err);

	cr_assert_eq(st, PS_OK, "%s", err.msg);
	return b;
}

/* A busy machine may let one of the threads wait for longer than a stop does. */
static void expect_stop(struct blocking *b)
{
	enum ps_status st = PS_TORN;

	for (int attempt = 0; attempt < 20 && st == PS_TORN; attempt++)
		st = blocking_stop(b);
	cr_assert_eq(st, PS_OK, "%s", ps_status_name(st));
}

static void expect_standing(const struct subject *s)
{
	uint64_t before = __atomic_load_n(&s->shared->work, __ATOMIC_RELAXED);

	clock_sleep_until(clock_now() + 5 * MS);
	cr_expect_eq(__atomic_load_n(&s->shared->work, __ATOMIC_RELAXED), before);
}

static void expect_left_alone(const struct subject *s)
{
	struct proc_status status;

	cr_expect(subject_runs(s));
	cr_assert_eq(proc_read_status(s->pid, s->pid, &status), PS_OK);
	cr_expect_eq(status.tracer, 0);
}

static void eight_threads(struct shared *shared)
{
	for (int i = 0; i < 7; i++)
		subject_start_thread(subject_worker, shared);
	subject_work(shared);
}

Test(blocking, stops_all_threads_and_lets_them_run_on)
{
	struct subject s;
	struct blocking *b;

	subject_start(&s, eight_threads);
	subject_await(&s.shared->ready, 8);
	b = attach_to(&s);
	cr_expect(subject_runs(&s));
	for (int i = 0; i < 20; i++) {
		expect_stop(b);
		expect_standing(&s);
		blocking_resume(b);
		cr_expect(subject_runs(&s));
	}
	blocking_destroy(b);
	expect_left_alone(&s);
	subject_end(&s);
}

/* --- from its own CPU --- */

static bool comes_first(void)
{
	return (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO;
}

static void sleep_for(struct blocking *b, uint64_t ns)
{
	expect_stop(b);
	blocking_resume(b);
	blocking_sleep_until(b, clock_now() + ns);
}

Test(blocking, comes_first_where_the_one_it_follows_runs_and_only_while_it_sleeps_long)
{
	struct subject s;
	struct blocking *b;
	bool may = realtime_is_allowed();

	subject_start(&s, subject_work);
	cr_expect(subject_runs(&s));
	b = attach_to(&s);
	sleep_for(b, 2 * MS);
	cr_expect_not(comes_first(), "nobody is followed");
	cr_expect_not(blocking_is_seated(b));
	blocking_follow(b, s.pid);
	sleep_for(b, 2 * MS);
	cr_expect_eq(comes_first(), may);
	cr_expect_eq(blocking_is_seated(b), may);
	cr_expect(subject_runs(&s));
	sleep_for(b, 0);
	cr_expect_not(comes_first(), "no time to sleep");
	sleep_for(b, 2 * MS);
	cr_expect_eq(comes_first(), may);
	blocking_follow(b, 0);
	cr_expect_not(comes_first(), "nobody again");
	blocking_follow(b, s.pid);
	sleep_for(b, 2 * MS);
	blocking_destroy(b);
	cr_expect_not(comes_first(), "at the end");
	expect_left_alone(&s);
	subject_end(&s);
}

Test(blocking, comes_first_no_more_when_the_target_has_ended)
{
	struct subject s;
	struct blocking *b;
	uint64_t until;

	subject_start(&s, subject_work);
	cr_expect(subject_runs(&s));
	b = attach_to(&s);
	blocking_follow(b, s.pid);
	sleep_for(b, 2 * MS);
	kill(s.pid, SIGKILL);
	for (int i = 0; i < 1000 && blocking_stop(b) != PS_GONE; i++)
		blocking_resume(b);
	until = clock_now() + 2 * MS;
	cr_expect(blocking_sleep_until(b, until));
	cr_expect_geq(clock_now(), until, "it sleeps all the same");
	cr_expect_not(comes_first());
	blocking_destroy(b);
	subject_end(&s);
}

/* --- threads that vanish --- */

static void *ends_at_once(void *shared)
{
	__atomic_add_fetch(&((struct shared *)shared)->work, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void threads_come_and_go(struct shared *shared)
{
	for (;;) {
		pthread_t thread[4];

		for (int i = 0; i < 4; i++) {
			if (pthread_create(&thread[i], NULL, ends_at_once, shared))
				abort();
		}
		for (int i = 0; i < 4; i++)
			pthread_join(thread[i], NULL);
		__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
	}
}

/* A new thread is a stop that has to be served. */
static bool runs_while_served(const struct subject *s, struct blocking *b)
{
	uint64_t before = __atomic_load_n(&s->shared->work, __ATOMIC_RELAXED);

	for (int i = 0; i < 200; i++) {
		blocking_sleep_until(b, clock_now() + 5 * MS);
		if (__atomic_load_n(&s->shared->work, __ATOMIC_RELAXED) != before)
			return true;
	}
	return false;
}

Test(blocking, threads_may_come_and_go_meanwhile)
{
	struct subject s;
	struct blocking *b;

	subject_start(&s, threads_come_and_go);
	subject_await(&s.shared->ready, 1);
	b = attach_to(&s);
	for (int i = 0; i < 300; i++) {
		expect_stop(b);
		if (i % 50 == 0)
			expect_standing(&s);
		blocking_resume(b);
		blocking_sleep_until(b, clock_now() + MS / 2);
	}
	cr_expect(runs_while_served(&s, b));
	blocking_destroy(b);
	expect_left_alone(&s);
	subject_end(&s);
}

/* While they are attached to, threads are born traced already, by us, and others end. */
Test(blocking, threads_may_come_and_go_while_they_are_attached_to)
{
	struct subject s;

	subject_start(&s, threads_come_and_go);
	subject_await(&s.shared->ready, 1);
	for (int i = 0; i < 300; i++) {
		struct blocking *b = attach_to(&s);

		expect_stop(b);
		if (i % 50 == 0)
			expect_standing(&s);
		blocking_destroy(b);
	}
	expect_left_alone(&s);
	subject_end(&s);
}

static void leader_ends(struct shared *shared)
{
	subject_start_thread(subject_worker, shared);
	subject_await(&shared->ready, 1);
	subject_await(&shared->signals, 1); /* the test's word that it may */
	pthread_exit(NULL);
}

/* A leader that has ended never stops, and no word comes of it while others live. */
Test(blocking, a_leader_that_ends_is_not_waited_for)
{
	struct subject s;
	struct blocking *b;

	subject_start(&s, leader_ends);
	subject_await(&s.shared->ready, 1);
	b = attach_to(&s);
	expect_stop(b);
	blocking_resume(b);
	__atomic_store_n(&s.shared->signals, 1, __ATOMIC_RELEASE);
	subject_await_state(s.pid, s.pid, "Z");
	for (int i = 0; i < 5; i++) {
		expect_stop(b);
		expect_standing(&s);
		blocking_resume(b);
	}
	cr_expect(subject_runs(&s));
	blocking_destroy(b);
	b = attach_to(&s); /* and with it having ended before */
	expect_stop(b);
	expect_standing(&s);
	blocking_destroy(b);
	cr_expect(subject_runs(&s)); /* the zombie itself is ours until we end */
	subject_end(&s);
}

/* --- exec --- */

static void *becomes_sleep(void *shared)
{
	subject_await(&((struct shared *)shared)->signals, 1);
	execl("/bin/sleep", "sleep", "1000", NULL);
	abort();
}

static void a_thread_execs(struct shared *shared)
{
	for (int i = 0; i < 3; i++)
		subject_start_thread(subject_worker, shared);
	subject_start_thread(becomes_sleep, shared);
	subject_work(shared);
}

static void await_comm(int pid, const char *name)
{
	char comm[32];

	do
		proc_comm(pid, pid, comm);
	while (strcmp(comm, name) != 0);
}

/* The other threads vanish without a word, and the one that calls exec takes the leader's
 * id. */
Test(blocking, exec_of_another_thread_ends_the_others_silently)
{
	for (int stop_first = 0; stop_first < 2; stop_first++) {
		struct subject s;
		struct blocking *b;

		subject_start(&s, a_thread_execs);
		subject_await(&s.shared->ready, 4);
		b = attach_to(&s);
		expect_stop(b);
		__atomic_store_n(&s.shared->signals, 1, __ATOMIC_RELEASE);
		blocking_resume(b);
		for (int i = 0; stop_first && i < 20; i++) { /* in the midst of it */
			enum ps_status st = blocking_stop(b);

			cr_expect(st == PS_OK || st == PS_TORN, "%s", ps_status_name(st));
			blocking_resume(b);
		}
		blocking_sleep_until(b, clock_now() + 100 * MS);
		expect_stop(b);
		await_comm(s.pid, "sleep");
		blocking_resume(b);
		blocking_destroy(b);
		subject_await_state(s.pid, s.pid, "S");
		subject_end(&s);
	}
}

/* --- what nothing can stop --- */

static void *waits_for_vfork(void *at)
{
	struct shared *shared = at;
	int child, us = getpid();

	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
	child = vfork(); /* until the child lets it go, nothing does */
	if (child == 0) {
		while (!__atomic_load_n(&shared->signals, __ATOMIC_ACQUIRE) && getppid() == us)
			usleep(1000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
	subject_work(shared);
	return NULL;
}

static void one_is_in_vfork(struct shared *shared)
{
	subject_start_thread(waits_for_vfork, shared);
	subject_await(&shared->ready, 1);
	subject_work(shared);
}

static int other_thread;

static bool note_other(int tid, void *leader)
{
	if (tid != *(int *)leader)
		other_thread = tid;
	return true;
}

Test(blocking, a_thread_that_cannot_be_stopped_is_given_up_and_all_run_on)
{
	struct subject s;
	struct blocking *b;
	uint64_t began;

	subject_start(&s, one_is_in_vfork);
	subject_await(&s.shared->ready, 2);
	cr_assert_eq(proc_each_thread(s.pid, note_other, &s.pid), PS_OK);
	subject_await_state(s.pid, other_thread, "D");
	b = attach_to(&s);
	began = clock_now();
	cr_expect_eq(blocking_stop(b), PS_TORN);
	cr_expect_lt(clock_now() - began, 30000 * MS);
	cr_expect(subject_runs(&s), "the others were let go");
	__atomic_store_n(&s.shared->signals, 1, __ATOMIC_RELEASE);
	blocking_sleep_until(b, clock_now() + 50 * MS); /* it has a stop to serve now */
	subject_await(&s.shared->ready, 4);
	expect_stop(b);
	expect_standing(&s);
	blocking_destroy(b);
	expect_left_alone(&s);
	subject_end(&s);
}

/* --- signals --- */

static struct shared *seen_by_handler;

static void count_signal(int number)
{
	(void)number;
	__atomic_add_fetch(&seen_by_handler->signals, 1, __ATOMIC_RELEASE);
}

static void counts_signals(struct shared *shared)
{
	seen_by_handler = shared;
	signal(SIGUSR1, count_signal);
	subject_start_thread(subject_worker, shared);
	subject_work(shared);
}

Test(blocking, signals_of_its_own_reach_it)
{
	struct subject s;
	struct blocking *b;

	subject_start(&s, counts_signals);
	subject_await(&s.shared->ready, 2);
	b = attach_to(&s);
	for (uint32_t i = 1; i <= 50; i++) {
		if (i % 2)
			kill(s.pid, SIGUSR1);
		expect_stop(b);
		if (i % 2 == 0)
			kill(s.pid, SIGUSR1);
		blocking_resume(b);
		while (__atomic_load_n(&s.shared->signals, __ATOMIC_ACQUIRE) < i)
			blocking_sleep_until(b, clock_now() + MS);
	}
	cr_expect_eq(s.shared->signals, 50);
	blocking_destroy(b);
	expect_left_alone(&s);
	subject_end(&s);
}

/* --- the end --- */

static void ends_when_told(struct shared *shared)
{
	subject_start_thread(subject_worker, shared);
	subject_work(shared);
	_exit(42);
}

Test(blocking, its_end_is_noticed_and_the_status_kept)
{
	struct subject s;
	struct blocking *b;
	int status = 0;

	subject_start(&s, ends_when_told);
	subject_await(&s.shared->ready, 2);
	b = attach_to(&s);
	cr_expect_not(blocking_exit_status(b, &status));
	expect_stop(b);
	blocking_resume(b);
	__atomic_store_n(&s.shared->go, 1, __ATOMIC_RELEASE);
	while (!blocking_exit_status(b, &status))
		blocking_sleep_until(b, clock_now() + 10 * MS);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 42, "%x", status);
	cr_expect_eq(blocking_stop(b), PS_GONE);
	blocking_destroy(b);
	subject_end(&s);
}

Test(blocking, a_process_that_is_not_there_is_gone)
{
	struct subject s;
	struct blocking *b;
	struct ps_err err = { 0 };

	subject_start(&s, eight_threads);
	subject_end(&s);
	cr_expect_eq(blocking_create(s.pid, &b, &err), PS_GONE);
	cr_expect(err.msg[0]);
	cr_expect_not(blocking_exit_status(NULL, &(int){ 0 }));
	blocking_destroy(NULL);
}
