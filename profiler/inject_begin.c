/* SPDX-License-Identifier: MIT */
#include "profiler/inject_parts.h"

#include "profiler/clock.h"
#include "profiler/waiting.h"

#include <string.h>

enum { PROBE_AFTER = 200 * MS };

/* Another thread executes while ours sleeps: ask that one instead. */
static enum ps_status move(struct inject *in, const struct host_thread *t, struct ps_err *err)
{
	enum request_state was;

	if (request_withdraw(in->guard.request, &was) || was != REQUEST_WAITS)
		return PS_OK; /* a moment too late, or not now: the next look will tell */
	PS_TRY(host_look(&in->host, err));
	t = inject_find_running(in);
	if (!t)
		t = inject_find_any(in);
	if (!t || inject_ask(in, t, PARCEL_SCRIPT, err))
		return inject_ask_somebody(in, err);
	return PS_OK;
}

/* A process that ends gives its memory back a little before it has ended. */
static enum ps_status unreadable(struct inject *in, struct ps_err *err)
{
	return inject_ends_soon(in) ? inject_ended(in, err)
				    : ps_fail(err, PS_GONE, "process %d has replaced its program",
					      in->host.target.pid);
}

/* Only 3.14 and later look at requests when a call comes back with EINTR. */
static bool can_wake(const struct inject *in)
{
	return in->host.way == EXEC_DOOR;
}

static const struct host_thread *find_asked(const struct inject *in)
{
	for (unsigned i = 0; i < in->host.nthreads; i++) {
		if (in->host.threads[i].tid == in->tid)
			return &in->host.threads[i];
	}
	return NULL;
}

/* One of a pool in C lives on when Python has forgotten it. A list that changes while it is read
 * may lack one that is there: once is not enough. */
static bool has_left(struct inject *in)
{
	enum { LOOK_EVERY = 200 * MS, MISSED = 3 };

	if (clock_now() - in->listed_at < LOOK_EVERY)
		return false;
	if (host_look(&in->host, NULL) || host_lists(&in->host, in->guard.request))
		in->missed = 0;
	else
		in->missed++;
	in->listed_at = clock_now();
	return in->missed >= MISSED;
}

/* With its request, of which nothing will be heard any more, and in whose place is anything. */
static bool asked_has_ended(struct inject *in)
{
	enum { LOOK_EVERY = 20 * MS };

	if (in->host.any_takes || clock_now() - in->lived_at < LOOK_EVERY)
		return false;
	in->lived_at = clock_now();
	return inject_has_ended(in, in->tid) || has_left(in);
}

static enum ps_status after_end(struct inject *in, struct ps_err *err)
{
	enum request_state was;
	enum ps_status st;

	if (in->order.thread != INJECT_ANY && !in->host.main_only) {
		if (inject_ends_soon(in))
			return inject_ended(in, err);
		if (!parcel_claim(&in->parcel))
			return PS_OK; /* it ran there before that, and its words will come */
		ps_fail(err, PS_NOT_READY,
			"thread %d of process %d has %s without picking the script up; it was "
			"withdrawn and did not run",
			in->tid, in->host.target.pid,
			inject_has_ended(in, in->tid) ? "ended" : "left Python");
		ps_hint(err, "leave out --thread");
		return PS_NOT_READY;
	}
	(void)!request_withdraw(in->guard.request, &was);
	in->taken_at = 0;
	in->refusals = 0;
	in->probed = in->again = false;
	st = inject_ask_somebody(in, err);
	/* A process that ends loses its threads a little before that. */
	return st == PS_NOT_READY && inject_ends_soon(in) ? inject_ended(in, err) : st;
}

/* While it waits. */
static enum ps_status nudge(struct inject *in, bool signalled, struct ps_err *err)
{
	enum { LOOK_EVERY = 20 * MS, RENEW_AFTER = 20 * MS, WAKE_EVERY = 100 * MS };
	uint64_t now = clock_now();
	const struct host_thread *t;
	enum ps_status st;

