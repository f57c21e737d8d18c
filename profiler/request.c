/* SPDX-License-Identifier: MIT */
#include "profiler/request.h"

#include "profiler/blocking.h"
#include "profiler/clock.h"
#include "profiler/proc.h"

#include <string.h>

static const struct request_ops *const ways[] = { [EXEC_DOOR] = &request_door_ops };

static const struct request_ops *ops_of(const struct request *r)
{
	return ways[r->way];
}

/* --- while all threads stand --- */

typedef enum ps_status held_fn(struct request *r, void *ctx, struct ps_err *err);

/* A process has one tracer at a time, and another pysample is one for a moment. */
static enum ps_status attach_to(int pid, struct blocking **ret, struct ps_err *err)
{
	enum { PATIENCE_MS = 5000, MS = 1000000 };
	struct proc_status status;
	enum ps_status st;

	for (unsigned ms = 0; (st = blocking_create(pid, ret, err)) == PS_DENIED; ms++) {
		if (ms == PATIENCE_MS)
			break;
		(void)clock_sleep_until(clock_now() + MS);
	}
	if (st == PS_DENIED && proc_read_status(pid, pid, &status) == PS_OK && status.tracer)
		ps_hint(err, "end that debugger: a process has one at a time");
	return st;
}

static enum ps_status while_held(struct request *r, held_fn *f, void *ctx, struct ps_err *err)
{
	struct blocking *b;
	enum ps_status st;
	uint64_t began;

	PS_TRY(attach_to(r->pid, &b, err));
	began = clock_now();
	st = blocking_stop(b);
	if (!st)
		st = f(r, ctx, err);
	else if (st == PS_GONE)
		ps_fail(err, st, "process %d has ended", r->pid);
	else
		ps_fail(err, st, "a thread of process %d does not come to a stand", r->pid);
	blocking_destroy(b);
	r->held_ns += clock_now() - began;
	return st;
}

struct asked {
	const struct request_thread *thread;
	const char *path;
};

static enum ps_status put(struct request *r, void *ctx, struct ps_err *err)
{
	const struct asked *a = ctx;

	if (strlen(a->path) >= sizeof r->path)
		return ps_fail(err, PS_LIMIT, "the path of the script is too long: %s", a->path);
	return ops_of(r)->put(r, a->thread, a->path, err);
}

enum ps_status request_ask(struct request *r, const struct request_thread *t, const char *path,
			   struct ps_err *err)
{
	struct asked a = { t, path };

	return while_held(r, put, &a, err);
}

static enum ps_status signal_again(struct request *r, void *ctx, struct ps_err *err)
{
	enum request_state state;
	bool signalled;

	(void)ctx;
	(void)err;
	PS_TRY(ops_of(r)->state(r, &state, &signalled));
	return state == REQUEST_WAITS ? ops_of(r)->signal(r) : PS_OK;
}

enum ps_status request_renew(struct request *r)
{
	return while_held(r, signal_again, NULL, NULL);
}

static enum ps_status take_back(struct request *r, void *ctx, struct ps_err *err)
{
	enum request_state *ret = ctx;
	bool signalled;

	(void)err;
	PS_TRY(ops_of(r)->state(r, ret, &signalled));
	return *ret == REQUEST_WAITS ? ops_of(r)->clear(r) : PS_OK;
}

enum ps_status request_withdraw(struct request *r, enum request_state *ret)
{
	enum ps_status st;
	bool signalled;

	*ret = REQUEST_NONE;
	if (!r->thread)
		return PS_OK;
	/* Nothing is stopped where there is nothing to take back. */
	st = ops_of(r)->state(r, ret, &signalled);
	if (!st && *ret == REQUEST_WAITS)
		st = while_held(r, take_back, ret, NULL);
	if (!st)
		r->thread = 0;
	return st;
}

enum ps_status request_state(const struct request *r, enum request_state *ret, bool *ret_signalled)
{
	*ret = REQUEST_NONE;
	*ret_signalled = true;
	return r->thread ? ops_of(r)->state(r, ret, ret_signalled) : PS_OK;
}

void request_close(struct request *r)
{
	poke_close(&r->poker);
}
