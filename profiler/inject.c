/* SPDX-License-Identifier: MIT */
/* States of an order: laid down → waits (request.h) → taken → began (the script says so itself,
 * by its pipe) → ended. Whoever unlinks the script, it or we, decides whether it runs: that is
 * what makes "at most once" and "withdrawn" true. */
#include "profiler/inject.h"

#include "profiler/channel.h"
#include "profiler/clock.h"
#include "profiler/guard.h"
#include "profiler/host.h"
#include "profiler/inject_text.h"
#include "profiler/proc.h"
#include "profiler/scope.h"
#include "profiler/waiting.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { MS = 1000000, LOOKS = 25, PROBE_AFTER = 200 * MS };

struct inject {
	struct inject_order order;
	struct host host;
	struct parcel parcel;
	struct guard guard;
	struct channel channel;
	bool opened; /* the host is */
	int tid;     /* that was asked */
	int probed;  /* a probe was put behind the script */
	bool began;
	bool finished;
	uint64_t asked_at, taken_at, began_at, looked_at, renewed_at;
};

/* --- which thread --- */

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
static const struct host_thread *find_running(const struct inject *in)
{
	for (unsigned i = 0; i < in->host.nthreads; i++) {
		const struct host_thread *t = &in->host.threads[i];

		if (t->running && is_wanted(in, t))
			return t;
	}
	return NULL;
}

