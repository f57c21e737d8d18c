/* SPDX-License-Identifier: MIT */
#include "profiler/inject_parts.h"

#include "profiler/clock.h"
#include "profiler/proc.h"

#include <stdio.h>

enum { LOOKS = 25 };

static bool is_wanted(const struct inject *in, const struct host_thread *t)
{
	switch (in->order.thread) {
	case INJECT_ANY:
		return true;
	case INJECT_MAIN:
		return t->main;
	case INJECT_TID:
		return t->tid == in->order.tid;
	}
	return false;
}

/* One that executes bytecode picks a request up within microseconds. */
const struct host_thread *inject_find_running(const struct inject *in)
{
	for (unsigned i = 0; i < in->host.nthreads; i++) {
		const struct host_thread *t = &in->host.threads[i];

		if (t->running && is_wanted(in, t))
			return t;
	}
	return NULL;
}

bool inject_has_ended(const struct inject *in, int tid)
{
	struct proc_stat stat;

	return proc_read_stat(in->host.target.pid, tid, &stat) || stat.state == 'Z' ||
	       stat.state == 'X';
}

/* The interpreter does not notice that a thread has ended by itself (pthread_exit()). */
const struct host_thread *inject_find_any(const struct inject *in)
{
	const struct host_thread *found = NULL;

	for (unsigned i = 0; i < in->host.nthreads; i++) {
		const struct host_thread *t = &in->host.threads[i];

		if (is_wanted(in, t) && (!found || t->main) && !inject_has_ended(in, t->tid))
			found = t;
	}
	return found;
}

/* Where whichever comes first takes it, none can be chosen unless there is one only. */
static bool can_choose(const struct inject *in)
{
	return in->order.thread == INJECT_ANY || !in->host.any_takes || in->host.nthreads == 1;
}

static enum ps_status cannot_choose(const struct inject *in, struct ps_err *err)
{
	ps_fail(err, PS_USAGE,
		"of the %u threads of process %d, %s lets whichever comes first run it: none can "
		"be chosen",
		in->host.nthreads, in->host.target.pid, in->host.python);
	ps_hint(err, "leave out --thread");
	return PS_USAGE;
}

/* Listed, and wanted, and yet not to be asked. */
static const struct host_thread *find_ended(const struct inject *in)
{
	for (unsigned i = 0; i < in->host.nthreads; i++) {
		if (is_wanted(in, &in->host.threads[i]))
			return &in->host.threads[i];
	}
	return NULL;
}

static enum ps_status no_thread(const struct inject *in, struct ps_err *err)
{
	const struct host_thread *ended = find_ended(in);
	int pid = in->host.target.pid;

	if (ended && in->order.thread != INJECT_ANY) {
		ps_fail(err, PS_NOT_READY,
			"thread %d of process %d has ended; the script did not run", ended->tid,
			pid);
		ps_hint(err, "leave out --thread");
		return PS_NOT_READY;
	}

	if (in->host.main_only && in->order.thread == INJECT_TID && in->host.nthreads) {
		ps_fail(err, PS_USAGE, "process %d has no thread %d that can be asked to run code",
			pid, in->order.tid);
		ps_hint(err, "in %s only the main thread can; without --thread, it is asked",
			in->host.python);
		return PS_USAGE;
	}
	if (in->host.main_only)
		return ps_fail(err, PS_NOT_READY,
			       "process %d has no main thread that runs Python, "
			       "and in %s no other can be asked",
			       pid, in->host.python);
	if (in->order.thread == INJECT_TID)
		ps_fail(err, PS_USAGE, "process %d has no thread %d that runs Python", pid,
			in->order.tid);
	else if (in->order.thread == INJECT_MAIN)
		ps_fail(err, PS_USAGE, "the main thread of process %d runs no Python", pid);
	else
		return ps_fail(err, PS_NOT_READY, "no thread of process %d runs Python", pid);
	ps_hint(err, "pysample dump %d shows its threads; without --thread, one is chosen", pid);
	return PS_USAGE;
}

/* The first that is met executing; if all are idle, the main thread. A look at a target that is
 * large, or means harm, takes its time. */
static enum ps_status choose(struct inject *in, uint64_t until, const struct host_thread **ret,
			     struct ps_err *err)
{
	for (unsigned i = 0; i < LOOKS && (!i || clock_now() < until); i++) {
		if (i)
			(void)clock_sleep_until(clock_now() + MS);
		if (inject_is_interrupted(in))
			return ps_fail(err, PS_NOT_READY,
				       "interrupted; the script was withdrawn and did not run");
		PS_TRY(host_look(&in->host, err));
		if (!can_choose(in))
			return cannot_choose(in, err);
		*ret = inject_find_running(in);
		if (*ret)
			return PS_OK;
	}
	*ret = inject_find_any(in);
	return *ret ? PS_OK : no_thread(in, err);
}

enum ps_status inject_ask(struct inject *in, const struct host_thread *t, const char *name,
			  struct ps_err *err)
{
	char path[PARCEL_PATH_MAX + 8];

	PS_TRY(host_admits(&in->host, t, err));
	snprintf(path, sizeof path, "%s/%s", in->parcel.inside, name);
	PS_TRY(request_ask(in->guard.request, &t->state, path, err));
	in->guard.request->tid = in->tid = t->tid;
	in->missed = 0;
	in->renewed_at = in->looked_at = clock_now();
	return PS_OK;
}

/* Threads end under us, and another tool's request may be in the way for a moment. */
enum ps_status inject_ask_somebody(struct inject *in, struct ps_err *err)
{
	bool first = !in->asked_at; /* else another one had been asked, and time goes on */
	uint64_t until = (first ? clock_now() : in->asked_at) + in->order.patience_ns;
	const struct host_thread *t = NULL;
	enum ps_status st;

	do {
		PS_TRY(choose(in, until, &t, err));
		if (first)
			in->asked_at = clock_now();
		st = inject_ask(in, t, PARCEL_SCRIPT, err);
		if (st == PS_NOT_READY)
			(void)clock_sleep_until(clock_now() + 10 * MS);
	} while ((st == PS_TORN || st == PS_NOT_READY) && clock_now() < until &&
		 !inject_is_interrupted(in));
	return st == PS_TORN ? PS_NOT_READY : st;
}
