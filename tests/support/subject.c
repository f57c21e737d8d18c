/* SPDX-License-Identifier: MIT */
#include "tests/support/subject.h"

#include "profiler/proc.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap(void)
{
	const struct timespec ms = { 0, 1000000 };

	nanosleep(&ms, NULL);
}

void subject_start(struct subject *s, void (*run)(struct shared *shared))
{
	int parent = getpid();

	s->shared = mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED)
		abort();
	s->pid = fork();
	if (s->pid < 0)
		abort();
	if (s->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		run(s->shared);
	_exit(0);
}

void subject_end(struct subject *s)
{
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, __WALL) > 0)
		;
	munmap(s->shared, sizeof *s->shared);
}

void subject_await(const uint32_t *at, uint32_t least)
{
	while (__atomic_load_n(at, __ATOMIC_ACQUIRE) < least)
		nap();
}

void subject_await_state(int pid, int tid, const char *letters)
{
	struct proc_stat stat;

	while (proc_read_stat(pid, tid, &stat) != PS_OK || !strchr(letters, stat.state))
		nap();
}

bool subject_runs(const struct subject *s)
{
	uint64_t before = __atomic_load_n(&s->shared->work, __ATOMIC_RELAXED);

	for (int naps = 0; naps < 20000; naps++) {
		if (__atomic_load_n(&s->shared->work, __ATOMIC_RELAXED) != before)
			return true;
		nap();
	}
	return false;
}

void subject_work(struct shared *shared)
{
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE)) {
		__atomic_add_fetch(&shared->work, 1, __ATOMIC_RELAXED);
		nap();
	}
}

void *subject_worker(void *shared)
{
	subject_work(shared);
	return NULL;
}

void subject_start_thread(void *(*run)(void *), struct shared *shared)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, shared) || pthread_detach(thread))
		abort();
}
