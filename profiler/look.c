/* SPDX-License-Identifier: MIT */
#include "profiler/look.h"

enum { INTERPRETERS_PER_BATCH = 16 };

struct interp_span {
	uint32_t from, len;
};

/* The head of the thread list and the count of freed code objects, read as one piece. */
static struct interp_span interp_span(const struct layout *l)
{
	uint32_t a = l->at[F_INTERP_THREADS_HEAD], b = a;

	if (layout_has(l, F_INTERP_GENERATION))
		b = l->at[F_INTERP_GENERATION];
	if ((a > b ? a - b : b - a) > 4096)
		return (struct interp_span){ a, 8 };
	return (struct interp_span){ a < b ? a : b, (a < b ? b - a : a - b) + 8 };
}

static void look_at_interpreter(struct sampler *s, struct interpreter *in,
				const unsigned char *bytes, struct interp_span span)
{
	const struct layout *l = &s->site.layout;
	raddr head;
	uint64_t generation;

	if (!bytes) {
		s->relist = true;
		return;
	}
	memcpy(&head, bytes + (l->at[F_INTERP_THREADS_HEAD] - span.from), 8);
	if (head != in->threads_head)
		s->relist = true;
	if (!layout_has(l, F_INTERP_GENERATION) ||
	    l->at[F_INTERP_GENERATION] - span.from > span.len - 8)
		return;
	memcpy(&generation, bytes + (l->at[F_INTERP_GENERATION] - span.from), 8);
	if (generation != in->generation) {
		in->generation = generation;
		code_next_epoch(&s->codes);
	}
}

static struct interpreter *looked_at(struct sampler *s, uint32_t i)
{
	return &s->interpreters[(s->first_looked + i) % s->ninterpreters];
}

uint32_t look_plan(struct sampler *s)
{
	struct interp_span span = interp_span(&s->site.layout);
	uint32_t n = 0;

	/* Of many, some at each look, in turns. */
	s->first_looked = s->ninterpreters > INTERPRETERS_PER_BATCH
				  ? s->first_looked + INTERPRETERS_PER_BATCH
				  : 0;
	while (n < s->ninterpreters && n < INTERPRETERS_PER_BATCH &&
	       capture_add_extra(s->batch, looked_at(s, n)->at + span.from, (span.len + 7) & ~7u))
		n++;
	return n;
}

void look_take(struct sampler *s, uint32_t n)
{
	struct interp_span span = interp_span(&s->site.layout);

	for (uint32_t i = 0; i < n; i++)
		look_at_interpreter(s, looked_at(s, i), capture_extra(s->batch, i), span);
}
