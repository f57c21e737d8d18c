/* SPDX-License-Identifier: MIT */
#include "profiler/ways.h"

#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>

static const struct way_node from = { 1, 10 };

static struct way way_of(uint32_t first, uint32_t last)
{
	return (struct way){ .n = 2, .node = { { first, 5 }, { last, 7 } } };
}

Test(ways, are_found_by_where_they_begin_and_what_they_lead_to)
{
	const struct way *found[WAYS_EACH];
	struct way w = way_of(2, 3);
	struct ways s;

	cr_assert_eq(ways_init(&s), PS_OK);
	cr_expect_eq(ways_find(&s, from, 3, found), 0);
	ways_note(&s, from, &w);
	cr_assert_eq(ways_find(&s, from, 3, found), 1);
	cr_expect_eq(found[0]->n, 2);
	cr_expect_eq(found[0]->node[0].code, 2);
	cr_expect_eq(found[0]->node[0].unit, 5);
	cr_expect_eq(ways_find(&s, from, 2, found), 0);
	cr_expect_eq(ways_find(&s, (struct way_node){ 1, 11 }, 3, found), 0);
	cr_expect_eq(ways_find(&s, (struct way_node){ 2, 10 }, 3, found), 0);
	ways_clear(&s);
	cr_expect_eq(ways_find(&s, from, 3, found), 0);
	ways_deinit(&s);
}

Test(ways, where_the_last_one_stands_makes_no_other_way)
{
	const struct way *found[WAYS_EACH];
	struct way w = way_of(2, 3);
	struct ways s;

	cr_assert_eq(ways_init(&s), PS_OK);
	ways_note(&s, from, &w);
	w.node[1].unit = 8;
	ways_note(&s, from, &w);
	cr_expect_eq(ways_find(&s, from, 3, found), 1);
	cr_expect_eq(found[0]->node[1].unit, 8);
	w.node[0].unit = 6;
	ways_note(&s, from, &w);
	cr_expect_eq(ways_find(&s, from, 3, found), 2);
	ways_deinit(&s);
}

Test(ways, of_too_many_some_are_kept_and_the_newest_comes_first)
{
	const struct way *found[WAYS_EACH];
	struct ways s;

	cr_assert_eq(ways_init(&s), PS_OK);
	for (uint32_t i = 0; i < 3 * WAYS_EACH; i++) {
		struct way w = way_of(100 + i, 3);

		ways_note(&s, from, &w);
		cr_assert_eq(ways_find(&s, from, 3, found), i < WAYS_EACH ? i + 1 : WAYS_EACH);
		cr_expect_eq(found[0]->node[0].code, 100 + i);
	}
	ways_deinit(&s);
}

Test(ways, of_no_or_too_many_nodes_are_not_noted)
{
	const struct way *found[WAYS_EACH];
	struct way none = { .n = 0 }, long_one = { .n = WAY_NODES + 1 };
	struct ways s;

	cr_assert_eq(ways_init(&s), PS_OK);
	ways_note(&s, from, &none);
	ways_note(&s, from, &long_one);
	cr_expect_eq(ways_find(&s, from, 0, found), 0);
	cr_expect_eq(s.used, 0);
	ways_deinit(&s);
}

Test(ways, a_full_table_takes_no_more_and_does_not_hang)
{
	const struct way *found[WAYS_EACH];
	struct ways s;
	unsigned kept = 0;

	cr_assert_eq(ways_init(&s), PS_OK);
	for (uint32_t i = 0; i < 5000; i++) {
		struct way w = way_of(2, i);

		ways_note(&s, from, &w);
	}
	for (uint32_t i = 0; i < 5000; i++)
		kept += ways_find(&s, from, i, found);
	cr_expect_eq(kept, s.used);
	cr_expect_gt(kept, 100);
	ways_deinit(&s);
}

Test(ways, says_when_there_is_no_memory)
{
	struct ways s;

	fail_alloc_at(1);
	cr_expect_eq(ways_init(&s), PS_NOMEM);
	fail_alloc_at(0);
	ways_deinit(&s);
}
