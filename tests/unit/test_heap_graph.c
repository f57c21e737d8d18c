/* SPDX-License-Identifier: MIT */
#include "profiler/heap_graph.h"

#include "tests/support/built_heap.h"
#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(heap_graph, holds_what_it_was_given)
{
	struct heap_graph g;
	uint32_t type;

	built_heap(&g);
	type = built_heap_type(&g, "app.Cache", HEAP_OBJECT);
	built_heap_edge(&g, HEAP_EDGE_INTERNAL, "modules", 1);
	cr_expect_eq(built_heap_object(&g, type, 48), 1);
	built_heap_edge(&g, HEAP_EDGE_ATTRIBUTE, "items", 2);
	built_heap_item(&g, 3, 1);
	cr_expect_eq(built_heap_object(&g, type, 64), 2);
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	cr_expect_eq(g.nobjects, 4); /* with the root, and the last group */
	cr_expect_eq(g.first[1], 2);
	cr_expect_eq(g.first[2], 4);
	cr_expect_eq(g.first[3], 4);
	cr_expect_eq(g.first[4], 4);
	cr_expect_eq(g.to[0], 3);
	cr_expect_eq(g.to[2], 2);
	cr_expect_eq(g.kind[3], HEAP_EDGE_INDEX);
	cr_expect_eq(g.label[3], 3);
	cr_expect_eq(g.size[2], 64);
	cr_expect_eq(g.id[2], 32);
	cr_expect_eq(heap_graph_type_name(&g, 1).len, strlen("app.Cache"));
	heap_graph_deinit(&g);
}

Test(heap_graph, has_each_text_once)
{
	struct heap_graph g;
	uint32_t a, b;

	built_heap(&g);
	a = built_heap_text(&g, "one");
	b = built_heap_text(&g, "two");
	cr_expect_neq(a, b);
	cr_expect_eq(built_heap_text(&g, "one"), a);
	cr_expect_eq(built_heap_text(&g, ""), 0);
	heap_graph_deinit(&g);
}

Test(heap_graph, refuses_edges_that_lead_nowhere)
{
	struct heap_graph g;

	built_heap(&g);
	built_heap_edge(&g, HEAP_EDGE_INTERNAL, "a", 2);
	built_heap_object(&g, 0, 1);
	cr_expect_eq(heap_graph_finish(&g), PS_FORMAT);
	heap_graph_deinit(&g);
}

/* The last group's children, as a bit for each object. */
static uint64_t adopted(const struct heap_graph *g)
{
	uint64_t set = 0;

	for (uint32_t e = g->first[g->nobjects - 1]; e < g->first[g->nobjects]; e++)
		set |= 1ul << g->to[e];
	return set;
}

Test(heap_graph, the_last_group_has_what_no_root_leads_to)
{
	struct heap_graph g;
	uint64_t set;

	built_heap(&g);
	built_heap_edge(&g, HEAP_EDGE_INTERNAL, "a", 1);
	built_heap_object(&g, 0, 1); /* 1: reached; leads weakly to 2 */
	built_heap_edge(&g, HEAP_EDGE_WEAK, "w", 2);
	built_heap_object(&g, 0, 1); /* 2: kept by nothing, and keeps 3 */
	built_heap_item(&g, 0, 3);
	built_heap_object(&g, 0, 1); /* 3 */
	built_heap_object(&g, 0, 1); /* 4, 5: a cycle that is led to by the cycle 6, 7 */
	built_heap_item(&g, 0, 5);
	built_heap_object(&g, 0, 1);
	built_heap_item(&g, 0, 4);
	built_heap_object(&g, 0, 1);
	built_heap_item(&g, 0, 7);
	built_heap_object(&g, 0, 1);
	built_heap_item(&g, 0, 6);
	built_heap_item(&g, 1, 4);
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	set = adopted(&g);
	cr_expect(set == (1 << 2 | 1 << 6) || set == (1 << 2 | 1 << 7), "%lx", set);
	heap_graph_deinit(&g);
}

/* Of those adopted none leads to another: any fewer would not do. */
Test(heap_graph, the_last_group_has_no_more_than_needed)
{
	for (uint32_t seed = 0; seed < 300; seed++) {
		struct heap_graph g;
		uint64_t reach[64] = { 0 }, set;

		built_heap_random(&g, seed, 1 + seed % 60, 1 + seed % 3);
		set = adopted(&g);
		for (uint32_t o = 0; o + 1 < g.nobjects; o++)
			reach[o] = 1ul << o;
		for (uint32_t round = 0; round < g.nobjects; round++) {
			for (uint32_t o = 0; o + 1 < g.nobjects; o++) {
				for (uint32_t e = g.first[o]; e < g.first[o + 1]; e++) {
					if (heap_graph_keeps(&g, e) && g.to[e] != g.nobjects - 1)
						reach[o] |= reach[g.to[e]];
				}
			}
		}
		for (uint32_t o = 0; o + 1 < g.nobjects; o++) {
			if (o == HEAP_ROOT || set >> o & 1)
				cr_assert_eq(reach[o] & set & ~(1ul << o), 0, "seed %u", seed);
		}
		heap_graph_deinit(&g);
	}
}

static enum ps_status build_some(struct heap_graph *g)
{
	struct profile_text name = { "app.T", 5 };
	uint32_t text, type;

	PS_TRY(heap_graph_init(g, 1u << 20));
	PS_TRY(heap_texts_add(&g->texts, name, &text));
	PS_TRY(heap_graph_type(g, (struct heap_type){ text, HEAP_OBJECT }, &type));
	for (uint32_t i = 1; i < 200; i++) {
		PS_TRY(heap_graph_object(g, (struct heap_object){ 16ul * i, 1, type, 0 }));
		PS_TRY(heap_graph_edge(g, HEAP_EDGE_INDEX, 0, i));
	}
	return heap_graph_finish(g);
}

Test(heap_graph, any_allocation_may_fail)
{
	enum ps_status st = PS_NOMEM;

	for (unsigned long k = 1; st; k++) {
		struct heap_graph g;

		fail_alloc_at(k);
		st = build_some(&g);
		fail_alloc_at(0);
		cr_assert(st == PS_OK || st == PS_NOMEM);
		heap_graph_deinit(&g);
	}
}

Test(heap_graph, has_a_bound)
{
	struct heap_graph g;
	enum ps_status st;

	cr_assert_eq(heap_graph_init(&g, 200000), PS_OK);
	do
		st = heap_graph_object(&g, (struct heap_object){ .size = 1 });
	while (!st);
	cr_expect_eq(st, PS_LIMIT);
	cr_expect_leq(g.mem.used, 200000);
	heap_graph_deinit(&g);
}
