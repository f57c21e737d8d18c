/* SPDX-License-Identifier: MIT */
#include "profiler/state.h"

#include "profiler/activity.h"

/* Has the thread done something since its last sample, or may have? */
static bool has_moved(const struct thread *t)
{
	return t->nsame != t->nframes || t->nframes != t->nbefore;
}

static unsigned compose(const struct thread *t, bool attached, unsigned activity)
{
	unsigned state = 0;

	if (attached)
		state |= STATE_GIL | STATE_WORK;
	if (activity & ACTIVITY_READY)
		state |= STATE_WORK;
	if (activity & ACTIVITY_CPU)
		state |= STATE_CPU;
	if (t->exception)
		state |= STATE_EXCEPTION;
	/* Without a Python frame there is nothing that it could be at work on. */
	return t->nframes ? state : state & ~(unsigned)(STATE_WORK | STATE_CPU);
}

static const struct thread *top_of(const struct sampler *s, const struct thread *t)
{
	return &s->threads[s->threads[t->native].top];
}

bool state_is_elsewhere(const struct sampler *s, const struct thread *t)
{
	return t->shared && top_of(s, t) != t;
}

/* The native thread, once for all of its states. */
static unsigned ask(struct sampler *s, struct thread *t, const struct activity_sample *x)
{
	if (state_is_elsewhere(s, t))
		return 0;
	return activity_of(t->shared ? &s->threads[t->native].activity : &t->activity,
			   s->target->pid, t->tid, x);
}

unsigned state_take(struct sampler *s, struct thread *t, const struct capture *c, bool may_read)
{
	const struct layout *l = &s->site.layout;
	uint32_t status = (uint32_t)layout_get(l, c->state, F_THREAD_STATUS);
	struct activity_sample x = {
		.now = s->now,
		.attached = status & l->gil_holder,
		.moved = ((t->status ^ status) & l->gil_holder) || has_moved(t),
		.traced = s->blocking != NULL,
	};
	unsigned activity;

	if (t->shared && (x.attached || (t->nframes && !top_of(s, t)->nframes)))
		s->threads[t->native].top = (uint32_t)(t - s->threads);
	activity = ask(s, t, &x);
	t->status = status;
	t->gil_requested = layout_get(l, c->state, F_THREAD_GIL_REQUESTED) != 0;
	t->nbefore = t->nframes;
	t->exception = exceptions_of(&s->exceptions, t, c, may_read);
	return compose(t, x.attached, activity);
}

unsigned state_keep(struct sampler *s, struct thread *t)
{
	struct activity_sample x = { .now = s->now, .still = true };

	return compose(t, false, ask(s, t, &x));
}