	if (can_wake(in) && in->order.wake ? now - in->renewed_at >= WAKE_EVERY
					   : !signalled && now - in->renewed_at >= RENEW_AFTER) {
		(void)!request_renew(in->guard.request); /* what it cannot do now, it can later */
		in->renewed_at = clock_now();
	}
	if (in->order.thread != INJECT_ANY || now - in->looked_at < LOOK_EVERY)
		return PS_OK;
	in->looked_at = now;
	st = host_look(&in->host, err);
	if (st)
		return st == PS_GONE ? unreadable(in, err) : st;
	t = inject_find_running(in);
	if (!t || t->tid == in->tid)
		return PS_OK;
	return move(in, t, err);
}

static bool is_in_hook(struct inject *in)
{
	const struct host_thread *t = find_asked(in);

	return t && host_in_hook(&in->host, t);
}

/* Picked up, but the script does not say that it runs: it may be held up before that, or it was
 * refused. As long as it has not been read, an empty script behind it tells: the thread takes
 * that once it has done with the first one. Once it was read, the thread is at it, and takes
 * the empty one in the middle of it, if there are others that want the GIL, say: then the only
 * proof is that the time is over. Nor does it tell anything while the thread is in a hook, which
 * takes its time to say yes or no, and in which the empty one is taken as well. (One with
 * __cantrace__, or in C, is not seen to be a hook; what is said of one that does not come back
 * allows for that.)
 *
 * One refusal is none: where the thread was interrupted in code whose builtins have no __import__,
 * as the classes that namedtuple() makes, the interpreter cannot open the script either (3.15.2:
 * "Can't open debugger script", KeyError). So it is asked for again, a few times. */
static enum ps_status after_taken(struct inject *in, struct ps_err *err)
{
	enum { REFUSALS = 5 };
	const struct host_thread *t;

	if (parcel_was_read(&in->parcel))
		return PS_OK;
	if (is_in_hook(in)) {
		in->renewed_at = clock_now();
		return PS_OK;
	}
	if (in->probed) { /* and that was taken, too */
		if (++in->refusals >= REFUSALS)
			return parcel_claim(&in->parcel)
				       ? host_refused(&in->host, in->parcel.inside, err)
				       : PS_OK;
		in->probed = false;
		in->again = true;
	}
	if (clock_now() - in->taken_at < PROBE_AFTER || clock_now() - in->renewed_at < PROBE_AFTER)
		return PS_OK;
	in->renewed_at = clock_now(); /* what cannot be asked now is not tried all the while */
	t = find_asked(in);
	if (!t || inject_ask(in, t, in->again ? PARCEL_SCRIPT : PARCEL_PROBE, NULL))
		return PS_OK;
	in->probed = !in->again;
	if (in->again)
		in->taken_at = 0;
	in->again = false;
	return PS_OK;
}

/* Another's request stands where ours did: ours was taken before that, or overwritten. A script
 * that is still there after a while was not run, and is asked for again: it runs once only. */
static void after_lost(struct inject *in)
{
	const struct host_thread *t = find_asked(in);

	if (!in->probed && clock_now() - in->taken_at > PROBE_AFTER && t &&
	    clock_now() - in->renewed_at > PROBE_AFTER && parcel_has_script(&in->parcel) &&
	    inject_ask(in, t, PARCEL_SCRIPT, NULL) == PS_OK)
		in->taken_at = 0;
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
	else if (strcmp(where, "has ended") == 0)
		ps_hint(err, "the thread has ended: leave out --thread");
	else
		ps_hint(err,
			"the thread is %s, and picks it up once that returns: wait longer "
			"(--timeout)%s",
			*where ? where : "idle",
			in->host.nthreads > 1 ? ", or choose another thread (--thread)" : "");
}

/* Whether it was refused is not known: the thread has executed nothing since, in which it would
 * have taken the probe. */
static enum ps_status not_back(const struct inject *in, struct ps_err *err)
{
	ps_fail(err, PS_NOT_READY,
		"thread %d of process %d took the request and has not come back from it within "
		"%.3g s; the script was withdrawn and did not run",
		in->tid, in->host.target.pid, (double)in->order.patience_ns / 1e9);
	ps_hint(err, "an audit hook in C, or with __cantrace__, may hold it, or has refused it "
		     "before the thread went on into C: wait longer (--timeout)");
	return PS_NOT_READY;
}

/* It is over before it began; or it began just now. */
static enum ps_status give_up(struct inject *in, bool interrupted, struct ps_err *err)
{
	struct ps_err wait = { 0 };
	bool in_hook = is_in_hook(in), was_read = parcel_was_read(&in->parcel);
	enum request_state was;

