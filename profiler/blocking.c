/* SPDX-License-Identifier: MIT */
/* States of a tracee: running → (PTRACE_INTERRUPT, or an event) → standing → (PTRACE_CONT;
 * PTRACE_LISTEN if job control holds it) → running. Every edge is in serve() or
 * blocking_resume(). Nothing here relies on being undone: the kernel detaches all
 * tracees of a tracer that dies, and seized ones run on (ptrace(2), PTRACE_SEIZE). */
#include "profiler/blocking.h"

#include "profiler/clock.h"
#include "profiler/denied.h"
#include "profiler/proc.h"
#include "profiler/seat.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct tracee {
	int tid;
	bool standing;
	bool held; /* by job control: must not be continued, only listened to */
};

struct blocking {
	int pid;
	struct tracee *v;
	unsigned n, cap;
	bool stopping; /* the next stop of each is to be kept */
	bool gone;
	bool has_status;
	int status;
	int error;  /* errno of the thread that could not be attached */
	int tracer; /* who traces it */
	struct seat seat;
	int follow;  /* whose CPU the seat is to be on; 0: nobody's */
	bool seated; /* it was taken */
};

static struct tracee *find(struct blocking *b, int tid)
{
	for (unsigned i = 0; i < b->n; i++) {
		if (b->v[i].tid == tid)
			return &b->v[i];
	}
	return NULL;
}

static struct tracee *add(struct blocking *b, int tid)
{
	if (b->n == b->cap) {
		unsigned cap = b->cap ? b->cap * 2 : 16;
		struct tracee *grown = realloc(b->v, cap * sizeof *grown);

		if (!grown)
			return NULL;
		b->v = grown;
		b->cap = cap;
	}
	b->v[b->n] = (struct tracee){ .tid = tid };
	return &b->v[b->n++];
}

static void forget(struct blocking *b, int tid)
{
	struct tracee *t = find(b, tid);

	if (t)
		*t = b->v[--b->n];
	if (!b->n)
		b->gone = true;
}

/* A thread that is gone, or a leader that has ended while others live, never stops. */
static bool has_ended(int pid, int tid)
{
	struct proc_stat stat;

	return proc_read_stat(pid, tid, &stat) != PS_OK || stat.state == 'Z' || stat.state == 'X';
}

static int tracer_of(int pid, int tid)
{
	struct proc_status status;

	return proc_read_status(pid, tid, &status) == PS_OK ? status.tracer : 0;
}

/* The kernel says EPERM of a thread that is traced already, and so it is by us if one that
 * we trace has started it; of one that is ending; and of what it forbids. */
static bool seize(int tid, void *ctx)
{
	struct blocking *b = ctx;

	if (find(b, tid))
		return true;
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC))) {
		int error = errno;

		if (error == ESRCH || has_ended(b->pid, tid))
			return true;
		b->tracer = tracer_of(b->pid, tid);
		if (b->tracer != getpid()) {
			b->error = error;
			return false;
		}
	}
	if (!add(b, tid))
		b->error = ENOMEM;
	return !b->error;
}

static void continue_tracee(struct blocking *b, struct tracee *t, int signal)
{
	if (t->held && !signal)
		ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
	else
		ptrace(PTRACE_CONT, t->tid, NULL, (void *)(intptr_t)signal);
	t->standing = false;
	/* Asked again: what it stopped for was not our request, which is still open only if
	 * the kernel had not merged the two. */
	if (b->stopping)
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
}

/* clone() may also make another process that shares the memory; that is none of ours. */
static void adopt_clone(struct blocking *b, int tid)
{
	unsigned long message = 0;
	struct proc_status status;
	int fresh;

	if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &message))
		return;
	fresh = (int)message;
	if (proc_read_status(fresh, fresh, &status) == PS_OK && status.tgid != b->pid) {
		int ignored;

		waitpid(fresh, &ignored, __WALL);
		ptrace(PTRACE_DETACH, fresh, NULL, NULL);
		return;
	}
	if (!find(b, fresh))
		(void)!add(b, fresh);
}

static bool is_job_control(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* Another thread's exec ends all threads but the leader, without a word of them. */
static void keep_only_leader(struct blocking *b)
{
	for (unsigned i = b->n; i > 0; i--) {
		if (b->v[i - 1].tid != b->pid)
			forget(b, b->v[i - 1].tid);
	}
}

static void forget_ended(struct blocking *b)
{
	for (unsigned i = b->n; i > 0; i--) {
		if (!b->v[i - 1].standing && has_ended(b->pid, b->v[i - 1].tid))
			forget(b, b->v[i - 1].tid);
	}
}

static void serve_stop(struct blocking *b, struct tracee *t, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	t->held = false;
	if (event == PTRACE_EVENT_STOP) {
		t->held = is_job_control(signal);
		if (b->stopping)
			t->standing = true;
		else
			continue_tracee(b, t, 0);
	} else if (event == PTRACE_EVENT_CLONE) {
		int tid = t->tid;

		adopt_clone(b, tid);
		t = find(b, tid); /* adding may have moved it */
		continue_tracee(b, t, 0);
	} else if (event == PTRACE_EVENT_EXEC) {
		int tid = t->tid;

		keep_only_leader(b);
		blocking_follow(b, 0);
		t = find(b, tid);
		if (t)
			continue_tracee(b, t, 0);
	} else if (event) {
		continue_tracee(b, t, 0);
	} else {
		continue_tracee(b, t, signal);
	}
}

static void serve(struct blocking *b, int tid, int status)
{
	struct tracee *t = find(b, tid);

	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (tid == b->pid) {
			b->has_status = true;
			b->status = status;
			b->gone = true;
		}
		forget(b, tid);
		return;
	}
	if (!WIFSTOPPED(status))
		return;
	if (!t)
		t = add(b, tid); /* a new thread's first stop may come before its clone event */
	if (t)
		serve_stop(b, t, status);
}

