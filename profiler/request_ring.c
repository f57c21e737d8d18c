/* SPDX-License-Identifier: MIT */
/* CPython 3.8 to 3.13, by a pending call: the main thread takes it at its next check of the
 * breaker, with the GIL held, and calls PyRun_SimpleString(text), which runs a few words of
 * Python in __main__; they run the script in a namespace of its own.
 *
 *   free ─put()─► waits ─the main thread─► taken
 *                   └─clear()─► free
 *
 * 1. It is put into an empty ring only, and into slot 0, so it is always the next one as long
 *    as it waits: calls that others add come behind it and keep their order, whether it is
 *    taken or cleared. Up to 3.11 a call that does nothing lies right behind it, so that the
 *    ring is not empty until ours has returned: one that another pysample added meanwhile would
 *    be made right after it, which must not be (offsets/ring.c). What is left is the few
 *    instructions from there to the end of the round.
 * 2. The text must last until PyRun_SimpleString() has copied it, a moment after the call was
 *    taken. In the ring it could be overwritten by calls of others. It lies at the end of an
 *    array of 255 functions that the interpreter has for users of _PyEval_RequestCodeExtraIndex()
 *    (PyInterpreterState.co_extra_freefuncs), of which some programs use one or two, from the
 *    beginning. There is room for two texts, and the one that the last call was given is left
 *    alone: it may be being made right now, by a pysample that put no call behind it.
 * 3. The function must return 0: after another value bytecode goes on as after an exception,
 *    and where there is none that is a SystemError in the program. So the text catches
 *    everything, and ring_site_ready() forbids what could fail before it runs.
 * 4. What may be seen half done if we are killed between two writes, until the guard has undone it:
 *    put() writes the slots, then the two indices, then 3.13's count; clear() the count, the
 *    indices, the slots. So the call is not in the ring, or it is there by slot 0 and the indices,
 *    which is all that is_ours() goes by, and clear() makes the count right. The kernel ends a
 *    write between two pages if we are killed (mem_rw() in fs/proc/base.c): only slots can
 *    cross one, and are outside of the ring when they are written. What comes after it (calls_to_do,
 *    the breaker) only says that the ring is not empty. */
#include "profiler/request.h"

#include <stdio.h>
#include <string.h>

enum { PLACES = 2, PLACE = RING_EXTRA / 4 * 8, TEXT_MAX = PLACE };

_Static_assert(sizeof((struct request *)0)->path + 190 < TEXT_MAX, "every path has room");

static enum ps_status read_target(void *from, raddr at, void *into, size_t len)
{
	return poke_read(from, at, into, len);
}

/* ring_memory's reader takes what it reads from as void *, and changes nothing. */
static struct ring_memory memory_of(const struct request *r)
{
	return (struct ring_memory){ read_target, (void *)(uintptr_t)&r->poker };
}

/* Names are looked up in a namespace of their own: __main__ may have an `open` of its own, and
 * nothing is left in it. By its file's name a sampler knows what is ours (code_read.c), and by
 * that what is below it, which has no name to choose. */
static bool make_text(const char *path, char ret[static TEXT_MAX])
{
	int n = snprintf(
		ret, TEXT_MAX,
		"try:__import__('builtins').exec(__import__('builtins').compile("
		"'with open(\"%s\",\"rb\")as f:s=f.read()"
		"\\nexec(compile(s,\"<pysample>\",\"exec\"),{})','<pysample>','exec'),{})\n"
		"except:pass\n",
		path);

	return n > 0 && n < TEXT_MAX;
}

static raddr place_of(const struct ring_site *s, unsigned i)
{
	return ring_site_at(s, RW_EXTRA, 0) + (RING_EXTRA - PLACES * (PLACE / 8)) * 8 + i * PLACE;
}

