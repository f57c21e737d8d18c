/* SPDX-License-Identifier: MIT */
#include "profiler/heap_routes.h"

#include <stdlib.h>
#include <string.h>

static enum ps_status take(struct heap_graph *g, struct heap_routes *r)
{
	uint32_t **arrays[] = { &r->parent, &r->via, &r->order };

	*r = (struct heap_routes){ .n = g->nobjects, .mem = &g->mem };
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
		enum ps_status st =
			mem_resize(r->mem, (void **)arrays[i], 0, r->n * sizeof(uint32_t));

		if (st) {
			heap_routes_deinit(r);
			return st;
		}
	}
	memset(r->via, 0xff, r->n * sizeof *r->via);
	return PS_OK;
}

/* Breadth first; `n` objects are in order[] already, those before `i` done with. */
static uint32_t go_on(const struct heap_graph *g, struct heap_routes *r, uint32_t i, uint32_t n,
		      uint32_t but)
{
	for (; i < n; i++) {
		uint32_t o = r->order[i];

		for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
			uint32_t to = g->to[e];

			if (r->parent[to] != HEAP_NONE || to == but || !heap_graph_keeps(g, e))
				continue;
			r->parent[to] = o;
			r->via[to] = e;
			r->order[n++] = to;
		}
	}
	return n;
}

/* Ways from where nothing is known to lead are only for what has no other. */
enum ps_status heap_routes_shortest(struct heap_graph *g, struct heap_routes *ret)
{
	uint32_t rest = g->nobjects - 1, n;
	struct heap_routes r;

	PS_TRY(take(g, &r));
	memset(r.parent, 0xff, r.n * sizeof *r.parent);
	r.parent[HEAP_ROOT] = HEAP_ROOT;
	r.order[0] = HEAP_ROOT;
	n = go_on(g, &r, 0, 1, rest);
	r.parent[rest] = HEAP_ROOT;
	r.via[rest] = g->first[HEAP_ROOT];
	r.order[n] = rest;
	go_on(g, &r, n, n + 1, HEAP_NONE);
	*ret = r;
	return PS_OK;
}

enum ps_status heap_routes_dominating(struct heap_graph *g, const struct heap_dominators *d,
				      struct heap_routes *ret)
{
	struct heap_routes r;

	PS_TRY(take(g, &r));
	memcpy(r.parent, d->of, r.n * sizeof *r.parent);
	memcpy(r.order, d->order, r.n * sizeof *r.order);
	for (uint32_t o = 0; o < r.n; o++) {
		for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
			uint32_t to = g->to[e];

			if (r.via[to] == HEAP_NONE && r.parent[to] == o && to != HEAP_ROOT &&
			    heap_graph_keeps(g, e))
				r.via[to] = e;
		}
	}
	*ret = r;
	return PS_OK;
}

void heap_routes_deinit(struct heap_routes *r)
{
	if (!r->mem)
		return;
	r->mem->used -= r->parent ? r->n * sizeof *r->parent : 0;
	r->mem->used -= r->via ? r->n * sizeof *r->via : 0;
	r->mem->used -= r->order ? r->n * sizeof *r->order : 0;
	free(r->parent);
	free(r->via);
	free(r->order);
	*r = (struct heap_routes){ 0 };
}
