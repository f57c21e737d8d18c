/* SPDX-License-Identifier: MIT */
#include "profiler/ring_site.h"

#include <string.h>

enum { INTERPRETERS_MAX = 256, THREADS_MAX = 8192, EXTRA_USERS_MAX = 64, THREAD_BYTES = 192 };

raddr ring_site_at(const struct ring_site *s, enum ring_word w, raddr thread)
{
	const struct ring_place *p = &s->layout.word[w];

	return (p->base == RING_THREAD ? thread : s->base[p->base]) + p->at;
}

raddr ring_site_ring(const struct ring_site *s)
{
	return s->base[s->layout.ring.base] + s->layout.ring.at;
}

static enum ps_status read_bytes(const struct ring_memory *m, raddr at, void *into, size_t len)
{
	return m->read(m->from, at, into, len);
}

enum ps_status ring_site_read(const struct ring_site *s, const struct ring_memory *m,
			      enum ring_word w, raddr thread, uint64_t *ret)
{
	uint64_t v = 0; /* little endian, as every layout is */

	if (!s->layout.word[w].width)
		return PS_UNSUPPORTED;
	PS_TRY(read_bytes(m, ring_site_at(s, w, thread), &v, s->layout.word[w].width));
	*ret = v;
	return PS_OK;
}

/* Or this version has no such word. What cannot be read is not. */
static bool is_0(const struct ring_site *s, const struct ring_memory *m, enum ring_word w,
		 raddr thread)
{
	uint64_t v = 0;
	enum ps_status st = ring_site_read(s, m, w, thread, &v);

	return st == PS_UNSUPPORTED || (st == PS_OK && v == 0);
}

/* The same for "at least". */
static bool is_at_least(const struct ring_site *s, const struct ring_memory *m, enum ring_word w,
			raddr thread, int32_t least)
{
	uint64_t v = 0;
	enum ps_status st = ring_site_read(s, m, w, thread, &v);

	return st == PS_UNSUPPORTED || (st == PS_OK && (int32_t)v >= least);
}

enum ps_status ring_site_bytes(const struct ring_site *s, const struct ring_memory *m,
			       unsigned char ret[static RING_BYTES_MAX], int *ret_count)
{
	PS_TRY(read_bytes(m, ring_site_ring(s), ret, ring_size(&s->layout)));
	*ret_count = ring_count(&s->layout, ret);
	return *ret_count < 0 ? PS_FORMAT : PS_OK;
}

/* --- the threads --- */

static uint64_t word_of(const struct ring_site *s, const unsigned char *thread, enum ring_word w)
{
	uint64_t v;

	memcpy(&v, thread + s->layout.word[w].at, sizeof v);
	return v;
}

/* The state of thread ident in the main interpreter, and whether all are that interpreter's. */
static enum ps_status find_thread(const struct ring_site *s, const struct ring_memory *m,
				  uint64_t ident, raddr *ret)
{
	unsigned char bytes[THREAD_BYTES]; /* one read for each: the target may stand meanwhile */
	raddr at, found = 0;

	PS_TRY(ring_site_read(s, m, RW_THREADS, 0, &at));
	for (unsigned n = 0; at; n++) {
		if (n == THREADS_MAX)
			return PS_FORMAT;
		PS_TRY(read_bytes(m, at, bytes, sizeof bytes));
		if (word_of(s, bytes, RW_THREAD_INTERPRETER) != s->base[RING_INTERPRETER])
			return PS_FORMAT;
		if (word_of(s, bytes, RW_THREAD_IDENT) == ident && !found)
			found = at;
		at = word_of(s, bytes, RW_THREAD_NEXT);
	}
	*ret = found;
	return PS_OK;
}

enum ps_status ring_site_main(const struct ring_site *s, const struct ring_memory *m,
			      struct ring_main *ret)
{
	struct ring_main main = { 0 };

	PS_TRY(ring_site_read(s, m, RW_MAIN_IDENT, 0, &main.ident));
	PS_TRY(find_thread(s, m, main.ident, &main.at));
	if (!main.at)
		return PS_NOT_PYTHON;
	if (s->layout.word[RW_THREAD_NATIVE].width)
		PS_TRY(ring_site_read(s, m, RW_THREAD_NATIVE, main.at, &main.native));
	*ret = main;
	return PS_OK;
}

bool ring_site_holds(const struct ring_site *s, const struct ring_memory *m, raddr thread)
{
	uint64_t holder, locked;

	return ring_site_read(s, m, RW_HOLDER, 0, &holder) == PS_OK && holder == thread &&
	       ring_site_read(s, m, RW_LOCKED, 0, &locked) == PS_OK && locked == 1;
}

/* --- finding --- */

