/* SPDX-License-Identifier: MIT */
/* CPython 3.14 and later, by its own door (PEP 768; Python/ceval_gil.c, _Py_HandlePending() and
 * what it calls): the flag and the path lie in the thread state, and the thread looks at them
 * whenever a bit of its event word is set. It clears the flag, fires the audit event, and only
 * then reads the script. */
#include "profiler/request.h"

#include <string.h>

/* _PY_EVAL_PLEASE_STOP_BIT (pycore_ceval.h): makes bytecode look up at its next check, and has
 * no other effect where nothing is to be stopped. It lies in the lowest byte of the word, and
 * only that byte is written: the rest is a version that is none of ours. */
enum { PLEASE_STOP = 1 << 5, THREADS_MAX = 8192 };

struct words {
	int32_t pending;
	unsigned char events;
	uint64_t ident;
	char path[sizeof((struct request *)0)->path];
};

static enum ps_status read_words(const struct request *r, raddr thread, struct words *ret)
{
	const struct request_door *d = &r->door;

	PS_TRY(poke_read(&r->poker, thread + d->words.pending, &ret->pending, 4));
	PS_TRY(poke_read(&r->poker, thread + d->words.breaker, &ret->events, 1));
	PS_TRY(poke_read(&r->poker, thread + d->ident_at, &ret->ident, 8));
	return poke_read(&r->poker, thread + d->words.path, ret->path,
			 sizeof ret->path < d->words.path_size ? sizeof ret->path
							       : d->words.path_size);
}

/* A thread that has ended leaves its state to whoever gets the memory next: nothing may be
 * written there. The list cannot change while all stand. */
static bool is_listed(const struct request *r, const struct request_thread *t)
{
	raddr at = 0;

	if (poke_read(&r->poker, t->interpreter + r->door.threads_at, &at, sizeof at))
		return false;
	for (unsigned i = 0; at && i < THREADS_MAX; i++) {
		if (at == t->at)
			return true;
		if (poke_read(&r->poker, at + r->door.next_at, &at, sizeof at))
			return false;
	}
	return false;
}

static enum ps_status put(struct request *r, const struct request_thread *t, const char *path,
			  struct ps_err *err)
{
	const struct layout_door *d = &r->door.words;
	size_t len = strlen(path) + 1;
	int32_t one = 1;
	struct words w;

	if (!is_listed(r, t) || read_words(r, t->at, &w) || w.ident != t->ident)
		return ps_fail(err, PS_TORN, "the thread to be asked has ended");
	if (w.pending)
		return ps_fail(err, PS_NOT_READY,
			       "another tool's request waits in that thread of process %d; it is "
			       "left alone",
			       r->pid);
	if (len > d->path_size)
		return ps_fail(err, PS_LIMIT, "the path of the script is too long: %s", path);
	/* Known to the guard before it is there: taking back what is not there is harmless. */
	memcpy(r->path, path, len);
	r->ident = t->ident;
	r->interpreter = t->interpreter;
	__atomic_store_n(&r->thread, t->at, __ATOMIC_SEQ_CST);
	w.events |= PLEASE_STOP;
	if (poke(&r->poker, t->at + d->path, path, len) ||
	    poke(&r->poker, t->at + d->pending, &one, sizeof one) ||
	    poke(&r->poker, t->at + d->breaker, &w.events, 1))
		return ps_fail(err, PS_DENIED, "the memory of process %d cannot be written",
			       r->pid);
	return PS_OK;
}

static enum ps_status state(const struct request *r, enum request_state *ret, bool *ret_signalled)
{
	struct words w;

	PS_TRY(read_words(r, r->thread, &w));
	*ret_signalled = w.events & PLEASE_STOP;
	if (w.pending != 1)
		*ret = REQUEST_TAKEN;
	else if (strncmp(w.path, r->path, sizeof w.path) == 0)
		*ret = REQUEST_WAITS;
	else
		*ret = REQUEST_LOST;
	return PS_OK;
}

static bool is_still_there(const struct request *r, struct words *ret)
{
	struct request_thread t = { .at = r->thread, .interpreter = r->interpreter };

	return is_listed(r, &t) && read_words(r, r->thread, ret) == PS_OK && ret->ident == r->ident;
}

static enum ps_status signal(struct request *r)
{
	struct words w;

	if (!is_still_there(r, &w))
		return PS_OK;
	w.events |= PLEASE_STOP;
	return poke(&r->poker, r->thread + r->door.words.breaker, &w.events, 1);
}

static enum ps_status clear(struct request *r)
{
	int32_t none = 0;
	struct words w;

	if (!is_still_there(r, &w))
		return PS_OK; /* and took the request with it */
	return poke(&r->poker, r->thread + r->door.words.pending, &none, sizeof none);
}

const struct request_ops request_door_ops = {
	.put = put, .state = state, .signal = signal, .clear = clear
};
