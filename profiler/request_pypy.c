/* SPDX-License-Identifier: MIT */
/* PyPy by its own door (offsets/pypy_door.h), which is one for the whole process: whichever
 * thread finds the ticker below zero first takes the request. Traps, as of 7.3.18 to 8.0:
 *
 * A thread writes the ticker back that it has read a moment before, over our -1: what waits is
 * signalled again (request_renew()).
 *
 * The look at the flag ends without one at signals, and from 7.3.22 on nobody looks at either
 * while the script runs, though each look uses the ticker up (_in_poll). A signal that came
 * meanwhile, or another's request, would lie there until the ticker runs out by itself, which
 * can take seconds: so once the script is over, the ticker is set once more. See settle(). */
#include "profiler/request.h"

#include "profiler/clock.h"
#include "profiler/waiting.h"

#include <stddef.h>
#include <string.h>

struct words {
	struct pypy_door door;
	char path[sizeof((struct request *)0)->path];
};

static enum ps_status read_words(const struct request *r, raddr at, struct words *ret)
{
	size_t room = r->pypy.path_room;

	PS_TRY(poke_read(&r->poker, at, &ret->door, sizeof ret->door));
	return poke_read(&r->poker, at + PYPY_DOOR_PATH, ret->path,
			 room < sizeof ret->path ? room : sizeof ret->path);
}

static enum ps_status write_ticker(const struct request *r, raddr at)
{
	int64_t soon = -1;

	return poke(&r->poker, at + offsetof(struct pypy_door, ticker), &soon, sizeof soon);
}

static enum ps_status write_pending(const struct request *r, raddr at, int64_t pending)
{
	return poke(&r->poker, at + offsetof(struct pypy_door, pending), &pending, sizeof pending);
}

static enum ps_status put(struct request *r, const struct request_thread *t, const char *path,
			  struct ps_err *err)
{
	size_t len = strlen(path) + 1;
	struct words w;

	if (read_words(r, t->at, &w) || !pypy_door_recognize(&w.door))
		return ps_fail(err, PS_GONE, "process %d has ended, or replaced its program",
			       r->pid);
	if (w.door.pending)
		return ps_fail(err, PS_NOT_READY,
			       "another tool's request waits in process %d; it is left alone",
			       r->pid);
	if (len > r->pypy.path_room)
		return ps_fail(err, PS_LIMIT, "the path of the script is too long: %s", path);
	/* Known to the guard before it is there: taking back what is not there is harmless. */
	memcpy(r->path, path, len);
	r->pypy.door = t->at;
	__atomic_store_n(&r->thread, t->at, __ATOMIC_SEQ_CST);
	if (poke(&r->poker, t->at + PYPY_DOOR_PATH, path, len) || write_pending(r, t->at, 1) ||
	    write_ticker(r, t->at))
		return ps_fail(err, PS_DENIED, "the memory of process %d cannot be written",
			       r->pid);
	return PS_OK;
}

static enum ps_status state(const struct request *r, enum request_state *ret, bool *ret_signalled)
{
	struct words w;

	PS_TRY(read_words(r, r->thread, &w));
	*ret_signalled = w.door.ticker < 0;
	if (!w.door.pending)
		*ret = REQUEST_TAKEN;
	else if (strncmp(w.path, r->path, sizeof w.path) == 0)
		*ret = REQUEST_WAITS;
	else
		*ret = REQUEST_LOST;
	return PS_OK;
}

static enum ps_status signal(struct request *r)
{
	return write_ticker(r, r->thread);
}

static enum ps_status clear(struct request *r)
{
	return write_pending(r, r->thread, 0);
}

/* From outside it is not to be seen when the thread has left the look that ran the script: a
 * ticker that is used up looks the same before and after. But before, each use takes one of the
 * few bytecodes that are left of the script, and lets another thread have its turn, so that many
 * uses lead behind it. A thread that stands in the kernel is behind it already, and the ticker
 * that it leaves unused is seen when it comes back. */
static void settle(const struct request *r, bool over)
{
	enum { ENOUGH = 100, US = 1000, SPIN = 20 * US, IDLE = 2000 * US, LONGEST = 200000 * US };
	uint64_t began = clock_now(), now = began, asked = began, pause = SPIN;
	raddr at = r->pypy.door;
	unsigned used_up = 0, enough = over ? ENOUGH : 1;
	int64_t ticker;

	for (; at && used_up < enough && now - began < LONGEST; now = clock_now()) {
		if (poke_read(&r->poker, at + offsetof(struct pypy_door, ticker), &ticker,
			      sizeof ticker))
			return;
		if (ticker >= 0) {
			if (write_ticker(r, at))
				return;
			used_up++;
			asked = now;
			pause = SPIN;
		} else if (now - asked > IDLE) {
			if (!waiting_on_cpu(r->pid, r->tid))
				return;
			asked = now;
		} else if (now - asked > SPIN) {
			(void)clock_sleep_until(now + pause);
			pause = pause < IDLE / 2 ? pause * 2 : pause;
		}
	}
}

const struct request_ops request_pypy_ops = {
	.put = put, .state = state, .signal = signal, .clear = clear, .settle = settle
};
