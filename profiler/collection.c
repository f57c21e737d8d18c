/* SPDX-License-Identifier: MIT */
/* Sources: Python/gc.c, gc_collect_main() of 3.13 to 3.15: `collecting` is set from begin to
 * end; in 3.15 `frame` is the thread's current_frame meanwhile.
 *
 * Looks are up to 50 us apart where there are more than 20 000 samples a second, so a
 * collection that the last look saw may be over. It goes on only if its frame stands where
 * it stood, and what is above was not called by that frame itself: a finalizer is called by
 * C code.
 */
#include "profiler/collection.h"

#include "profiler/sampler.h"

void collection_note(struct collection *c, bool running, const raddr *told, uint64_t tick)
{
	if (!running)
		c->frame = c->thread = 0;
	else if (told)
		c->frame = *told;
	c->running = running;
	c->tick = tick;
}

static bool is_attached(const struct sampler *s, const struct thread *t)
{
	return t->status & s->site.layout.gil_holder;
}

/* The index of that frame, from the top; UINT32_MAX: it is not there. */
static uint32_t find_frame(const struct thread *t, raddr at)
{
	for (uint32_t i = t->nframes; i > 0; i--) {
		if (t->frames[i - 1].at == at)
			return i - 1;
	}
	return UINT32_MAX;
}

static bool may_stand_on(const struct thread *t, uint32_t i)
{
	return i + 1 == t->nframes || t->frames[i + 1].previous != t->frames[i].at;
}

static void stand_on(struct collection *c, const struct thread *t, uint32_t i)
{
	c->frame = t->frames[i].at;
	c->thread = t->at;
	c->instr = t->frames[i].instr;
}

/* Does the collection that was seen before still stand in this thread? */
static uint32_t where_it_stood(const struct collection *c, const struct thread *t)
{
	uint32_t i = c->thread == t->at ? find_frame(t, c->frame) : UINT32_MAX;

	if (i != UINT32_MAX && t->frames[i].instr == c->instr && may_stand_on(t, i))
		return i;
	return UINT32_MAX;
}

static uint32_t where_told(struct collection *c, const struct thread *t, bool fresh)
{
	uint32_t i;

	if (!fresh)
		return where_it_stood(c, t);
	i = c->frame ? find_frame(t, c->frame) : UINT32_MAX;
	if (i == UINT32_MAX || !may_stand_on(t, i))
		return UINT32_MAX;
	stand_on(c, t, i);
	return i;
}

/* Another thread has the collection: it waits in a finalizer that let the GIL go. */
static bool is_elsewhere(const struct sampler *s, const struct collection *c,
			 const struct thread *t)
{
	if (!c->thread || c->thread == t->at)
		return false;
	for (uint32_t i = 0; i < s->nthreads; i++) {
		const struct thread *other = &s->threads[i];

		if (other->at == c->thread) {
			uint32_t k = where_it_stood(c, other);

			return k != UINT32_MAX && k + 1 < other->nframes;
		}
	}
	return false;
}

static uint32_t where_guessed(struct sampler *s, struct collection *c, const struct thread *t,
			      bool fresh, bool top_known)
{
	uint32_t i = where_it_stood(c, t);

	/* On top of the very top, it holds the GIL. */
	if (i != UINT32_MAX && (i + 1 < t->nframes || is_attached(s, t)))
		return i;
	if (!fresh || !top_known || !is_attached(s, t) || is_elsewhere(s, c, t))
		return UINT32_MAX;
	stand_on(c, t, t->nframes - 1);
	return t->nframes - 1;
}

/* A frame that is not shown has the stack of the one below it. */
static enum ps_status insert(struct sampler *s, struct thread *t, uint32_t at)
{
	stack_id stack = t->frames[at].stack;

	if (at + 1 == t->nframes)
		return profile_push(s->profile, t->stack, s->collecting, 0, &t->stack);
	if (t->truncated)
		return PS_OK; /* it may be among the frames left out */
	PS_TRY(profile_push(s->profile, stack, s->collecting, 0, &stack));
	for (uint32_t i = at + 1; i < t->nframes; i++) {
		struct profile_stack f = profile_stack_at(s->profile, t->frames[i].stack);

		if (t->frames[i].stack.v != t->frames[i - 1].stack.v)
			PS_TRY(profile_push(s->profile, stack, f.function, f.line, &stack));
	}
	t->stack = stack;
	return PS_OK;
}

enum ps_status collection_mark(struct sampler *s, struct thread *t, bool top_known, bool *ret)
{
	struct collection *c = NULL;
	uint32_t at;
	bool fresh;

	*ret = false;
	if (!s->any_collection)
		return PS_OK;
	for (uint32_t i = 0; i < s->ninterpreters && !c; i++) {
		if (s->interpreters[i].at == t->interpreter)
			c = &s->interpreters[i].collection;
	}
	if (!c || !c->running || !t->nframes)
		return PS_OK;
	fresh = c->tick == s->counts.ticks;
	at = layout_has(&s->site.layout, F_INTERP_GC_FRAME)
		     ? where_told(c, t, fresh)
		     : where_guessed(s, c, t, fresh, top_known);
	if (at == UINT32_MAX)
		return PS_OK;
	*ret = true;
	return insert(s, t, at);
}
