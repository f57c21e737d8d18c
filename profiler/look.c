/* SPDX-License-Identifier: MIT */
#include "profiler/look.h"

enum {
	INTERPRETERS_PER_BATCH = 16,
	SPAN_MAX = 4096,
	FREEING_NS = 1000000000, /* who has freed code objects will free more */
};

/* What is looked at, in the order of need. */
static const enum layout_field looked_fields[] = {
	F_INTERP_THREADS_HEAD,
	F_INTERP_GENERATION,
	F_INTERP_GC_COLLECTING,
	F_INTERP_GC_FRAME,
};
enum { NFIELDS = sizeof looked_fields / sizeof *looked_fields };

struct look_span look_span(const struct layout *l)
{
	struct look_span span = { l->at[F_INTERP_THREADS_HEAD], l->at[F_INTERP_THREADS_HEAD] };

	for (unsigned i = 0; i < NFIELDS; i++) {
		enum layout_field f = looked_fields[i];
		uint32_t at = l->at[f], end = at + (uint32_t)layout_width(f), from, to;

		if (!layout_has(l, f))
			continue;
		from = at < span.from ? at & ~7u : span.from;
		to = end > span.to ? (end + 7) & ~7u : span.to;
		if (to - from <= SPAN_MAX)
			span = (struct look_span){ from, to };
	}
	return span;
}

static bool look_get(const struct layout *l, enum layout_field f, const unsigned char *bytes,
		     struct look_span span, uint64_t *ret)
{
	if (!layout_has(l, f) || l->at[f] < span.from || l->at[f] + layout_width(f) > span.to)
		return false;
	*ret = 0;
	memcpy(ret, bytes + (l->at[f] - span.from), layout_width(f));
	return true;
}

static void look_at_interpreter(struct sampler *s, struct interpreter *in,
				const unsigned char *bytes, struct look_span span)
{
	const struct layout *l = &s->site.layout;
	uint64_t head, generation, collecting, frame;
	bool told;

	if (!bytes) {
		s->relist = true;
		return;
	}
	if (look_get(l, F_INTERP_THREADS_HEAD, bytes, span, &head) && head != in->threads_head)
		s->relist = true;
	told = look_get(l, F_INTERP_GC_FRAME, bytes, span, &frame);
	if (look_get(l, F_INTERP_GC_COLLECTING, bytes, span, &collecting))
		collection_note(&in->collection, collecting != 0, told ? &frame : NULL,
				s->counts.ticks);
	if (look_get(l, F_INTERP_GENERATION, bytes, span, &generation) &&
	    generation != in->generation) {
		in->generation = generation;
		code_next_epoch(&s->codes);
		s->freed_meanwhile |= s->looks_after;
		if (in->looked_at)
			s->freeing_until = s->now + FREEING_NS;
	}
	in->looked_at = true;
}

static struct interpreter *looked_at(struct sampler *s, uint32_t i)
{
	return &s->interpreters[(s->first_looked + i) % s->ninterpreters];
}

/* Whether code objects were freed between the look and the copy of the threads can be told later if
 * the look comes first. If it comes last, as it should for the sake of the stacks (capture.h), the
 * look before tells, where it can be told at all; where it cannot, a collection that begins
 * meanwhile would seem to have begun where the threads were before. */
static bool may_look_after(const struct sampler *s)
{
	if (!layout_has(&s->site.layout, F_INTERP_GENERATION))
		return false;
	for (uint32_t i = 0; i < s->ninterpreters; i++) {
		if (!s->interpreters[i].looked_at)
			return false;
	}
	return s->now >= s->freeing_until;
}

uint32_t look_plan(struct sampler *s)
{
	struct look_span span = s->look_span;
	uint32_t n = 0;

	s->looks_after = may_look_after(s);

	/* Of many, some at each look, in turns. */
	s->first_looked = s->ninterpreters > INTERPRETERS_PER_BATCH
				  ? s->first_looked + INTERPRETERS_PER_BATCH
				  : 0;
	while (n < s->ninterpreters && n < INTERPRETERS_PER_BATCH &&
	       capture_add_extra(s->batch, looked_at(s, n)->at + span.from, span.to - span.from,
				 s->looks_after))
		n++;
	return n;
}

void look_take(struct sampler *s, uint32_t n)
{
	struct look_span span = s->look_span;

	s->freed_meanwhile = false;
	if (!n)
		return;
	for (uint32_t i = 0; i < n; i++)
		look_at_interpreter(s, looked_at(s, i), capture_extra(s->batch, i), span);
	s->any_collection = false;
	for (uint32_t i = 0; i < s->ninterpreters; i++)
		s->any_collection |= s->interpreters[i].collection.running;
}

bool look_generation_stands(const struct sampler *s, const struct thread *t)
{
	const struct layout *l = &s->site.layout;

	for (uint32_t i = 0; i < s->ninterpreters; i++) {
		const struct interpreter *in = &s->interpreters[i];
		uint64_t now;

		if (in->at == t->interpreter)
			return !s->freed_meanwhile && layout_has(l, F_INTERP_GENERATION) &&
			       target_read(s->target, in->at + l->at[F_INTERP_GENERATION], &now,
					   8) == PS_OK &&
			       now == in->generation;
	}
	return false;
}
