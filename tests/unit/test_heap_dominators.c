/* SPDX-License-Identifier: MIT */
#include "profiler/heap_dominators.h"

#include "tests/support/built_heap.h"
#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* What the root leads to if one object is taken away. */
static void reach_without(const struct heap_graph *g, uint32_t gone, bool *reached)
{
	uint32_t *stack = calloc(g->nobjects, sizeof *stack), n = 0;

	memset(reached, 0, g->nobjects);
	if (gone != HEAP_ROOT) {
		stack[n++] = HEAP_ROOT;
		reached[HEAP_ROOT] = true;
	}
	while (n) {
		uint32_t o = stack[--n];

		for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
			uint32_t to = g->to[e];

			if (heap_graph_keeps(g, e) && to != gone && !reached[to]) {
				reached[to] = true;
				stack[n++] = to;
			}
		}
	}
	free(stack);
}

/* By the definition, in n times m steps: each is taken away in turn. */
static void expect_as_defined(const struct heap_graph *g, const struct heap_dominators *d)
{
	uint32_t n = g->nobjects;
	bool *reached = calloc((size_t)n * n, sizeof *reached);

	for (uint32_t v = 0; v < n; v++) {
		uint64_t retained = 0;

		reach_without(g, v, reached + (size_t)v * n);
		for (uint32_t u = 0; u < n; u++)
			retained += reached[(size_t)v * n + u] ? 0 : g->size[u];
		cr_expect_eq(d->retained[v], retained, "object %u of %u", v, n);
	}
	for (uint32_t v = 1; v < n; v++) {
		/* Its dominator dominates it, and all others that do dominate its dominator. */
		cr_assert_neq(d->of[v], v);
		cr_assert_not(reached[(size_t)d->of[v] * n + v], "object %u of %u", v, n);
		for (uint32_t u = 0; u < n; u++) {
			if (u != v && !reached[(size_t)u * n + v])
				cr_assert_not(reached[(size_t)u * n + d->of[v]]);
		}
	}
	free(reached);
}

static void expect_order(const struct heap_dominators *d)
{
	uint32_t *place = calloc(d->n, sizeof *place);

	for (uint32_t i = 0; i < d->n; i++)
		place[d->order[i]] = i + 1;
	for (uint32_t v = 0; v < d->n; v++) {
		cr_assert_neq(place[v], 0);
		cr_assert(v == HEAP_ROOT || place[d->of[v]] < place[v]);
	}
	free(place);
}

Test(heap_dominators, are_as_defined_on_random_graphs)
{
	for (uint32_t seed = 0; seed < 400; seed++) {
		struct heap_dominators d;
		struct heap_graph g;

		built_heap_random(&g, seed, 1 + seed % 37, 1 + seed % 5);
		cr_assert_eq(heap_dominators_find(&g, &d), PS_OK);
		expect_as_defined(&g, &d);
		expect_order(&d);
		heap_dominators_deinit(&d);
		heap_graph_deinit(&g);
	}
}

Test(heap_dominators, weak_edges_keep_nothing)
{
	struct heap_dominators d;
	struct heap_graph g;
	uint32_t type;

	built_heap(&g);
	type = built_heap_type(&g, "T", HEAP_OBJECT);
	built_heap_edge(&g, HEAP_EDGE_INTERNAL, "a", 1);
	built_heap_edge(&g, HEAP_EDGE_INTERNAL, "b", 2);
	built_heap_object(&g, type, 10);
	built_heap_item(&g, 0, 3);
	built_heap_object(&g, type, 100);
	built_heap_edge(&g, HEAP_EDGE_WEAK, "r", 3);
	built_heap_object(&g, type, 1000);
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	cr_assert_eq(heap_dominators_find(&g, &d), PS_OK);
	cr_expect_eq(d.of[3], 1);
	cr_expect_eq(d.retained[1], 1010);
	cr_expect_eq(d.retained[2], 100);
	cr_expect_eq(d.retained[HEAP_ROOT], 1110);
	heap_dominators_deinit(&d);
	heap_graph_deinit(&g);
}

/* A list of a million links whose every link leads back to the first: no recursion would
 * live through it, and quadratic ways of following it would not end. */
Test(heap_dominators, of_a_long_chain)
{
	enum { LINKS = 1000000 };
	struct heap_dominators d;
	struct heap_graph g;
	uint32_t type;

	built_heap(&g);
	type = built_heap_type(&g, "Link", HEAP_OBJECT);
	built_heap_edge(&g, HEAP_EDGE_INTERNAL, "a", 1);
	for (uint32_t i = 1; i <= LINKS; i++) {
		built_heap_object(&g, type, 1);
		built_heap_item(&g, 0, i < LINKS ? i + 1 : 1);
		built_heap_item(&g, 1, 1);
	}
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	cr_assert_eq(heap_dominators_find(&g, &d), PS_OK);
	for (uint32_t i = 1; i <= LINKS; i++) {
		cr_assert_eq(d.of[i], i - 1);
		cr_assert_eq(d.retained[i], LINKS + 1 - i);
	}
	heap_dominators_deinit(&d);
	heap_graph_deinit(&g);
}

Test(heap_dominators, sizes_that_would_wrap_stay_at_the_highest)
{
	struct heap_dominators d;
	struct heap_graph g;
	uint32_t type;

	built_heap(&g);
	type = built_heap_type(&g, "T", HEAP_OBJECT);
	built_heap_edge(&g, HEAP_EDGE_INTERNAL, "a", 1);
	built_heap_object(&g, type, UINT64_MAX - 5);
	built_heap_item(&g, 0, 2);
	built_heap_object(&g, type, 6);
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	cr_assert_eq(heap_dominators_find(&g, &d), PS_OK);
	cr_expect_eq(d.retained[1], UINT64_MAX);
	cr_expect_eq(d.retained[HEAP_ROOT], UINT64_MAX);
	heap_dominators_deinit(&d);
	heap_graph_deinit(&g);
}

Test(heap_dominators, any_allocation_may_fail)
{
	struct heap_dominators d;
	struct heap_graph g;
	enum ps_status st = PS_NOMEM;
	size_t used;

	built_heap_random(&g, 7, 3000, 3);
	used = g.mem.used;
	for (unsigned long k = 1; st; k++) {
		fail_alloc_at(k);
		st = heap_dominators_find(&g, &d);
		fail_alloc_at(0);
		cr_assert(st == PS_OK || st == PS_NOMEM);
		cr_assert(st == PS_OK || g.mem.used == used, "%zu", g.mem.used);
	}
	heap_dominators_deinit(&d);
	cr_expect_eq(g.mem.used, used);
	g.mem.max = used + 1000;
	cr_expect_eq(heap_dominators_find(&g, &d), PS_LIMIT);
	heap_graph_deinit(&g);
}
