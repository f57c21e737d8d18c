/* SPDX-License-Identifier: MIT */
/* Patience and its end, with real processes that are no Python. */
#include "profiler/attach.h"

#include "profiler/blocking.h"
#include "profiler/clock.h"
#include "profiler/proc.h"
#include "tests/support/subject.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS (uint64_t)1000000

TestSuite(attach, .timeout = 240);

static enum ps_status attach_to(int pid, const struct patience *p, struct ps_err *err)
{
	struct target t;
	struct sampler s;
	struct profile *profile;
	enum ps_status st;

	cr_assert_eq(profile_create(1 << 20, &profile), PS_OK);
	st = attach(pid, p, &t, profile, &s, err);
	cr_expect(st == PS_OK || err->msg[0]);
	profile_destroy(profile);
	return st;
}

static bool yes(void *ctx)
{
	return ++*(unsigned *)ctx > 3;
}

static bool never(void *ctx)
{
	++*(unsigned *)ctx;
	return false;
}

Test(attach, what_is_young_and_no_python_is_waited_for_until_patience_ends)
{
	unsigned asked = 0, looks = 0;
	struct patience interrupted = { .started = true, .interrupted = yes, .ctx = &asked };
	struct patience dated = { .started = true, .deadline = clock_now() + 200 * MS };
	struct patience usual = { 0 };
	struct ps_err err = { 0 };
	struct subject s;
	uint64_t began = clock_now();

	subject_start(&s, subject_work);
	subject_await(&s.shared->ready, 1);
	cr_expect_eq(attach_to(s.pid, &interrupted, &err), PS_NOT_PYTHON);
	cr_expect_gt(asked, 3);
	cr_expect_eq(attach_to(s.pid, &dated, &err), PS_NOT_PYTHON);
	cr_expect_geq(clock_now() - began, 200 * MS);
	cr_expect_eq(attach_to(s.pid, &usual, &err), PS_NOT_PYTHON);
	cr_expect_geq(clock_now() - began, 1900 * MS, "it might have become one");
	usual = (struct patience){ .interrupted = never, .ctx = &looks };
	cr_expect_eq(attach_to(s.pid, &usual, &err), PS_NOT_PYTHON);
	cr_expect_eq(looks, 1, "it is old enough now: %u", looks);
	subject_end(&s);
}

static void ends_soon(struct shared *shared)
{
	subject_await(&shared->go, 1);
}

static bool let_go(void *ctx)
{
	struct shared *shared = ctx;

	__atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
	return false;
}

Test(attach, the_end_of_what_is_waited_for_is_noticed)
{
	struct ps_err err = { 0 };
	struct subject s;
	struct patience p = { .started = true, .interrupted = let_go };

	subject_start(&s, ends_soon);
	p.ctx = s.shared;
	cr_expect_eq(attach_to(s.pid, &p, &err), PS_GONE);
	subject_end(&s);
	cr_expect_eq(attach_to(s.pid, &p, &err), PS_GONE, "it is not there at all");
}

/* --- exec --- */

static int report[2];

static void becomes_shell(struct shared *shared)
{
	char script[128];

	snprintf(script, sizeof script, "echo >/proc/self/fd/%d; exec sleep 1000", report[1]);
	subject_await(&shared->go, 1);
	execl("/bin/sh", "sh", "-c", script, NULL);
	abort();
}

static bool is_asleep(void *ctx)
{
	char comm[32];

	proc_comm(*(int *)ctx, *(int *)ctx, comm);
	return strcmp(comm, "sleep") == 0;
}

/* A sampler that has nothing but a target, and what stops it. */
static void open_sampler(struct sampler *s, struct target *t, const struct subject *subject,
			 bool blocking)
{
	struct ps_err err = { 0 };

	*s = (struct sampler){ .target = t };
	cr_assert_eq(target_open(subject->pid, t, &err), PS_OK, "%s", err.msg);
	if (blocking)
		cr_assert_eq(sampler_use_blocking(s, &err), PS_OK, "%s", err.msg);
}

/* A tracee stops at exec, and at each signal: unless somebody serves it, it never gets to
 * be the program that is waited for. */
Test(attach, following_exec_serves_a_target_that_is_traced)
{
	for (int blocking = 0; blocking < 2; blocking++) {
		struct subject subject;
		struct target t;
		struct sampler s;
		struct ps_err err = { 0 };
		struct patience p = { .started = true, .interrupted = is_asleep };
		struct proc_stat stat;
		enum ps_status st;
		char byte;

		cr_assert_eq(pipe(report), 0);
		subject_start(&subject, becomes_shell);
		close(report[1]);
		open_sampler(&s, &t, &subject, blocking);
		__atomic_store_n(&subject.shared->go, 1, __ATOMIC_RELEASE);
		while (!target_execed(&t)) {
			if (blocking)
				blocking_sleep_until(s.blocking, clock_now() + MS);
		}
		p.ctx = &subject.pid;
		st = attach_follow_exec(&s, &p, &err);
		cr_expect(st == PS_NOT_PYTHON || st == PS_NOT_READY, "%s", ps_status_name(st));
		cr_expect_eq(read(report[0], &byte, 1), 1, "it came to life");
		while (proc_read_stat(subject.pid, subject.pid, &stat) == PS_OK &&
		       stat.state != 'S') {
			if (blocking)
				blocking_sleep_until(s.blocking, clock_now() + MS);
		}
		blocking_destroy(s.blocking);
		target_close(&t);
		close(report[0]);
		subject_end(&subject);
	}
}

static void becomes_sleep(struct shared *shared)
{
	subject_await(&shared->go, 1);
	execl("/bin/sleep", "sleep", "1000", NULL);
	abort();
}

/* Not for ever, also without a deadline: what was a Python is given some seconds. */
Test(attach, what_became_no_python_is_given_up)
{
	struct subject subject;
	struct target t;
	struct sampler s;
	struct ps_err err = { 0 };
	struct patience p = { 0 };
	uint64_t began;

	subject_start(&subject, becomes_sleep);
	open_sampler(&s, &t, &subject, false);
	__atomic_store_n(&subject.shared->go, 1, __ATOMIC_RELEASE);
	while (!target_execed(&t))
		clock_sleep_until(clock_now() + MS);
	began = clock_now();
	cr_expect_eq(attach_follow_exec(&s, &p, &err), PS_NOT_PYTHON);
	cr_expect_geq(clock_now() - began, 9000 * MS);
	target_close(&t);
	subject_end(&subject);
}
