/* SPDX-License-Identifier: MIT */
/* profiler/heap_dominators.h - which object keeps which, and how much would go with it.
 *
 * An object *dominates* another if every way from the root to that one leads through it.
 * Its *immediate dominator* is the last one that does; these make a tree. What an object
 * dominates, and its own size, is its *retained size*: what would be freed with it. Weak
 * edges are no ways.
 *
 * By the algorithm of Lengauer and Tarjan (A Fast Algorithm for Finding Dominators in a
 * Flowgraph, 1979; the simple form of its EVAL and LINK): at most edges times logarithm of
 * objects, whatever the graph. No recursion.
 */
#ifndef PROFILER_HEAP_DOMINATORS_H
#define PROFILER_HEAP_DOMINATORS_H

#include "profiler/heap_graph.h"

struct heap_dominators {
	uint32_t *of;       /* by object: its immediate dominator; the root's is the root */
	uint64_t *retained; /* by object */
	uint32_t *order;    /* all objects: a dominator stands before those that it dominates */
	uint32_t n;
	struct mem *mem; /* the graph's */
};

/* Of a graph after heap_graph_finish(). Takes memory from it, while it runs some 36 bytes for
 * an object and 4 for an edge. */
enum ps_status heap_dominators_find(struct heap_graph *g, struct heap_dominators *ret) PS_MUST_USE;
void heap_dominators_deinit(struct heap_dominators *d);

#endif
