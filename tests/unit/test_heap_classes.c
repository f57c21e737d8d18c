/* SPDX-License-Identifier: MIT */
#include "profiler/heap_classes.h"

#include "tests/support/built_heap.h"
#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>

/* By the definition: an object counts if none of its dominators is of its class. */
static uint64_t retained_by(const struct heap_graph *g, const struct heap_dominators *d,
			    uint32_t name)
{
	uint64_t sum = 0;

	for (uint32_t o = 1; o < g->nobjects; o++) {
		uint32_t up = d->of[o];

		if (g->types[g->type[o]].name != name)
			continue;
		while (up != HEAP_ROOT && g->types[g->type[up]].name != name)
			up = d->of[up];
		sum += up == HEAP_ROOT ? d->retained[o] : 0;
	}
	return sum;
}

Test(heap_classes, count_what_a_type_has_and_what_it_retains_once)
{
	for (uint32_t seed = 0; seed < 100; seed++) {
		struct heap_classes c;
		struct heap_dominators d;
		struct heap_graph g;
		uint64_t count = 0;

		built_heap_random(&g, seed, 2 + seed, 3);
		/* Two of one name, which are one class, and one of another. */
		built_heap_type(&g, "T", HEAP_OBJECT);
		built_heap_type(&g, "U", HEAP_OBJECT);
		for (uint32_t o = 1; o + 1 < g.nobjects; o++)
			g.type[o] = 1 + (o + seed) % 3;
		cr_assert_eq(heap_dominators_find(&g, &d), PS_OK);
		cr_assert_eq(heap_classes_count(&g, &d, &c), PS_OK);
		cr_assert_eq(c.n, 2);
		for (uint32_t i = 0; i < c.n; i++) {
			cr_assert_eq(c.v[i].retained, retained_by(&g, &d, c.v[i].name));
			count += c.v[i].count;
		}
		cr_assert_eq(count, g.nobjects - 2);
		heap_classes_deinit(&c);
		heap_dominators_deinit(&d);
		heap_graph_deinit(&g);
	}
}

Test(heap_classes, any_allocation_may_fail)
{
	struct heap_classes c;
	struct heap_dominators d;
	struct heap_graph g;
	enum ps_status st = PS_NOMEM;
	size_t used;

	built_heap_random(&g, 3, 500, 3);
	cr_assert_eq(heap_dominators_find(&g, &d), PS_OK);
	used = g.mem.used;
	for (unsigned long k = 1; st; k++) {
		fail_alloc_at(k);
		st = heap_classes_count(&g, &d, &c);
		fail_alloc_at(0);
		cr_assert(st == PS_OK || (st == PS_NOMEM && g.mem.used == used));
	}
	heap_classes_deinit(&c);
	cr_expect_eq(g.mem.used, used);
	heap_dominators_deinit(&d);
	heap_graph_deinit(&g);
}