	explain_wait(in, &wait); /* before it is stopped for the withdrawal */
	(void)!request_withdraw(in->guard.request, &was);
	if (!parcel_claim(&in->parcel))
		return PS_OK;
	if (in->taken_at && !interrupted && in_hook) {
		ps_fail(err, PS_NOT_READY,
			"an audit hook of process %d has not come to an end within %.3g s; the "
			"script was withdrawn and did not run",
			in->host.target.pid, (double)in->order.patience_ns / 1e9);
		ps_hint(err, "wait longer (--timeout)");
		return PS_NOT_READY;
	}
	/* Where it was read, and not run (without room for another call, say), it has come back. */
	if (in->taken_at && !interrupted && !was_read && !in->refusals)
		return not_back(in, err);
	if (in->taken_at && !interrupted)
		return host_refused(&in->host, in->parcel.inside, err);
	if (interrupted)
		return ps_fail(err, PS_NOT_READY,
			       "interrupted; the script was withdrawn and did "
			       "not run");
	ps_fail(err, PS_NOT_READY,
		"thread %d of process %d did not pick the script up within %.3g s; it was "
		"withdrawn and did not run",
		in->tid, in->host.target.pid, (double)in->order.patience_ns / 1e9);
	ps_hint(err, "%s", wait.hint);
	return PS_NOT_READY;
}

/* Unlinked, by itself or by somebody who may: nothing will come any more, or nobody knows. */
static enum ps_status silent(const struct inject *in, struct ps_err *err)
{
	return ps_fail(err, PS_LIMIT,
		       "the script in process %d is gone without a word: it broke off before its "
		       "first line, or somebody has removed it. Whether it ran is not known",
		       in->host.target.pid);
}

/* PS_OK: it has begun (in->began), or the wait goes on; all else ends it. */
static enum ps_status one_round(struct inject *in, struct inject_message *ret, struct ps_err *err)
{
	enum request_state state = REQUEST_NONE;
	bool signalled = true;
	/* What may end all is looked at before the last words are read. */
	bool over = target_ended(&in->host.target), left = !parcel_has_script(&in->parcel);
	bool lost = request_state(in->guard.request, &state, &signalled) != PS_OK;
	enum ps_status st = inject_read(in, ret, err);

	if (st != PS_NOT_READY)
		return st;
	if (over)
		return inject_ended(in, err);
	if (lost && target_execed(&in->host.target))
		return unreadable(in, err);
	/* It opens the pipe, unlinks itself, and says that it runs, in this order. */
	if (left && in->channel.ended)
		return silent(in, err);
	/* Its state is not there any more, or it itself. Did the script run there before that? */
	if ((lost || asked_has_ended(in)) && parcel_has_script(&in->parcel))
		return after_end(in, err);
	if (lost)
		return PS_OK;
	if (state == REQUEST_WAITS)
		return nudge(in, signalled, err);
	if (!in->taken_at)
		in->taken_at = clock_now();
	if (state != REQUEST_LOST)
		return after_taken(in, err);
	after_lost(in);
	return PS_OK;
}

enum ps_status inject_wait_until_begun(struct inject *in, struct inject_message *ret,
				       struct ps_err *err)
{
	enum { LAST_WORDS = 5000 };
	uint64_t wait = MS / 10, given_up = 0;

	for (;;) {
		struct ps_err why = { 0 };
		enum ps_status st = one_round(in, ret, &why);
		bool interrupted = inject_is_interrupted(in);

		if (st || in->began) {
			if (st && err)
				*err = why;
			/* Whatever went wrong with us: it is not to run behind our back. */
			if (!st || st == PS_GONE || parcel_claim(&in->parcel))
				return st;
			/* "Withdrawn" would not be true. */
			return st == PS_NOT_READY ? silent(in, err) : PS_LIMIT;
		}
		if (!given_up &&
		    (interrupted || clock_now() - in->asked_at > in->order.patience_ns)) {
			PS_TRY(give_up(in, interrupted, err));
			given_up = clock_now(); /* too late: it is claimed, and it says so soon */
		}
		if (given_up && clock_now() - given_up > LAST_WORDS * (uint64_t)MS)
			return silent(in, err);
		inject_wait_for_news(in, wait);
		wait = wait < 5 * MS ? wait * 5 / 4 : wait;
	}
}
