/* SPDX-License-Identifier: MIT */
/* The real target.c, on this very process: reading oneself is always allowed. */
#include "profiler/target.h"

#include "profiler/clock.h"
#include "tests/support/subject.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* Two pages of which the second is a hole. */
static unsigned char *page_before_a_hole(void)
{
	unsigned char *at =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(at, MAP_FAILED);
	munmap(at + PAGE, PAGE);
	for (int i = 0; i < PAGE; i++)
		at[i] = (unsigned char)(i * 7);
	return at;
}

static raddr address(const void *at)
{
	return (raddr)(uintptr_t)at;
}

static void both_ways(void (*check)(struct target *t))
{
	struct target t;
	struct ps_err err = { 0 };

	cr_assert_eq(target_open(getpid(), &t, &err), PS_OK, "%s", err.msg);
	check(&t);
	t.by_file = true;
	check(&t);
	target_close(&t);
}

static void read_pieces(struct target *t)
{
	unsigned char *page = page_before_a_hole(), into[64];
	struct iovec remote[] = { { page + 10, 20 }, { page + 100, 1 }, { page + PAGE - 11, 11 } };
	struct iovec local[] = { { into, 5 }, { into + 5, 27 } };
	size_t got = 0;

	cr_expect_eq(target_readv(t, local, 2, remote, 3, &got), PS_OK);
	cr_expect_eq(got, 32);
	cr_expect_eq(memcmp(into, page + 10, 20), 0);
	cr_expect_eq(into[20], page[100]);
	cr_expect_eq(memcmp(into + 21, page + PAGE - 11, 11), 0);
	munmap(page, PAGE);
}

static void read_into_a_hole(struct target *t)
{
	unsigned char *page = page_before_a_hole(), into[64];
	struct iovec remote[] = { { page, 8 }, { page + PAGE - 8, 16 }, { page, 8 } };
	struct iovec local = { into, 32 };
	size_t got = 0;

	cr_expect_eq(target_readv(t, &local, 1, remote, 3, &got), PS_FAULT);
	cr_expect_eq(got, 16, "what came before the hole, also of the element: %zu", got);
	cr_expect_eq(memcmp(into + 8, page + PAGE - 8, 8), 0);
	cr_expect_eq(target_read(t, address(page + PAGE), into, 1), PS_FAULT);
	cr_expect_eq(target_read(t, 0, into, 8), PS_FAULT);
	cr_expect_eq(target_read(t, UINT64_MAX - 7, into, 8), PS_FAULT);
	cr_expect_eq(target_read(t, address(page), into, 8), PS_OK);
	munmap(page, PAGE);
}

Test(target, reads_pieces_into_pieces)
{
	both_ways(read_pieces);
}

Test(target, stops_at_a_hole_and_says_how_much_came)
{
	both_ways(read_into_a_hole);
}

Test(target, is_there_while_it_runs)
{
	struct target t;

	cr_assert_eq(target_open(getpid(), &t, NULL), PS_OK);
	cr_expect_not(target_ended(&t));
	cr_expect_not(target_execed(&t));
	target_close(&t);
	cr_expect_not(target_ended(&t), "without a pidfd");
	t.starttime++;
	cr_expect(target_ended(&t), "another user of the same pid");
}

