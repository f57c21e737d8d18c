/* SPDX-License-Identifier: MIT */
/* What no root leads to is kept by something that a dump does not show (C code), or is
 * garbage that no collection has met yet. Of each such cluster one object is to be a child
 * of the last group: one from which the rest of it can be reached, so that what keeps what stays
 * to be seen inside of it.
 *
 * 1. Depth first, objects end after all that they lead to, but for what began before. So
 *    among those not yet reached, the one that ended last is led to by none of them, or by
 *    a cycle that it is part of.
 * 2. Hence taking them in that order, and marking what each leads to, takes one of each
 *    cycle (or single object) to which nothing leads, and no other. */
#include "profiler/heap_graph.h"

#include <string.h>

struct search {
	struct heap_graph *g;
	uint8_t *seen;   /* by object: bit 0 reached, bit 1 met in step 1 */
	uint32_t *stack; /* of objects */
	uint32_t *at;    /* by depth of the stack: its next edge */
	uint32_t *ended; /* objects, in the order of step 1 */
	uint32_t *adopted;
	uint32_t nended, nadopted;
};

enum { REACHED = 1, MET = 2 };

static void reach(struct search *s, uint32_t from)
{
	const struct heap_graph *g = s->g;
	uint32_t n = 0;

	s->seen[from] |= REACHED;
	s->stack[n++] = from;
	while (n) {
		uint32_t o = s->stack[--n];

		for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
			if ((s->seen[g->to[e]] & REACHED) || !heap_graph_keeps(g, e))
				continue;
			s->seen[g->to[e]] |= REACHED;
			s->stack[n++] = g->to[e];
		}
	}
}

static void push(struct search *s, uint32_t *n, uint32_t object)
{
	s->seen[object] |= MET;
	s->stack[*n] = object;
	s->at[(*n)++] = s->g->first[object];
}

/* Step 1, from one object. */
static void end_below(struct search *s, uint32_t from)
{
	const struct heap_graph *g = s->g;
	uint32_t n = 0;

	push(s, &n, from);
	while (n) {
		uint32_t o = s->stack[n - 1], e = s->at[n - 1]++;

		if (e == g->first[o + 1]) {
			s->ended[s->nended++] = o;
			n--;
		} else if (!s->seen[g->to[e]] && heap_graph_keeps(g, e)) {
			push(s, &n, g->to[e]);
		}
	}
}

static void find(struct search *s)
{
	reach(s, HEAP_ROOT);
	for (uint32_t o = 0; o < s->g->nobjects; o++) {
		if (!s->seen[o])
			end_below(s, o);
	}
	while (s->nended) {
		uint32_t o = s->ended[--s->nended];

		if (s->seen[o] & REACHED)
			continue;
		/* It fills what is already read of that array, from its end. */
		s->nadopted++;
		s->adopted[s->g->nobjects - s->nadopted] = o;
		reach(s, o);
	}
}

static enum ps_status adopt(struct search *s)
{
	struct heap_graph *g = s->g;
	uint32_t last = g->nobjects;

	PS_TRY(heap_graph_object(g, (struct heap_object){ HEAP_REST_ID, .name = g->label[0] }));
	for (uint32_t i = 0; i < s->nadopted; i++)
		PS_TRY(heap_graph_edge(g, HEAP_EDGE_UNNAMED, i,
				       s->adopted[last - s->nadopted + i]));
	g->to[0] = last;
	return PS_OK;
}

static enum ps_status search_and_adopt(struct search *s, struct arena *scratch)
{
	size_t n = s->g->nobjects, words = n * sizeof(uint32_t);

	PS_TRY(arena_take(scratch, n, (void **)&s->seen));
	PS_TRY(arena_take(scratch, words, (void **)&s->stack));
	PS_TRY(arena_take(scratch, words, (void **)&s->at));
	PS_TRY(arena_take(scratch, words, (void **)&s->ended));
	s->adopted = s->ended;
	memset(s->seen, 0, n);
	find(s);
	return adopt(s);
}

enum ps_status heap_graph_finish(struct heap_graph *g)
{
	struct search s = { .g = g };
	struct arena scratch;
	enum ps_status st;

	for (uint32_t e = 0; e < g->nedges; e++) {
		if (g->to[e] >= g->nobjects)
			return PS_FORMAT;
	}
	arena_init(&scratch, &g->mem);
	st = search_and_adopt(&s, &scratch);
	arena_deinit(&scratch);
	return st;
}
