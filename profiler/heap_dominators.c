/* SPDX-License-Identifier: MIT */
/* Everything between number() and finish() is in terms of depth-first numbers, from 0 for
 * the root: memory is then met roughly in the order in which it lies, and "semidominators
 * are compared by number" needs no further array. Names are those of the paper.
 *
 * Vertices are taken from the last to the first, so a vertex is linked into the forest iff
 * its number is at least that of the one that was linked last: `linked` says which. That
 * also lets ancestor[] begin as the tree of the search, and be its only copy. */
#include "profiler/heap_dominators.h"

#include <stdlib.h>
#include <string.h>

struct work {
	const struct heap_graph *g;
	uint32_t n, linked;
	uint32_t *vertex; /* by number: the object */
	uint32_t *number; /* by object */
	uint32_t *pred_first, *pred;
	uint32_t *ancestor, *label, *semi, *dom;
	uint32_t *bucket, *bucket_next; /* lists; HEAP_NONE ends them */
	uint32_t *stack;
};

/* --- the search --- */

static void meet(struct work *w, uint32_t object, uint32_t parent, uint32_t *depth)
{
	w->number[object] = w->n;
	w->vertex[w->n] = object;
	w->ancestor[w->n] = parent;
	w->n++;
	w->stack[*depth] = object;
	w->label[(*depth)++] = w->g->first[object]; /* the next edge; labels come later */
}

static void search(struct work *w)
{
	const struct heap_graph *g = w->g;
	uint32_t depth = 0;

	memset(w->number, 0xff, g->nobjects * sizeof *w->number);
	meet(w, HEAP_ROOT, 0, &depth);
	while (depth) {
		uint32_t o = w->stack[depth - 1], e = w->label[depth - 1];

		while (e < g->first[o + 1] &&
		       (w->number[g->to[e]] != HEAP_NONE || !heap_graph_keeps(g, e)))
			e++;
		w->label[depth - 1] = e + 1;
		if (e == g->first[o + 1])
			depth--;
		else
			meet(w, g->to[e], w->number[o], &depth);
	}
}

/* Who leads to each vertex. */
static void invert(struct work *w)
{
	const struct heap_graph *g = w->g;
	uint32_t *first = w->pred_first;

	memset(first, 0, (w->n + 1) * sizeof *first);
	for (uint32_t e = 0; e < g->nedges; e++) {
		if (heap_graph_keeps(g, e))
			first[w->number[g->to[e]]]++;
	}
	for (uint32_t v = 0, sum = 0; v <= w->n; v++) {
		sum += v < w->n ? first[v] : 0;
		first[v] = sum;
	}
	for (uint32_t v = w->n; v-- > 0;) {
		uint32_t o = w->vertex[v];

		for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
			if (heap_graph_keeps(g, e))
				w->pred[--first[w->number[g->to[e]]]] = v;
		}
	}
}

/* --- Lengauer and Tarjan --- */

static void compress(struct work *w, uint32_t v)
{
	uint32_t depth = 0;

	for (; w->ancestor[v] >= w->linked; v = w->ancestor[v])
		w->stack[depth++] = v;
	while (depth) {
		uint32_t a = v;

		v = w->stack[--depth];
		if (w->semi[w->label[a]] < w->semi[w->label[v]])
			w->label[v] = w->label[a];
		w->ancestor[v] = w->ancestor[a];
	}
}

/* Of the linked vertices from v up, but for the root of its tree, one of least
 * semidominator; of a vertex that is not linked, itself. */
static uint32_t eval(struct work *w, uint32_t v)
{
	if (v < w->linked)
		return v;
	if (w->ancestor[v] >= w->linked)
		compress(w, v);
	return w->label[v];
}

static void empty_bucket(struct work *w, uint32_t of)
{
	for (uint32_t v = w->bucket[of]; v != HEAP_NONE; v = w->bucket_next[v]) {
		uint32_t u = eval(w, v);

		w->dom[v] = w->semi[u] < w->semi[v] ? u : of;
	}
	w->bucket[of] = HEAP_NONE;
}

