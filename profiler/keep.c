/* SPDX-License-Identifier: MIT */
#include "profiler/keep.h"

#include "profiler/state.h"

enum {
	KEEP_THREADS = 4, /* from so many on it pays to ask who stood still */
	KEEP_CHECK = 256, /* ticks, in one of which even such a thread is read */
};

void sampler_keep_still(struct sampler *s)
{
	s->keeps_still = true;
}

enum ps_status keep_look(struct sampler *s)
{
	raddr main = 0;
	uint32_t lived = 0;

	if (!s->keeps_still || s->blocking || s->nthreads < KEEP_THREADS) {
		gil_pass(&s->gil);
		return PS_OK;
	}
	for (uint32_t i = 0; i < s->ninterpreters; i++) {
		if (s->interpreters[i].id == 0)
			main = s->interpreters[i].at;
	}
	s->keep_epoch = s->codes.epoch;
	for (uint32_t i = 0; i < s->nthreads; i++)
		lived += s->threads[i].interpreter == main && s->threads[i].nframes;
	PS_TRY(gil_look(&s->gil, s->target, &s->site.layout, main, lived));
	for (uint32_t i = 0; i < s->nthreads; i++)
		gil_settle_doubt(&s->gil, &s->threads[i]);
	return PS_OK;
}

/* The epoch of code objects is that of the look, so that the answer is the same all through a
 * tick: in a new one it may turn out that what was told went by the record of another object. */
bool keep_may(const struct sampler *s, const struct thread *t)
{
	return t->verified_epoch == s->keep_epoch && t->settled_at &&
	       t->settled_at == s->gil.looks - 1 && gil_stood_still(&s->gil, t) &&
	       (s->counts.ticks + hash_words(t->at, 0)) % KEEP_CHECK;
}

/* What was told of it holds, and if a collection goes on now, it began after that. */
enum ps_status keep_sample(struct sampler *s, struct thread *t)
{
	unsigned state = state_keep(s, t);
	enum ps_status st = collection_mark(s, t, true, &t->collects);

	if (!st)
		st = profile_add(s->profile, t->id, t->stack, state, s->weight);
	if (st == PS_LIMIT)
		s->counts.lost[LOST_FULL]++;
	if (st)
		return st == PS_LIMIT ? PS_OK : st;
	s->counts.consistent++;
	s->counts.truncated += t->truncated;
	if (!t->collects)
		t->settled_at = s->gil.looks;
	return PS_OK;
}

void keep_settle(struct sampler *s, struct thread *t, bool certain, stack_id before)
{
	if (!certain || !t->nframes || t->collects)
		return;
	if (t->settled_at && t->settled_at == s->gil.looks - 1 && t->stack.v != before.v &&
	    gil_stood_still(&s->gil, t))
		gil_doubt(&s->gil, t);
	if (!(t->status & s->site.layout.gil_holder))
		t->settled_at = s->gil.looks;
}