/* Not where the last call's is. */
static raddr choose_place(const struct ring_site *s, const unsigned char *bytes)
{
	struct ring_call last;

	ring_slot0(&s->layout, bytes, &last);
	return place_of(s, last.function == s->function && last.argument == place_of(s, 0));
}

static enum ps_status write_part(const struct request *r, const unsigned char *bytes, uint32_t at,
				 size_t len)
{
	return poke(&r->poker, ring_site_ring(&r->ring.site) + at, bytes + at, len);
}

static enum ps_status write_indices(const struct request *r, const unsigned char *bytes)
{
	return write_part(r, bytes, r->ring.site.layout.first, 8);
}

/* That of our call, and that of its mark. */
static enum ps_status write_slots(const struct request *r, const unsigned char *bytes)
{
	const struct ring_site *s = &r->ring.site;

	return write_part(r, bytes, s->layout.calls, s->layout.slot * (s->mark ? 2u : 1u));
}

static enum ps_status write_count(const struct request *r, const unsigned char *bytes)
{
	uint32_t at = r->ring.site.layout.pending;

	return at ? write_part(r, bytes, at, 4) : PS_OK;
}

/* Only while the main thread has the GIL: otherwise it looks for itself once it gets it, and
 * the thread that has it would only be slowed down. 3.8 does not look, and 3.13 has a breaker
 * for each thread. */
static bool needs_breaker(const struct request *r, const struct ring_memory *m)
{
	const struct ring_site *s = &r->ring.site;

	return s->layout.minor == 8 || s->layout.breaker_bit || ring_site_holds(s, m, r->thread);
}

static enum ps_status signal(struct request *r)
{
	const struct ring_site *s = &r->ring.site;
	struct ring_memory m = memory_of(r);
	struct ring_main main;
	uint64_t breaker;
	uint32_t one = 1;
	unsigned char bits;

	if (s->layout.word[RW_CALLS_TO_DO].width)
		PS_TRY(poke(&r->poker, ring_site_at(s, RW_CALLS_TO_DO, 0), &one, sizeof one));
	if (!needs_breaker(r, &m))
		return PS_OK;
	if (!s->layout.breaker_bit)
		return poke(&r->poker, ring_site_at(s, RW_BREAKER, 0), &one, sizeof one);
	/* A thread that has ended leaves its state to whoever gets the memory next. */
	if (ring_site_main(s, &m, &main) || main.at != r->thread)
		return PS_OK;
	PS_TRY(ring_site_read(s, &m, RW_BREAKER, r->thread, &breaker));
	bits = (unsigned char)(breaker | s->layout.breaker_bit);
	return poke(&r->poker, ring_site_at(s, RW_BREAKER, r->thread), &bits, 1);
}

static enum ps_status put(struct request *r, const struct request_thread *t, const char *path,
			  struct ps_err *err)
{
	const struct ring_site *s = &r->ring.site;
	struct ring_memory m = memory_of(r);
	unsigned char bytes[RING_BYTES_MAX];
	char text[TEXT_MAX];
	raddr place;
	int count;

	if (!make_text(path, text))
		return ps_fail(err, PS_LIMIT, "the path of the script is too long: %s", path);
	PS_TRY(ps_while(err, ring_site_ready(s, &m, t->at, err), "process %d", r->pid));
	if (ring_site_bytes(s, &m, bytes, &count))
		return ps_fail(err, PS_TORN, "the ring of pending calls cannot be read");
	place = choose_place(s, bytes);
	/* Known to the guard before it is there: taking back what is not there is harmless. */
	memcpy(r->path, path, strlen(path) + 1);
	r->ident = t->ident;
	r->interpreter = t->interpreter;
	r->ring.text = place;
	__atomic_store_n(&r->thread, t->at, __ATOMIC_SEQ_CST);
	ring_put(&s->layout, bytes, &(struct ring_call){ s->function, place }, s->mark);
	if (poke(&r->poker, place, text, strlen(text) + 1) || write_slots(r, bytes) ||
	    write_indices(r, bytes) || write_count(r, bytes) || signal(r))
		return ps_fail(err, PS_DENIED, "the memory of process %d cannot be written",
			       r->pid);
	return PS_OK;
}