static enum ps_status count_interpreters(const struct ring_site *s, const struct ring_memory *m,
					 unsigned *ret)
{
	struct ring_site other = *s;
	bool found = false;
	unsigned n = 0;
	raddr at;

	PS_TRY(ring_site_read(s, m, RW_INTERPRETERS, 0, &at));
	for (; at; n++) {
		uint64_t id;

		if (n == INTERPRETERS_MAX)
			return PS_FORMAT;
		other.base[RING_INTERPRETER] = at;
		PS_TRY(ring_site_read(&other, m, RW_ID, 0, &id));
		if ((int64_t)id < 0 || (id == 0) != (at == s->base[RING_INTERPRETER]))
			return PS_FORMAT;
		found |= id == 0;
		PS_TRY(ring_site_read(&other, m, RW_NEXT, 0, &at));
	}
	*ret = n;
	return found || !n ? PS_OK : PS_FORMAT;
}

/* What was in use once lies before what was not, and that is still zeros, but for what we have
 * put at its end. Nobody else writes there. */
static bool has_room(const struct ring_site *s, const struct ring_memory *m)
{
	static const unsigned char zeros[RING_EXTRA * 8];
	unsigned char extra[RING_EXTRA * 8];
	uint64_t users;

	return ring_site_read(s, m, RW_EXTRA_USERS, 0, &users) == PS_OK &&
	       users <= EXTRA_USERS_MAX &&
	       read_bytes(m, ring_site_at(s, RW_EXTRA, 0), extra, sizeof extra) == PS_OK &&
	       memcmp(extra + users * 8, zeros, (RING_EXTRA / 2 - users) * 8) == 0;
}

/* The ring of 3.13 is known by the limits that stand before it, wherever it has moved to. */
static enum ps_status find_ring(struct ring_site *s, const struct ring_memory *m)
{
	const struct ring_layout as_known = s->layout;
	unsigned char bytes[RING_BYTES_MAX];
	int count;

	for (uint32_t by = 0;; by += 8) {
		struct ring_layout moved = as_known;

		if (by && !ring_layout_move(&moved, by))
			return PS_FORMAT;
		s->layout = moved;
		/* A call that comes or goes meanwhile makes it look broken for a moment. */
		for (unsigned i = 0; i < 3; i++) {
			enum ps_status st = ring_site_bytes(s, m, bytes, &count);

			if (st != PS_FORMAT)
				return st;
		}
	}
}

static enum ps_status check_ring(struct ring_site *s, const struct ring_memory *m)
{
	uint64_t v;

	PS_TRY(find_ring(s, m));
	PS_TRY(ring_site_read(s, m, RW_RECURSION_LIMIT, 0, &v));
	if (v == 0 || v > INT32_MAX)
		return PS_FORMAT;
	PS_TRY(ring_site_read(s, m, RW_LOCK, 0, &v));
	if (s->layout.word[RW_LOCK].width == 1 ? v > 3 : v == 0)
		return PS_FORMAT;
	if (s->layout.word[RW_CALLS_TO_DO].width) {
		PS_TRY(ring_site_read(s, m, RW_CALLS_TO_DO, 0, &v));
		if (v > 1)
			return PS_FORMAT;
	}
	if (!has_room(s, m))
		return PS_FORMAT;
	PS_TRY(ring_site_read(s, m, RW_LOCKED, 0, &v));
	return (uint32_t)v > 1 ? PS_FORMAT : PS_OK;
}

enum ps_status ring_site_find(struct ring_site *s, const struct ring_memory *m, struct ps_err *err)
{
	enum ps_status st;
	uint64_t started;
	unsigned n = 0;
	raddr ignored;

	ps_fail(err, PS_FAULT, "the interpreter's memory cannot be read");
	PS_TRY(ring_site_read(s, m, RW_MAIN, 0, &s->base[RING_INTERPRETER]));
	PS_TRY(ring_site_read(s, m, RW_INTERPRETERS, 0, &ignored));
	PS_TRY(ring_site_read(s, m, RW_STARTED, 0, &started));
	if (s->base[RING_INTERPRETER] && started != 1 && !is_0(s, m, RW_FINALIZING, 0))
		return ps_fail(err, PS_NOT_READY, "the interpreter is shutting down");
	if (!s->base[RING_INTERPRETER] || !ignored || started != 1)
		return ps_fail(err, PS_NOT_READY, "the interpreter has not started yet");
	if (s->layout.word[RW_GIL].width)
		PS_TRY(ring_site_read(s, m, RW_GIL, 0, &s->base[RING_GIL]));
	st = count_interpreters(s, m, &n);
	if (!st)
		st = find_thread(s, m, 0, &ignored);
	if (st)
		return ps_fail(err, st, "its interpreters and threads do not hang together");
	PS_TRY(ring_site_read(s, m, RW_THREADS, 0, &ignored));
	if (!ignored)
		return ps_fail(err, PS_NOT_READY, "the interpreter has no threads yet");
	st = check_ring(s, m);
	return st ? ps_fail(err, st, "its ring of pending calls is not where it should be") : PS_OK;
}

/* --- may a call be added? --- */