static const struct host_thread *find_any(const struct inject *in)
{
	const struct host_thread *found = NULL;

	for (unsigned i = 0; i < in->host.nthreads; i++) {
		const struct host_thread *t = &in->host.threads[i];

		if (is_wanted(in, t) && (!found || t->main))
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

static enum ps_status no_thread(const struct inject *in, struct ps_err *err)
{
	int pid = in->host.target.pid;

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

/* The first that is met executing; if all are idle, the main thread. */
static enum ps_status choose(struct inject *in, const struct host_thread **ret, struct ps_err *err)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		if (i)
			(void)clock_sleep_until(clock_now() + MS);
		PS_TRY(host_look(&in->host, err));
		if (!can_choose(in))
			return cannot_choose(in, err);
		*ret = find_running(in);
		if (*ret)
			return PS_OK;
	}
	*ret = find_any(in);
	return *ret ? PS_OK : no_thread(in, err);
}

/* --- asking --- */

static enum ps_status ask(struct inject *in, const struct host_thread *t, const char *name,
			  struct ps_err *err)
{
	char path[PARCEL_PATH_MAX + 8];

	PS_TRY(host_admits(&in->host, t, err));
	snprintf(path, sizeof path, "%s/%s", in->parcel.inside, name);
	PS_TRY(request_ask(in->guard.request, &t->state, path, err));
	in->guard.request->tid = in->tid = t->tid;
	in->renewed_at = in->looked_at = clock_now();
	return PS_OK;
}

static bool is_interrupted(const struct inject *in)
{
	return in->order.interrupted && in->order.interrupted(in->order.ctx);
}

/* Threads end under us, and another tool's request may be in the way for a moment. */
static enum ps_status ask_somebody(struct inject *in, struct ps_err *err)
{
	uint64_t until = clock_now() + in->order.patience_ns;
	const struct host_thread *t;
	enum ps_status st;

	do {
		PS_TRY(choose(in, &t, err));
		in->asked_at = clock_now();
		st = ask(in, t, PARCEL_SCRIPT, err);
		if (st == PS_NOT_READY)
			(void)clock_sleep_until(clock_now() + 10 * MS);
	} while ((st == PS_TORN || st == PS_NOT_READY) && clock_now() < until &&
		 !is_interrupted(in));
	return st == PS_TORN ? PS_NOT_READY : st;
}

/* --- opening --- */

static enum ps_status lay_down(struct inject *in, struct ps_err *err)
{
	const struct inject_order *o = &in->order;
	struct inject_text text = { .folder = in->parcel.inside,
				    .source = o->source,
				    .len = o->len,
				    .name = o->name,
				    .args = o->args,
				    .detach = o->detach };
	SCOPE_FREE char *script = NULL;
	struct proc_status status;
	size_t len;
	int fd;

	if (proc_read_status(in->host.target.pid, in->host.target.pid, &status))
		return ps_fail(err, PS_GONE, "process %d has ended", in->host.target.pid);
	text.inner_pid = status.inner_tid;
	PS_TRY(inject_text_make(&text, &script, &len, err));
	PS_TRY(parcel_make(&in->parcel, &fd, err));
	channel_init(&in->channel, fd);
	PS_TRY(parcel_add(&in->parcel, PARCEL_SCRIPT, script, len, err));
	PS_TRY(parcel_add(&in->parcel, PARCEL_PROBE, "", 0, err));
	return parcel_hand_over(&in->parcel, err);
}

static enum ps_status open_parts(int pid, struct inject *in, struct ps_err *err)
{
	struct patience p = { .deadline = clock_now() + in->order.patience_ns,
			      .interrupted = in->order.interrupted,
			      .ctx = in->order.ctx };
	struct request request = { 0 };
	enum ps_status st;

	PS_TRY(host_open(pid, &p, &in->host, err));
	in->opened = true;
	PS_TRY(parcel_choose(pid, &in->parcel, err));
	PS_TRY(host_prepare(&in->host, &request, err));
	st = guard_start(&request, &in->parcel, &in->guard, err);
	if (st) {
		request_close(&request);
		return st;
	}
	PS_TRY(lay_down(in, err));
	return ask_somebody(in, err);
}

enum ps_status inject_open(int pid, const struct inject_order *o, struct inject **ret,
			   struct ps_err *err)
{
	struct inject *in = calloc(1, sizeof *in);
	enum ps_status st;

	if (!in)
		return ps_fail(err, PS_NOMEM, "out of memory");
	in->order = *o;
	in->parcel.parent = in->parcel.folder = in->guard.wire = in->channel.fd = -1;
	st = open_parts(pid, in, err);
	if (st)
		inject_close(in);
	else
		*ret = in;
	return st;
}

/* --- until it has begun --- */

/* Waits for its pipe or its end, at most that long. */
static void wait_for_news(const struct inject *in, uint64_t ns)
{
	struct pollfd p[] = { { .fd = in->channel.fd, .events = POLLIN },
			      { .fd = in->host.target.pidfd, .events = POLLIN } };
	struct timespec time = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	ppoll(p, 2, &time, NULL);
}

static int outer_tid(const struct inject *in, uint64_t inner)
{
	for (unsigned i = 0; i < in->host.nthreads; i++) {
		if (in->host.threads[i].inner_tid == inner)
			return in->host.threads[i].tid;
	}
	return in->tid;
}

static enum ps_status not_ours(const struct inject *in, struct ps_err *err)
{
	return ps_fail(err, PS_FORMAT,
		       "what comes from process %d is not what our script sends: is the target "
		       "sound?",
		       in->host.target.pid);
}

static enum ps_status read_message(struct inject *in, struct inject_message *ret,
				   struct ps_err *err)
{
	static const char letters[] = { [INJECT_BEGAN] = 'b',
					[INJECT_OUT] = 'o',
					[INJECT_ERRORS] = 'e',
					[INJECT_RAISED] = 'x',
					[INJECT_DONE] = 'd' };
	struct channel_message m;
	enum ps_status st = channel_next(&in->channel, &m);
	unsigned kind = 0;

	if (st == PS_NOT_READY)
		return st;
	if (st)
		return not_ours(in, err);
	while (kind < sizeof letters && letters[kind] != m.kind)
		kind++;
	if (kind == sizeof letters || (kind == INJECT_BEGAN) == in->began)
		return not_ours(in, err);
	*ret = (struct inject_message){
		.kind = kind, .bytes = m.bytes, .len = m.len, .tid = in->tid
	};
	if (kind == INJECT_BEGAN) {
		char digits[24] = "";

		memcpy(digits, m.bytes, m.len < sizeof digits - 1 ? m.len : sizeof digits - 1);
		in->guard.request->tid = ret->tid = in->tid =
			outer_tid(in, strtoull(digits, NULL, 10));
		in->began = true;
		in->began_at = clock_now();
		ret->waited_ns = in->began_at - in->asked_at;
		if (in->probed) {
			enum request_state was;

			(void)!request_withdraw(in->guard.request, &was);
		}
	}
	in->finished = kind == INJECT_DONE;
	return PS_OK;
}

/* Another thread executes while ours sleeps: ask that one instead. */
static enum ps_status move(struct inject *in, const struct host_thread *t, struct ps_err *err)
{
	enum request_state was;

	if (request_withdraw(in->guard.request, &was) || was != REQUEST_WAITS)
		return PS_OK; /* a moment too late, or not now: the next look will tell */
	PS_TRY(host_look(&in->host, err));
	t = find_running(in);
	if (!t)
		t = find_any(in);
	if (!t || ask(in, t, PARCEL_SCRIPT, err))
		return ask_somebody(in, err);
	return PS_OK;
}

/* While it waits. */
static enum ps_status nudge(struct inject *in, bool signalled, struct ps_err *err)
{
	enum { LOOK_EVERY = 20 * MS, RENEW_AFTER = 20 * MS, WAKE_EVERY = 100 * MS };
	uint64_t now = clock_now();
	const struct host_thread *t;

	if (in->order.wake ? now - in->renewed_at >= WAKE_EVERY
			   : !signalled && now - in->renewed_at >= RENEW_AFTER) {
		(void)!request_renew(in->guard.request); /* what it cannot do now, it can later */
		in->renewed_at = clock_now();
	}
	if (in->order.thread != INJECT_ANY || now - in->looked_at < LOOK_EVERY)
		return PS_OK;
	in->looked_at = now;
	PS_TRY(host_look(&in->host, err));
	t = find_running(in);
	if (!t || t->tid == in->tid)
		return PS_OK;
	return move(in, t, err);
}

static const struct host_thread *find_asked(const struct inject *in)
{
	for (unsigned i = 0; i < in->host.nthreads; i++) {
		if (in->host.threads[i].tid == in->tid)
			return &in->host.threads[i];
	}
	return NULL;
}

/* Picked up, but the script does not say that it runs: it may be held up before that, or it was
 * refused. An empty script behind it tells: the thread takes it once it has done with the
 * first one. */
static enum ps_status after_taken(struct inject *in, struct inject_message *ret, struct ps_err *err)
{
	const struct host_thread *t;

	if (in->probed) { /* and that was taken, too */
		enum ps_status st = read_message(in, ret, err);

		if (st != PS_NOT_READY)
			return st;
		return parcel_claim(&in->parcel) ? host_refused(&in->host, in->parcel.inside, err)
						 : PS_NOT_READY;
	}
	if (clock_now() - in->taken_at < PROBE_AFTER || !parcel_has_script(&in->parcel))
		return PS_NOT_READY;
	t = find_asked(in);
	if (t && ask(in, t, PARCEL_PROBE, NULL) == PS_OK)
		in->probed = true;
	return PS_NOT_READY;
}

/* Another's request stands where ours did: ours was taken before that, or overwritten. A script
 * that is still there after a while was not run, and is asked for again: it runs once only. */
static enum ps_status after_lost(struct inject *in)
{
	const struct host_thread *t = find_asked(in);

	if (!in->probed && clock_now() - in->taken_at > PROBE_AFTER && t &&
	    parcel_has_script(&in->parcel) && ask(in, t, PARCEL_SCRIPT, NULL) == PS_OK)
		in->taken_at = 0;
	return PS_NOT_READY;
}

static enum ps_status ended(const struct inject *in, struct ps_err *err)
{
	return ps_fail(err, PS_GONE, "process %d ended %s", in->host.target.pid,
		       in->began ? "while the script ran" : "before the script ran");
}

static void explain_wait(const struct inject *in, struct ps_err *err)
{
	int pid = in->host.target.pid;
	char where[64];

	waiting_describe(pid, in->tid, where);
	if (strncmp(where, "stopped", 7) == 0)
		ps_hint(err, "the process is stopped: kill -CONT %d lets it go on", pid);
	else if (waiting_on_cpu(pid, in->tid))
		ps_hint(err,
			"the thread runs code in C that does not return to Python: wait longer "
			"(--timeout)");
	else
		ps_hint(err,
			"the thread is %s, and picks it up once that returns: wait longer "
			"(--timeout)%s",
			*where ? where : "idle",
			in->host.nthreads > 1 ? ", or choose another thread (--thread)" : "");
}

/* It is over before it began; or it began just now. */
static enum ps_status give_up(struct inject *in, bool interrupted, struct ps_err *err)
{
	enum request_state was;
	bool claimed;

	(void)!request_withdraw(in->guard.request, &was);
	claimed = parcel_claim(&in->parcel);
	if (!claimed)
		return PS_OK;
	if (interrupted)
		return ps_fail(err, PS_NOT_READY,
			       "interrupted; the script was withdrawn and did "
			       "not run");
	ps_fail(err, PS_NOT_READY,
		"thread %d of process %d did not pick the script up within %.3g s; it was "
		"withdrawn "
		"and did not run",
		in->tid, in->host.target.pid, (double)in->order.patience_ns / 1e9);
	explain_wait(in, err);
	return PS_NOT_READY;
}

static enum ps_status one_round(struct inject *in, struct inject_message *ret, struct ps_err *err)
{
	enum request_state state;
	bool signalled;
	enum ps_status st = read_message(in, ret, err);

	if (st != PS_NOT_READY)
		return st;
	if (target_ended(&in->host.target))
		return ended(in, err);
	if (request_state(in->guard.request, &state, &signalled))
		return host_gone(&in->host, err);
	if (state == REQUEST_WAITS) {
		st = nudge(in, signalled, err);
		return st ? st : PS_NOT_READY;
	}
	if (!in->taken_at)
		in->taken_at = clock_now();
	return state == REQUEST_LOST ? after_lost(in) : after_taken(in, ret, err);
}

static enum ps_status wait_until_begun(struct inject *in, struct inject_message *ret,
				       struct ps_err *err)
{
	uint64_t wait = MS / 10;
	bool given_up = false;

	for (;;) {
		struct ps_err why = { 0 };
		enum ps_status st = one_round(in, ret, &why);
		bool interrupted = is_interrupted(in);

		if (st != PS_NOT_READY || why.msg[0]) {
			if (st && err)
				*err = why;
			return st;
		}
		if (!given_up &&
		    (interrupted || clock_now() - in->asked_at > in->order.patience_ns)) {
			PS_TRY(give_up(in, interrupted, err));
			given_up = true; /* too late: it has claimed its script, and says so soon */
		}
		wait_for_news(in, wait);
		wait = wait < 5 * MS ? wait * 5 / 4 : wait;
	}
}

/* --- and then --- */

static enum ps_status lost_touch(struct inject *in, struct ps_err *err)
{
	enum { A_MOMENT = 1000 };

	/* A process that ends closes its files a little before it has ended. */
	for (unsigned ms = 0; ms < A_MOMENT; ms++) {
		if (target_ended(&in->host.target))
			return ended(in, err);
		(void)clock_sleep_until(clock_now() + MS);
	}
	return ps_fail(err, PS_LIMIT,
		       "the script in process %d has closed its connection to us without a word of "
		       "its end",
		       in->host.target.pid);
}

static enum ps_status wait_for_message(struct inject *in, struct inject_message *ret,
				       struct ps_err *err)
{
	enum { SLICE = 50 * MS };

	for (;;) {
		bool over = target_ended(&in->host.target); /* before the last words are read */
		enum ps_status st = read_message(in, ret, err);

		if (st != PS_NOT_READY)
			return st;
		if (over)
			return ended(in, err);
		if (in->channel.ended)
			return lost_touch(in, err);
		if (is_interrupted(in))
			return ps_fail(err, PS_LIMIT,
				       "interrupted; the script goes on in process %d without us",
				       in->host.target.pid);
		if (in->order.run_ns && clock_now() - in->began_at > in->order.run_ns)
			return ps_fail(err, PS_LIMIT,
				       "the script has not ended within %.3g s, and goes on in "
				       "process %d without us",
				       (double)in->order.run_ns / 1e9, in->host.target.pid);
		wait_for_news(in, SLICE);
	}
}

enum ps_status inject_next(struct inject *in, struct inject_message *ret, struct ps_err *err)
{
	if (!in->began)
		return wait_until_begun(in, ret, err);
	if (in->order.detach || in->finished) {
		*ret = (struct inject_message){ .kind = INJECT_DONE, .tid = in->tid };
		return PS_OK;
	}
	return wait_for_message(in, ret, err);
}

uint64_t inject_held_ns(const struct inject *in)
{
	return in->guard.request->held_ns;
}

const char *inject_python(const struct inject *in)
{
	return in->host.python;
}

void inject_close(struct inject *in)
{
	bool guarded = in->guard.wire >= 0;
	enum request_state was;
	enum ps_status st = guarded ? request_withdraw(in->guard.request, &was) : PS_OK;

	/* What we cannot take back now (another tracer, a thread that does not stand still), the
	 * guard tries for a while. */
	if (guarded && (in->began || in->taken_at))
		guard_settle(&in->guard, &in->parcel, in->finished ? in->channel.fd : -1,
			     in->began && !in->finished);
	if (guarded)
		request_close(in->guard.request);
	if (st == PS_DENIED || st == PS_TORN) {
		guard_leave(&in->guard);
		parcel_close(&in->parcel);
	} else {
		parcel_remove(&in->parcel);
		guard_dismiss(&in->guard);
	}
	channel_close(&in->channel);
	if (in->opened)
		host_close(&in->host);
	free(in);
}