/* Another pysample may have put its own in the same slot and place since: it has another path. */
static bool has_our_text(const struct request *r)
{
	char text[TEXT_MAX], there[TEXT_MAX];

	return make_text(r->path, text) &&
	       poke_read(&r->poker, r->ring.text, there, strlen(text) + 1) == PS_OK &&
	       memcmp(there, text, strlen(text) + 1) == 0;
}

static bool is_ours(const struct request *r, const unsigned char *bytes)
{
	const struct ring_site *s = &r->ring.site;
	struct ring_call call;

	ring_slot0(&s->layout, bytes, &call);
	return ring_begins_at_0(&s->layout, bytes) && call.function == s->function &&
	       call.argument == r->ring.text && has_our_text(r);
}

static enum ps_status state(const struct request *r, enum request_state *ret, bool *ret_signalled)
{
	const struct ring_site *s = &r->ring.site;
	struct ring_memory m = memory_of(r);
	unsigned char bytes[RING_BYTES_MAX];
	uint64_t breaker = 0, to_do = 0;
	enum ps_status st;
	int count;

	st = ring_site_bytes(s, &m, bytes, &count);
	if (st && st != PS_FORMAT) /* that is one moment of others' additions and removals */
		return st;
	*ret = is_ours(r, bytes) ? REQUEST_WAITS : REQUEST_TAKEN;
	PS_TRY(ring_site_read(s, &m, RW_BREAKER, r->thread, &breaker));
	if (s->layout.breaker_bit) {
		*ret_signalled = breaker & s->layout.breaker_bit;
		return PS_OK;
	}
	PS_TRY(ring_site_read(s, &m, RW_CALLS_TO_DO, 0, &to_do));
	*ret_signalled = to_do && (breaker || !needs_breaker(r, &m));
	return PS_OK;
}

/* What the interpreter computes it from, but for which thread it is that computes: too often
 * is harmless. */
static enum ps_status calm(const struct request *r, const struct ring_memory *m)
{
	const struct ring_site *s = &r->ring.site;
	uint32_t none = 0, breaker = 0;

	if (s->layout.breaker_bit)
		return PS_OK; /* the thread clears it when it finds the ring empty */
	PS_TRY(poke(&r->poker, ring_site_at(s, RW_CALLS_TO_DO, 0), &none, sizeof none));
	for (enum ring_word w = RW_REASON_DROP; w < RING_NWORDS; w++) {
		uint64_t v;
		enum ps_status st = ring_site_read(s, m, w, 0, &v);

		if (st && st != PS_UNSUPPORTED)
			return st;
		if (!st)
			breaker |= v != 0;
	}
	return poke(&r->poker, ring_site_at(s, RW_BREAKER, 0), &breaker, sizeof breaker);
}

static enum ps_status clear(struct request *r)
{
	const struct ring_site *s = &r->ring.site;
	struct ring_memory m = memory_of(r);
	unsigned char bytes[RING_BYTES_MAX];
	int count;

	/* Whoever has the lock may have taken it already, and not said so yet. */
	if (!ring_site_unlocked(s, &m))
		return PS_TORN;
	if (ring_site_bytes(s, &m, bytes, &count) == PS_FAULT)
		return PS_FAULT;
	ring_take(&s->layout, bytes, s->mark);
	PS_TRY(write_count(r, bytes));
	PS_TRY(write_indices(r, bytes));
	PS_TRY(write_slots(r, bytes));
	if (ring_site_bytes(s, &m, bytes, &count) == PS_OK && count == 0)
		return calm(r, &m);
	return PS_OK;
}

const struct request_ops request_ring_ops = {
	.put = put, .state = state, .signal = signal, .clear = clear
};