/* PyThread_type_lock is a sem_t on Linux (Python/thread_pthread.h), whose value is its first
 * int with glibc and with musl; musl has a flag in the highest bit. PyMutex of 3.13 is a byte
 * whose bits are "locked" and "somebody waits". */
bool ring_site_unlocked(const struct ring_site *s, const struct ring_memory *m)
{
	uint64_t lock;
	uint32_t value;

	if (ring_site_read(s, m, RW_LOCK, 0, &lock))
		return false;
	if (s->layout.word[RW_LOCK].width == 1)
		return (lock & 1) == 0;
	return read_bytes(m, lock, &value, sizeof value) == PS_OK && (value & INT32_MAX) == 1;
}

/* 3.8 has one ring for all interpreters: a call runs in whichever the main thread is in. */
static bool may_run_elsewhere(const struct ring_site *s, const struct ring_memory *m)
{
	unsigned n;

	return s->layout.ring.base == RING_RUNTIME && s->layout.minor == 8 &&
	       (count_interpreters(s, m, &n) || n != 1);
}

/* A script that fails inside is told of; one that cannot even begin would leave the program
 * with an error that is none of its own, see request_ring.c. */
static bool is_deep(const struct ring_site *s, const struct ring_memory *m, raddr thread)
{
	enum { SPARE = 64, C_SPARE = 128 };
	uint64_t depth, limit;

	if (s->layout.word[RW_DEPTH].width)
		return ring_site_read(s, m, RW_DEPTH, thread, &depth) ||
		       ring_site_read(s, m, RW_RECURSION_LIMIT, 0, &limit) ||
		       (int64_t)(int32_t)depth + SPARE > (int32_t)limit;
	return !is_at_least(s, m, RW_DEPTH_LEFT, thread, SPARE) ||
	       !is_at_least(s, m, RW_C_DEPTH_LEFT, thread, C_SPARE);
}

bool ring_site_has_hooks(const struct ring_site *s, const struct ring_memory *m)
{
	return !is_0(s, m, RW_HOOKS, 0) || !is_0(s, m, RW_RUNTIME_HOOKS, 0);
}

static enum ps_status check_hooks(const struct ring_site *s, const struct ring_memory *m,
				  struct ps_err *err)
{
	if (!ring_site_has_hooks(s, m))
		return PS_OK;
	ps_fail(err, PS_DENIED,
		"the program has audit hooks, and in CPython 3.%d one that refused the script "
		"would "
		"raise an error in the program itself",
		s->layout.minor);
	ps_hint(err, "start the program without them; CPython 3.14 and later has a way that they "
		     "can refuse");
	return PS_DENIED;
}

static enum ps_status check_thread(const struct ring_site *s, const struct ring_memory *m,
				   raddr thread, struct ps_err *err)
{
	if (!is_0(s, m, RW_ASYNC_EXC, thread))
		return ps_fail(err, PS_NOT_READY,
			       "another thread has sent the main thread an exception, which would "
			       "be raised in the script");
	if (is_deep(s, m, thread))
		return ps_fail(err, PS_NOT_READY,
			       "the main thread is close to its recursion limit");
	return PS_OK;
}

static enum ps_status check_queue(const struct ring_site *s, const struct ring_memory *m,
				  struct ps_err *err)
{
	unsigned char bytes[RING_BYTES_MAX];
	int count;

	if (!ring_site_unlocked(s, m))
		return ps_fail(err, PS_NOT_READY, "the lock of its ring of pending calls is held");
	if (ring_site_bytes(s, m, bytes, &count) || !has_room(s, m))
		return ps_fail(err, PS_UNSUPPORTED,
			       "its ring of pending calls is not as it should be");
	if (s->layout.minor == 8 && !is_0(s, m, RW_BUSY, 0)) /* "finishing" */
		return ps_fail(err, PS_NOT_READY, "its interpreter is shutting down");
	if (!is_0(s, m, RW_BUSY, 0) || ring_shows(&s->layout, bytes, s->mark))
		return ps_fail(err, PS_NOT_READY,
			       "its ring of pending calls is busy: it is at work on a call");
	if (count)
		return ps_fail(err, PS_NOT_READY,
			       "its ring of pending calls is busy: other calls wait in it");
	return PS_OK;
}

enum ps_status ring_site_ready(const struct ring_site *s, const struct ring_memory *m, raddr thread,
			       struct ps_err *err)
{
	struct ring_main main;

	if (ring_site_main(s, m, &main) || main.at != thread)
		return ps_fail(err, PS_TORN, "its main thread has ended");
	if (!is_0(s, m, RW_FINALIZING, 0))
		return ps_fail(err, PS_NOT_READY, "its interpreter is shutting down");
	if (may_run_elsewhere(s, m))
		return ps_fail(err, PS_NOT_READY,
			       "it has several interpreters, and CPython 3.8 does not say in which "
			       "of them a call runs");
	PS_TRY(check_hooks(s, m, err));
	PS_TRY(check_queue(s, m, err));
	return check_thread(s, m, thread, err);
}
