/* SPDX-License-Identifier: MIT */
/* States of an order: laid down → waits (request.h) → taken → began (the script says so itself,
 * by its pipe) → ended. Whoever unlinks the script, it or we, decides whether it runs: that is
 * what makes "at most once" and "withdrawn" true. */
#include "profiler/inject_parts.h"

#include "profiler/clock.h"
#include "profiler/inject_text.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool inject_is_interrupted(const struct inject *in)
{
	return in->order.interrupted && in->order.interrupted(in->order.ctx);
}

/* Much comes through it: the larger it is, the less often the two wait for each other. */
static enum ps_status add_stream(struct inject *in, struct ps_err *err)
{
	enum { PIPE_BYTES = 1 << 20 };

	PS_TRY(parcel_add_pipe(&in->parcel, PARCEL_STREAM, &in->stream, err));
	(void)fcntl(in->stream, F_SETPIPE_SZ, PIPE_BYTES); /* a wish */
	return PS_OK;
}

static enum ps_status lay_down(struct inject *in, struct ps_err *err)
{
	const struct inject_order *o = &in->order;
	struct inject_text text = { .folder = in->parcel.inside,
				    .source = o->source,
				    .len = o->len,
				    .name = o->name,
				    .args = o->args,
				    .detach = o->detach,
				    .stream = o->stream,
				    .pypy = in->host.way == EXEC_PYPY };
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
	if (o->stream)
		PS_TRY(add_stream(in, err));
	if (o->socket)
		PS_TRY(parcel_listen(&in->parcel, &in->listener, err));
	PS_TRY(parcel_add(&in->parcel, PARCEL_SCRIPT, script, len, err));
	PS_TRY(parcel_add(&in->parcel, PARCEL_PROBE, "", 0, err));
	parcel_watch(&in->parcel);
	return parcel_hand_over(&in->parcel, err);
}

/* Has the process ended for which the order is? Then what was opened by its number is another. */
static bool is_another(const struct inject *in)
{
	struct pollfd p = { .fd = in->order.pidfd, .events = POLLIN };

	return p.fd && poll(&p, 1, 0) > 0;
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
	/* From here on numbers of processes and threads do not matter: all that is written goes
	 * through what is open. */
	if (is_another(in) || target_ended(&in->host.target)) {
		request_close(&request);
		return ps_fail(err, PS_GONE, "process %d has ended", pid);
	}
	st = guard_start(&request, &in->parcel, &in->guard, err);
	if (st) {
		request_close(&request);
		return st;
	}
	PS_TRY(lay_down(in, err));
	return inject_ask_somebody(in, err);
}

enum ps_status inject_open(int pid, const struct inject_order *o, struct inject **ret,
			   struct ps_err *err)
{
	struct inject *in = calloc(1, sizeof *in);
	enum ps_status st;

	if (!in)
		return ps_fail(err, PS_NOMEM, "out of memory");
	in->order = *o;
	in->parcel.parent = in->parcel.folder = in->parcel.watch = -1;
	in->guard.wire = in->channel.fd = in->stream = in->listener = -1;
	st = open_parts(pid, in, err);
	if (st)
		inject_close(in);
	else
		*ret = in;
	return st;
}

/* --- and then --- */

static enum ps_status lost_touch(struct inject *in, struct ps_err *err)
{
	if (inject_ends_soon(in)) /* it closes its files a little before it has ended */
		return inject_ended(in, err);
	return ps_fail(err, PS_LIMIT,
		       "the script in process %d has closed its connection to us without a word of "
		       "its end",
		       in->host.target.pid);
}

static bool is_late(const struct inject *in)
{
	return in->order.run_ns && clock_now() - in->began_at > in->order.run_ns;
}

static enum ps_status not_done(const struct inject *in, struct ps_err *err)
{
	return ps_fail(
		err, PS_LIMIT,
		"the script has not ended within %.3g s, and goes on in process %d without us",
		(double)in->order.run_ns / 1e9, in->host.target.pid);
}

static enum ps_status wait_for_message(struct inject *in, struct inject_message *ret,
				       struct ps_err *err)
{
	/* What a pipe can hold was sent in time, perhaps; what comes after that was not. */
	enum { SLICE = 50 * MS, LATE_MAX = 65536 / CHANNEL_HEAD };

	for (;;) {
		bool over = target_ended(&in->host.target); /* before the last words are read */
		enum ps_status st;

		/* One that sends without end must not keep us from hearing this. */
		if (inject_is_interrupted(in))
			return ps_fail(err, PS_LIMIT,
				       "interrupted; the script goes on in process %d without us",
				       in->host.target.pid);
		if (is_late(in) && ++in->late > LATE_MAX)
			return not_done(in, err);
		st = inject_read(in, ret, err);
		if (st != PS_NOT_READY)
			return st;
		if (over)
			return inject_ended(in, err);
		if (in->channel.ended)
			return lost_touch(in, err);
		if (is_late(in))
			return not_done(in, err);
		inject_wait_for_news(in, SLICE);
	}
}

enum ps_status inject_next(struct inject *in, struct inject_message *ret, struct ps_err *err)
{
	if (!in->began)
		return inject_wait_until_begun(in, ret, err);
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

int inject_take_socket(struct inject *in)
{
	int fd = in->listener;

	in->listener = -1;
	return fd;
}

int inject_stream(const struct inject *in)
{
	return in->stream;
}

void inject_take_charge(const struct inject *in, int pidfd)
{
	guard_take_charge(&in->guard, pidfd);
}

/* Whoever waits for the script to end must not have them: it would wait for somebody who reads. */
static void close_pipes(struct inject *in)
{
	if (in->stream >= 0)
		close(in->stream);
	if (in->began && !in->finished)
		channel_close(&in->channel);
}

void inject_close(struct inject *in)
{
	bool guarded = in->guard.wire >= 0;
	enum request_state was;
	enum ps_status st = guarded ? request_withdraw(in->guard.request, &was) : PS_OK;

	close_pipes(in);
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
	if (in->listener >= 0)
		close(in->listener);
	if (in->opened)
		host_close(&in->host);
	free(in);
}
