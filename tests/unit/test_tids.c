/* SPDX-License-Identifier: MIT */
#include "profiler/tids.h"

#include "profiler/proc.h"
#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS_MAX = 500 };

enum ps_status __real_proc_read_status(int pid, int tid, struct proc_status *ret);
enum ps_status __wrap_proc_read_status(int pid, int tid, struct proc_status *ret);

static unsigned reads;

/* Threads of this process count from 7 on in their "namespace". */
static int shift;

enum ps_status __wrap_proc_read_status(int pid, int tid, struct proc_status *ret)
{
	enum ps_status st = __real_proc_read_status(pid, tid, ret);

	reads++;
	if (!st)
		ret->inner_tid += shift;
	return st;
}

/* --- threads that stand until they are let go --- */

static pthread_t threads[THREADS_MAX];
static int ids[THREADS_MAX], started, stop[2];

static void *stand(void *at)
{
	char byte;

	__atomic_store_n((int *)at, (int)syscall(SYS_gettid), __ATOMIC_RELAXED);
	__atomic_add_fetch(&started, 1, __ATOMIC_RELEASE);
	return (void *)(intptr_t)read(stop[0], &byte, 1);
}

static void start_threads(int from, int to)
{
	for (int i = from; i < to; i++) {
		if (pthread_create(&threads[i], NULL, stand, &ids[i]))
			abort();
	}
	while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) < to)
		sched_yield();
}

static void stop_threads(int n)
{
	close(stop[1]);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	close(stop[0]);
	started = 0;
}

Test(tids, each_thread_is_read_once_however_they_come)
{
	struct tids t = { 0 };
	uint32_t others; /* than those that are started here: of the test's own machinery */

	shift = 1000000;
	cr_assert_eq(pipe(stop), 0);
	cr_assert_eq(tids_update(&t, getpid(), true), PS_OK);
	others = t.n;
	reads = 0;
	for (int n = 0; n < THREADS_MAX; n++) {
		start_threads(n, n + 1);
		cr_assert_eq(tids_update(&t, getpid(), false), PS_OK);
		cr_expect_eq(tids_find(&t, (uint64_t)(ids[n] + shift)), ids[n]);
	}
	cr_expect_eq(t.n, THREADS_MAX + others);
	cr_expect_eq(reads, THREADS_MAX, "%u", reads);
	for (int i = 0; i < THREADS_MAX; i++)
		cr_expect_eq(tids_find(&t, (uint64_t)(ids[i] + shift)), ids[i]);
	cr_expect_eq(tids_find(&t, (uint64_t)(getpid() + shift)), getpid());
	cr_expect_eq(tids_find(&t, 0), 0);
	cr_expect_eq(tids_find(&t, UINT64_MAX), 0);
	stop_threads(THREADS_MAX);
	tids_deinit(&t);
}

Test(tids, those_that_ended_are_forgotten, .timeout = 60)
{
	struct tids t = { 0 };
	uint32_t others;

	cr_assert_eq(tids_update(&t, getpid(), false), PS_OK);
	others = t.n;
	cr_assert_eq(pipe(stop), 0);
	start_threads(0, 20);
	cr_assert_eq(tids_update(&t, getpid(), false), PS_OK);
	cr_expect_eq(t.n, others + 20);
	stop_threads(20);
	/* A thread that was joined can be listed for a moment still. */
	while (t.n > others)
		cr_assert_eq(tids_update(&t, getpid(), false), PS_OK);
	cr_expect_eq(tids_find(&t, (uint64_t)ids[0]), 0);
	cr_expect_eq(tids_find(&t, (uint64_t)getpid()), getpid());
	tids_deinit(&t);
}

Test(tids, an_id_that_became_another_threads_is_found_by_reading_anew)
{
	struct tids t = { 0 };
	int pid = getpid();

	cr_assert_eq(tids_update(&t, pid, false), PS_OK);
	shift = 1000000; /* as if the thread were another now */
	cr_assert_eq(tids_update(&t, pid, false), PS_OK);
	cr_expect_eq(tids_find(&t, (uint64_t)(pid + shift)), 0);
	cr_assert_eq(tids_update(&t, pid, true), PS_OK);
	cr_expect_eq(tids_find(&t, (uint64_t)(pid + shift)), pid);
	tids_deinit(&t);
}

Test(tids, a_process_that_is_gone_or_memory_that_runs_out_leaves_it_as_it_was)
{
	struct tids t = { 0 };
	int pid = getpid(), gone = fork();

	if (gone == 0)
		_exit(0);
	waitpid(gone, NULL, 0);
	cr_assert_eq(tids_update(&t, pid, false), PS_OK);
	cr_expect_eq(tids_update(&t, gone, false), PS_GONE);
	cr_expect_eq(tids_find(&t, (uint64_t)pid), pid);
	for (unsigned long k = 1; k <= 2; k++) {
		fail_alloc_at(k);
		cr_expect_eq(tids_update(&t, pid, true), PS_NOMEM, "allocation %lu", k);
		fail_alloc_at(0);
		cr_expect_eq(tids_find(&t, (uint64_t)pid), pid);
	}
	tids_deinit(&t);
}

/* --- a real namespace --- */

/* 1 inside; its threads are 2 and on. It ends with the test, for it reads from it. */
static void be_a_container(int ready)
{
	close(stop[1]);
	start_threads(0, 30);
	(void)!write(ready, "", 1);
	stand(&ids[30]);
	_exit(0);
}

static void start_container(int pid_to, int ready)
{
	int pid;

	if (unshare(CLONE_NEWPID) || (pid = fork()) < 0)
		_exit(1);
	if (pid == 0)
		be_a_container(ready);
	_exit(write(pid_to, &pid, sizeof pid) != sizeof pid);
}

Test(tids, in_a_namespace_of_its_own)
{
	struct tids t = { 0 };
	int report[2], ready[2], pid = 0, launcher, status;
	char byte;

	cr_assert_eq(geteuid(), 0, "a pid namespace needs root");
	cr_assert(pipe(report) == 0 && pipe(ready) == 0 && pipe(stop) == 0);
	launcher = fork();
	if (launcher == 0)
		start_container(report[1], ready[1]);
	waitpid(launcher, &status, 0);
	cr_assert_eq(status, 0);
	close(ready[1]);
	cr_assert_eq(read(report[0], &pid, sizeof pid), sizeof pid);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_assert_eq(tids_update(&t, pid, false), PS_OK);
	cr_expect_eq(t.n, 31);
	cr_expect_eq(tids_find(&t, 1), pid);
	for (uint64_t inner = 2; inner <= 31; inner++)
		cr_expect_gt(tids_find(&t, inner), pid);
	close(stop[1]);
	tids_deinit(&t);
}
