/* SPDX-License-Identifier: MIT */
#include "profiler/request.h"

#include "profiler/blocking.h"
#include "profiler/clock.h"

#include <string.h>

/* _PY_EVAL_PLEASE_STOP_BIT (pycore_ceval.h): makes bytecode look up at its next check, and has
 * no other effect where nothing is to be stopped. It lies in the lowest byte of the word, and
 * only that byte is written: the rest is a version that is none of ours. */
enum { PLEASE_STOP = 1 << 5, THREADS_MAX = 8192 };

enum ps_status request_open(struct request *r, int pid, int tid, const struct layout *l,
			    struct ps_err *err)
{
	r->pid = pid;
	r->door = l->door;
	r->threads_at = l->at[F_INTERP_THREADS_HEAD];
	r->next_at = l->at[F_THREAD_NEXT];
	r->ident_at = l->at[F_THREAD_IDENT];
	return poke_open(pid, tid, &r->poker, err);
}

void request_close(struct request *r)
{
	poke_close(&r->poker);
}

struct words {
	int32_t pending;
	unsigned char events;
	uint64_t ident;
	char path[sizeof((struct request *)0)->path];
};

static enum ps_status read_words(const struct request *r, raddr thread, struct words *ret)
{
	PS_TRY(poke_read(&r->poker, thread + r->door.pending, &ret->pending, 4));
	PS_TRY(poke_read(&r->poker, thread + r->door.breaker, &ret->events, 1));
	PS_TRY(poke_read(&r->poker, thread + r->ident_at, &ret->ident, 8));
	return poke_read(&r->poker, thread + r->door.path, ret->path,
			 sizeof ret->path < r->door.path_size ? sizeof ret->path
							      : r->door.path_size);
}

static enum request_state state_of(const struct request *r, const struct words *w)
{
	if (!r->thread)
		return REQUEST_NONE;
	if (w->pending != 1)
		return REQUEST_TAKEN;
	return strncmp(w->path, r->path, sizeof w->path) == 0 ? REQUEST_WAITS : REQUEST_LOST;
}

/* --- while all threads stand --- */

typedef enum ps_status held_fn(struct request *r, void *ctx, struct ps_err *err);

/* A thread that is just being made or ended, or one in an uninterruptible wait, needs another
 * attempt. */
static enum ps_status while_held(struct request *r, held_fn *f, void *ctx, struct ps_err *err)
{
	struct blocking *b;
	enum ps_status st;
	uint64_t began;

	PS_TRY(blocking_create(r->pid, &b, err));
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

/* A thread that has ended leaves its state to whoever gets the memory next: nothing may be
 * written there. The list cannot change while all stand. */
static bool is_listed(const struct request *r, const struct request_thread *t)
{
	raddr at = 0;

	if (poke_read(&r->poker, t->interpreter + r->threads_at, &at, sizeof at))
		return false;
	for (unsigned i = 0; at && i < THREADS_MAX; i++) {
		if (at == t->at)
			return true;
		if (poke_read(&r->poker, at + r->next_at, &at, sizeof at))
			return false;
	}
	return false;
}

static enum ps_status put(struct request *r, void *ctx, struct ps_err *err)
{
	const struct asked *a = ctx;
	size_t len = strlen(a->path) + 1;
	raddr at = a->thread->at;
	int32_t one = 1;
	struct words w;

	if (!is_listed(r, a->thread) || read_words(r, at, &w) || w.ident != a->thread->ident)
		return ps_fail(err, PS_TORN, "the thread to be asked has ended");
	if (w.pending)
		return ps_fail(err, PS_NOT_READY,
			       "another tool's request waits in that thread; it is left alone");
	if (len > sizeof r->path || len > r->door.path_size)
		return ps_fail(err, PS_LIMIT, "the path of the script is too long: %s", a->path);
	/* Known to the guard before it is there: taking back what is not there is harmless. */
	memcpy(r->path, a->path, len);
	r->ident = a->thread->ident;
	__atomic_store_n(&r->thread, at, __ATOMIC_SEQ_CST);
	w.events |= PLEASE_STOP;
	if (poke(&r->poker, at + r->door.path, a->path, len) ||
	    poke(&r->poker, at + r->door.pending, &one, sizeof one) ||
	    poke(&r->poker, at + r->door.breaker, &w.events, 1))
		return ps_fail(err, PS_DENIED, "the memory of process %d cannot be written",
			       r->pid);
	return PS_OK;
}

enum ps_status request_ask(struct request *r, const struct request_thread *t, const char *path,
			   struct ps_err *err)
{
	struct asked a = { t, path };

	return while_held(r, put, &a, err);
}

static enum ps_status put_bit(struct request *r, void *ctx, struct ps_err *err)
{
	struct words w;

	(void)ctx;
	(void)err;
	PS_TRY(read_words(r, r->thread, &w));
	if (state_of(r, &w) != REQUEST_WAITS || w.ident != r->ident)
		return PS_OK;
	w.events |= PLEASE_STOP;
	return poke(&r->poker, r->thread + r->door.breaker, &w.events, 1);
}

enum ps_status request_renew(struct request *r)
{
	return while_held(r, put_bit, NULL, NULL);
}

static enum ps_status take_back(struct request *r, void *ctx, struct ps_err *err)
{
	enum request_state *ret = ctx;
	int32_t none = 0;
	struct words w;

	(void)err;
	PS_TRY(read_words(r, r->thread, &w));
	*ret = state_of(r, &w);
	if (*ret == REQUEST_WAITS)
		PS_TRY(poke(&r->poker, r->thread + r->door.pending, &none, sizeof none));
	return PS_OK;
}

enum ps_status request_withdraw(struct request *r, enum request_state *ret)
{
	struct words w;
	enum ps_status st;

	*ret = REQUEST_NONE;
	if (!r->thread)
		return PS_OK;
	/* Nothing is stopped where there is nothing to take back. */
	PS_TRY(read_words(r, r->thread, &w));
	*ret = state_of(r, &w);
	if (*ret != REQUEST_WAITS) {
		r->thread = 0;
		return PS_OK;
	}
	st = while_held(r, take_back, ret, NULL);
	if (!st)
		r->thread = 0;
	return st;
}

enum ps_status request_state(const struct request *r, enum request_state *ret, bool *ret_signalled)
{
	struct words w;

	*ret = REQUEST_NONE;
	*ret_signalled = true;
	if (!r->thread)
		return PS_OK;
	PS_TRY(read_words(r, r->thread, &w));
	*ret = state_of(r, &w);
	*ret_signalled = w.events & PLEASE_STOP;
	return PS_OK;
}