static void find(struct work *w)
{
	for (uint32_t v = 0; v < w->n; v++) {
		w->semi[v] = w->label[v] = v;
		w->bucket[v] = HEAP_NONE;
	}
	w->linked = w->n;
	for (uint32_t v = w->n; v-- > 1;) {
		uint32_t parent = w->ancestor[v], semi = v;

		for (uint32_t i = w->pred_first[v]; i < w->pred_first[v + 1]; i++) {
			uint32_t by = w->semi[eval(w, w->pred[i])];

			if (by < semi)
				semi = by;
		}
		w->semi[v] = semi;
		w->bucket_next[v] = w->bucket[semi];
		w->bucket[semi] = v;
		w->linked = v;
		empty_bucket(w, parent);
	}
	w->dom[0] = 0;
	for (uint32_t v = 1; v < w->n; v++) {
		if (w->dom[v] != w->semi[v])
			w->dom[v] = w->dom[w->dom[v]];
	}
}

/* --- in terms of objects again --- */

static void finish(const struct work *w, struct heap_dominators *ret)
{
	const struct heap_graph *g = w->g;

	for (uint32_t v = 0; v < w->n; v++) {
		uint32_t o = w->vertex[v];

		ret->order[v] = o;
		ret->of[o] = w->vertex[w->dom[v]];
		ret->retained[o] = g->size[o];
	}
	for (uint32_t v = w->n; v-- > 1;) {
		uint32_t o = w->vertex[v];
		uint64_t *sum = &ret->retained[ret->of[o]];

		/* Sizes are the target's word: their sum must not wrap. */
		*sum = ret->retained[o] > UINT64_MAX - *sum ? UINT64_MAX : *sum + ret->retained[o];
	}
}

static enum ps_status take(struct arena *a, size_t n, uint32_t **ret)
{
	return arena_take(a, n * sizeof **ret, (void **)ret);
}

static enum ps_status run(struct work *w, struct arena *scratch, struct heap_dominators *ret)
{
	size_t n = w->g->nobjects;
	uint32_t **arrays[] = { &w->vertex, &w->number, &w->ancestor, &w->label,      &w->semi,
				&w->dom,    &w->bucket, &w->stack,    &w->bucket_next };

	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
		PS_TRY(take(scratch, n, arrays[i]));
	PS_TRY(take(scratch, n + 1, &w->pred_first));
	PS_TRY(take(scratch, w->g->nedges, &w->pred));
	search(w);
	invert(w);
	find(w);
	finish(w, ret);
	return PS_OK;
}

enum ps_status heap_dominators_find(struct heap_graph *g, struct heap_dominators *ret)
{
	struct heap_dominators d = { .n = g->nobjects, .mem = &g->mem };
	struct work w = { .g = g };
	struct arena scratch;
	enum ps_status st;

	arena_init(&scratch, &g->mem);
	st = mem_resize(d.mem, (void **)&d.of, 0, d.n * sizeof *d.of);
	if (!st)
		st = mem_resize(d.mem, (void **)&d.retained, 0, d.n * sizeof *d.retained);
	if (!st)
		st = mem_resize(d.mem, (void **)&d.order, 0, d.n * sizeof *d.order);
	if (!st)
		st = run(&w, &scratch, &d);
	arena_deinit(&scratch);
	if (st)
		heap_dominators_deinit(&d);
	else
		*ret = d;
	return st;
}

void heap_dominators_deinit(struct heap_dominators *d)
{
	if (!d->mem)
		return;
	if (d->of)
		d->mem->used -= d->n * sizeof *d->of;
	if (d->retained)
		d->mem->used -= d->n * sizeof *d->retained;
	if (d->order)
		d->mem->used -= d->n * sizeof *d->order;
	free(d->of);
	free(d->retained);
	free(d->order);
	*d = (struct heap_dominators){ 0 };
}