static bool all_standing(const struct blocking *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		if (!b->v[i].standing)
			return false;
	}
	return true;
}

/* Why no thread, or not all of them, could be attached. */
static enum ps_status why_not(int pid, int error, int tracer, struct ps_err *err)
{
	if (!error)
		return ps_fail(err, PS_GONE, "process %d has ended", pid);
	if (error == ENOMEM)
		return ps_fail(err, PS_NOMEM, "out of memory");
	if (!tracer)
		return denied_stopping(pid, error, err);
	ps_fail(err, PS_DENIED, "process %d is traced by process %d already", pid, tracer);
	ps_hint(err, "end that debugger, or leave out --blocking");
	return PS_DENIED;
}

enum ps_status blocking_create(int pid, struct blocking **ret, struct ps_err *err)
{
	struct blocking *b = calloc(1, sizeof *b);
	int error, tracer;
	sigset_t child;
	unsigned before;

	if (!b)
		return ps_fail(err, PS_NOMEM, "out of memory");
	b->pid = pid;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL); /* taken by sigtimedwait below */
	do { /* threads that were started while we went over the list */
		before = b->n;
		if (proc_each_thread(pid, seize, b) == PS_GONE)
			b->gone = true;
	} while (b->n != before && !b->error);
	if (!b->error && b->n) {
		*ret = b;
		return PS_OK;
	}
	error = b->error;
	tracer = b->tracer;
	blocking_destroy(b); /* or it is traced, by us, when it is asked why */
	return why_not(pid, error, tracer, err);
}

/* Waits for news of any tracee, at most a little while, for some never give any. */
static void wait_for_news(struct blocking *b)
{
	struct timespec soon = { 0, 20000000 };
	sigset_t child;
	int status, tid = waitpid(-1, &status, __WALL | WNOHANG);

	if (tid > 0) {
		serve(b, tid, status);
		return;
	}
	if (tid < 0 && errno == ECHILD) {
		b->gone = true;
		return;
	}
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	if (sigtimedwait(&child, NULL, &soon) < 0 && errno == EAGAIN)
		forget_ended(b);
}

/* All stand, or the second is over: a thread in an uninterruptible wait does not stop. */
enum ps_status blocking_stop(struct blocking *b)
{
	enum { PATIENCE_NS = 1000000000 };
	uint64_t began = clock_now();

	b->stopping = true;
	for (unsigned i = 0; i < b->n; i++) {
		if (!b->v[i].standing)
			ptrace(PTRACE_INTERRUPT, b->v[i].tid, NULL, NULL);
	}
	while (!b->gone && !all_standing(b)) {
		wait_for_news(b);
		if (clock_now() - began > PATIENCE_NS) {
			blocking_resume(b);
			return PS_TORN;
		}
	}
	return b->gone ? PS_GONE : PS_OK;
}

void blocking_resume(struct blocking *b)
{
	b->stopping = false;
	for (unsigned i = 0; i < b->n; i++) {
		if (b->v[i].standing)
			continue_tracee(b, &b->v[i], 0);
	}
}

void blocking_follow(struct blocking *b, int tid)
{
	b->follow = tid;
	if (!tid)
		seat_leave(&b->seat);
}

bool blocking_is_seated(const struct blocking *b)
{
	return b && b->seated;
}

/* Who comes first on a CPU and hardly sleeps leaves nothing of it to the target. */
static void choose_seat(struct blocking *b, uint64_t now, uint64_t when)
{
	enum { WORTH_NS = 100000 };

	if (!b->gone && b->follow && when > now && when - now >= WORTH_NS)
		b->seated |= seat_take(&b->seat, b->pid, b->follow);
	else
		seat_leave(&b->seat);
}

static void serve_pending(struct blocking *b)
{
	int status, tid;

	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
		serve(b, tid, status);
}

bool blocking_sleep_until(struct blocking *b, uint64_t when)
{
	sigset_t child;
	uint64_t now;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	serve_pending(b);
	choose_seat(b, clock_now(), when);
	if (b->gone)
		return clock_sleep_until(when);
	while (!b->gone && (now = clock_now()) < when) {
		struct timespec left = { (time_t)((when - now) / 1000000000),
					 (long)((when - now) % 1000000000) };

		if (sigtimedwait(&child, NULL, &left) == SIGCHLD)
			serve_pending(b);
		else if (errno == EINTR)
			return false;
	}
	return true;
}

bool blocking_exit_status(const struct blocking *b, int *ret)
{
	if (b && b->has_status)
		*ret = b->status;
	return b && b->has_status;
}

void blocking_destroy(struct blocking *b)
{
	if (!b)
		return;
	seat_leave(&b->seat);
	if (b->n && blocking_stop(b) == PS_OK) {
		for (unsigned i = 0; i < b->n; i++)
			ptrace(PTRACE_DETACH, b->v[i].tid, NULL, NULL);
	}
	free(b->v);
	free(b);
}
