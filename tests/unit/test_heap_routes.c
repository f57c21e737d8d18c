/* SPDX-License-Identifier: MIT */
#include "profiler/heap_routes.h"

#include "tests/support/built_heap.h"
#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Edges from the root, without those by the last group if there is another way: as long as
 * anything gets nearer. */
static uint32_t *distances(const struct heap_graph *g, bool with_rest)
{
	uint32_t *v = malloc(g->nobjects * sizeof *v), rest = g->nobjects - 1;
	bool changed = true;

	for (uint32_t o = 0; o < g->nobjects; o++)
		v[o] = o ? HEAP_NONE : 0;
	while (changed) {
		changed = false;
		for (uint32_t o = 0; o < g->nobjects; o++) {
			if (v[o] == HEAP_NONE || (o == rest && !with_rest))
				continue;
			for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
				if (heap_graph_keeps(g, e) && v[o] + 1 < v[g->to[e]]) {
					v[g->to[e]] = v[o] + 1;
					changed = true;
				}
			}
		}
	}
	return v;
}

static uint32_t length(const struct heap_graph *g, const struct heap_routes *r, uint32_t o)
{
	uint32_t n = 0;

	for (; o != HEAP_ROOT; o = r->parent[o], n++) {
		uint32_t e = r->via[o], from = r->parent[o];

		cr_assert(e >= g->first[from] && e < g->first[from + 1] && g->to[e] == o);
		cr_assert(heap_graph_keeps(g, e));
		cr_assert_lt(n, g->nobjects);
	}
	return n;
}

Test(heap_routes, shortest_ones_are_shortest_and_avoid_the_last_group)
{
	for (uint32_t seed = 0; seed < 200; seed++) {
		uint32_t *with, *without;
		struct heap_routes r;
		struct heap_graph g;

		built_heap_random(&g, seed, 1 + seed % 70, 1 + seed % 4);
		with = distances(&g, true);
		without = distances(&g, false);
		cr_assert_eq(heap_routes_shortest(&g, &r), PS_OK);
		for (uint32_t o = 0; o + 1 < g.nobjects; o++)
			cr_assert_eq(length(&g, &r, o),
				     without[o] == HEAP_NONE ? with[o] : without[o]);
		free(with);
		free(without);
		heap_routes_deinit(&r);
		heap_graph_deinit(&g);
	}
}

Test(heap_routes, dominating_ones_are_the_dominators_with_an_edge_where_there_is_one)
{
	for (uint32_t seed = 0; seed < 50; seed++) {
		struct heap_dominators d;
		struct heap_routes r;
		struct heap_graph g;

		built_heap_random(&g, seed, 60, 3);
		cr_assert_eq(heap_dominators_find(&g, &d), PS_OK);
		cr_assert_eq(heap_routes_dominating(&g, &d, &r), PS_OK);
		for (uint32_t o = 1; o < g.nobjects; o++) {
			uint32_t from = d.of[o], direct = HEAP_NONE;

			for (uint32_t e = g.first[from + 1]; e-- > g.first[from];) {
				if (g.to[e] == o && heap_graph_keeps(&g, e))
					direct = e;
			}
			cr_assert_eq(r.parent[o], from);
			cr_assert_eq(r.via[o], direct);
		}
		heap_routes_deinit(&r);
		heap_dominators_deinit(&d);
		heap_graph_deinit(&g);
	}
}

Test(heap_routes, any_allocation_may_fail)
{
	struct heap_routes r;
	struct heap_graph g;
	enum ps_status st = PS_NOMEM;
	size_t used;

	built_heap_random(&g, 1, 500, 3);
	used = g.mem.used;
	for (unsigned long k = 1; st; k++) {
		fail_alloc_at(k);
		st = heap_routes_shortest(&g, &r);
		fail_alloc_at(0);
		cr_assert(st == PS_OK || (st == PS_NOMEM && g.mem.used == used));
	}
	heap_routes_deinit(&r);
	cr_expect_eq(g.mem.used, used);
	heap_graph_deinit(&g);
}