Test(target, knows_that_there_is_no_process)
{
	struct target t;
	struct ps_err err = { 0 };
	int zombie = fork();

	if (zombie == 0)
		_exit(0);
	cr_expect_eq(target_open(INT32_MAX, &t, &err), PS_GONE);
	cr_expect(strstr(err.msg, "no process 2147483647"), "%s", err.msg);
	cr_expect_eq(target_open(0, &t, &err), PS_GONE);
	cr_expect_eq(target_open(-5, &t, &err), PS_GONE);
	waitid(P_PID, (id_t)zombie, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	cr_expect_eq(target_open(zombie, &t, &err), PS_GONE, "a zombie");
	waitpid(zombie, NULL, 0);
}

Test(target, notices_the_end_of_its_process)
{
	struct target t;
	int ends[2], child;
	char byte;

	cr_assert_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
	}
	cr_assert_eq(target_open(child, &t, NULL), PS_OK);
	cr_expect_not(target_ended(&t));
	close(ends[1]);
	waitid(P_PID, (id_t)child, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	cr_expect(target_ended(&t), "a zombie has ended");
	waitpid(child, NULL, 0);
	cr_expect(target_ended(&t));
	cr_expect_neq(target_read(&t, address(&t), &byte, 1), PS_OK);
	target_close(&t);
	close(ends[0]);
}

/* --- a main thread that has ended --- */

static void *ends_when_told(void *ctx)
{
	struct shared *shared = ctx;

	__atomic_store_n(&shared->signals, (uint32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
	subject_await(&shared->go, 1);
	return NULL;
}

static void *lives_on(void *ctx)
{
	struct shared *shared = ctx;

	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
	subject_await(&shared->go, 2);
	return NULL;
}

static void ends_first(struct shared *shared)
{
	subject_start_thread(ends_when_told, shared);
	subject_await(&shared->ready, 1);
	subject_start_thread(lives_on, shared);
	pthread_exit(NULL);
}

/* Its last thread but one, as the reader; then that one ends as well. */
static void open_by_a_thread_that_ends(struct subject *s, struct target *t)
{
	struct ps_err err = { 0 };
	int tid;

	subject_start(s, ends_first);
	subject_await(&s->shared->ready, 2);
	subject_await_state(s->pid, s->pid, "Z");
	tid = (int)__atomic_load_n(&s->shared->signals, __ATOMIC_ACQUIRE);
	cr_assert_eq(target_open(s->pid, t, &err), PS_OK, "%s", err.msg);
	cr_expect_neq(t->read_tid, s->pid);
	t->read_tid = tid;
	__atomic_store_n(&s->shared->go, 1, __ATOMIC_RELEASE);
	while (syscall(SYS_tgkill, s->pid, tid, 0) == 0)
		clock_sleep_until(clock_now() + 1000000);
}

Test(target, is_read_by_another_thread_when_the_one_that_was_asked_ends, .timeout = 60)
{
	struct ps_err err = { 0 };
	struct subject s;
	struct target t;
	uint32_t ready = 0;
	char *maps;
	size_t len;
	int tid;

	open_by_a_thread_that_ends(&s, &t);
	tid = t.read_tid;
	cr_assert_eq(target_read_proc(&t, "maps", 1 << 20, &maps, &len, &err), PS_OK, "%s",
		     err.msg);
	cr_expect(len > 0 && strstr(maps, "test_target"), "%s", maps);
	free(maps);
	cr_expect_neq(t.read_tid, tid);
	t.read_tid = tid;
	/* The first answer may be that it failed: then another is asked. */
	(void)!target_read(&t, address(&s.shared->ready), &ready, sizeof ready);
	cr_expect_eq(target_read(&t, address(&s.shared->ready), &ready, sizeof ready), PS_OK);
	cr_expect_eq(ready, 2);
	target_close(&t);
	subject_end(&s);
}

Test(target, follows_exec_by_a_thread_that_lives, .timeout = 60)
{
	struct ps_err err = { 0 };
	struct subject s;
	struct target t;

	open_by_a_thread_that_ends(&s, &t);
	cr_expect_eq(target_follow_exec(&t, &err), PS_OK, "%s", err.msg);
	cr_expect_not(target_execed(&t));
	target_close(&t);
	subject_end(&s);
}

Test(target, has_ended_when_its_last_thread_has, .timeout = 60)
{
	struct subject s;
	struct target t;
	char *maps;
	size_t len;

	open_by_a_thread_that_ends(&s, &t);
	cr_expect_not(target_ended(&t));
	__atomic_store_n(&s.shared->go, 2, __ATOMIC_RELEASE);
	waitid(P_PID, (id_t)s.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	cr_expect(target_ended(&t));
	cr_expect_eq(target_read_proc(&t, "maps", 1 << 20, &maps, &len, NULL), PS_GONE);
	target_close(&t);
	subject_end(&s);
}
