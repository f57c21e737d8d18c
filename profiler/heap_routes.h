/* SPDX-License-Identifier: MIT */
/* profiler/heap_routes.h - a way from the root to each object: along the dominators, or the
 * shortest one. Either is a tree: each object's parent, and the edge by which it is reached.
 */
#ifndef PROFILER_HEAP_ROUTES_H
#define PROFILER_HEAP_ROUTES_H

#include "profiler/heap_dominators.h"

struct heap_routes {
	uint32_t *parent; /* by object; the root's is the root */
	uint32_t *via;    /* the edge from the parent; HEAP_NONE: none leads right to it */
	uint32_t *order;  /* all objects, parents before their children */
	uint32_t n;
	struct mem *mem;
};

/* Without weak edges; of several shortest ones, the first in the dump's order. By the last
 * group (what no root leads to) only if there is no other way. */
enum ps_status heap_routes_shortest(struct heap_graph *g, struct heap_routes *ret) PS_MUST_USE;
enum ps_status heap_routes_dominating(struct heap_graph *g, const struct heap_dominators *d,
				      struct heap_routes *ret) PS_MUST_USE;
void heap_routes_deinit(struct heap_routes *r);

#endif
