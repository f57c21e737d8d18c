/* SPDX-License-Identifier: MIT */
#include "profiler/mem.h"

#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <string.h>

Test(mem, resize_counts_what_is_held)
{
	struct mem m = { .max = 100 };
	void *at = NULL;

	cr_expect_eq(mem_resize(&m, &at, 0, 60), PS_OK);
	cr_expect_eq(m.used, 60);
	cr_expect_eq(mem_resize(&m, &at, 60, 100), PS_OK);
	cr_expect_eq(m.used, 100);
	cr_expect_eq(mem_resize(&m, &at, 100, 10), PS_OK);
	cr_expect_eq(m.used, 10);
	cr_expect_eq(mem_resize(&m, &at, 10, 0), PS_OK);
	cr_expect_eq(m.used, 0);
	cr_expect_null(at);
}

Test(mem, resize_beyond_the_bound_changes_nothing)
{
	static const size_t wanted[] = { 101, 1 << 20, SIZE_MAX, SIZE_MAX - 49 };
	struct mem m = { .max = 100 };
	void *at = NULL, *before;

	cr_assert_eq(mem_resize(&m, &at, 0, 50), PS_OK);
	before = at;
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		cr_expect_eq(mem_resize(&m, &at, 50, wanted[i]), PS_LIMIT);
		cr_expect_eq(at, before);
		cr_expect_eq(m.used, 50);
	}
	cr_expect_eq(mem_resize(&m, &at, 50, 0), PS_OK);
}

Test(mem, resize_without_memory_changes_nothing)
{
	struct mem m = { .max = 100 };
	void *at = NULL, *before;

	cr_assert_eq(mem_resize(&m, &at, 0, 50), PS_OK);
	before = at;
	fail_alloc_at(1);
	cr_expect_eq(mem_resize(&m, &at, 50, 70), PS_NOMEM);
	fail_alloc_at(0);
	cr_expect_eq(at, before);
	cr_expect_eq(m.used, 50);
	cr_expect_eq(mem_resize(&m, &at, 50, 0), PS_OK);
}

Test(mem, reserve_doubles_and_keeps_what_is_there)
{
	struct mem m = { .max = 1 << 20 };
	uint32_t *v = NULL, cap = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		cr_assert_eq(mem_reserve(&m, (void **)&v, &cap, i + 1, sizeof *v), PS_OK);
		v[i] = i;
	}
	cr_expect_eq(cap, 1024);
	cr_expect_eq(m.used, 4096);
	for (uint32_t i = 0; i < 1000; i++)
		cr_expect_eq(v[i], i);
	cr_expect_eq(mem_reserve(&m, (void **)&v, &cap, UINT32_MAX, sizeof *v), PS_LIMIT);
	cr_expect_eq(cap, 1024);
	cr_expect_eq(mem_resize(&m, (void **)&v, m.used, 0), PS_OK);
}

Test(arena, takes_aligned_pieces_that_do_not_overlap)
{
	struct mem m = { .max = 16 << 20 };
	struct arena a;
	char *last = NULL;
	size_t last_len = 0;

	arena_init(&a, &m);
	for (size_t len = 1; len < 200000; len = len * 3 / 2 + 1) {
		void *at;

		cr_assert_eq(arena_take(&a, len, &at), PS_OK);
		cr_expect_eq((uintptr_t)at % 16, 0);
		memset(at, (int)len, len);
		if (last)
			cr_expect_eq((unsigned char)last[last_len - 1], (unsigned char)last_len);
		last = at;
		last_len = len;
	}
	arena_deinit(&a);
	cr_expect_eq(m.used, 0);
}

Test(arena, refuses_what_would_exceed_the_bound_or_wrap)
{
	struct mem m = { .max = 100000 };
	struct arena a;
	void *at = &m;

	arena_init(&a, &m);
	cr_expect_eq(arena_take(&a, 100001, &at), PS_LIMIT);
	cr_expect_eq(arena_take(&a, SIZE_MAX, &at), PS_LIMIT);
	cr_expect_eq(arena_take(&a, SIZE_MAX - 15, &at), PS_LIMIT);
	cr_expect_eq(arena_take(&a, SIZE_MAX - 64, &at), PS_LIMIT);
	cr_expect_eq(at, (void *)&m, "unchanged on failure");
	cr_expect_eq(m.used, 0);
	arena_deinit(&a);
}

static bool table_has(const struct table *t, uint32_t hash, uint32_t id)
{
	uint32_t at = TABLE_START, found;

	while ((found = table_next(t, hash, &at)) != TABLE_NONE) {
		if (found == id)
			return true;
	}
	return false;
}

Test(table, finds_all_ids_of_a_hash)
{
	struct mem m = { .max = 1 << 20 };
	struct table t;

	table_init(&t, &m);
	cr_expect_not(table_has(&t, 5, 0), "an empty table has no slots");
	for (uint32_t i = 0; i < 3000; i++) {
		cr_assert_eq(table_reserve(&t), PS_OK);
		table_insert(&t, i % 7, i);
	}
	for (uint32_t i = 0; i < 3000; i++)
		cr_assert(table_has(&t, i % 7, i));
	cr_expect_not(table_has(&t, 8, 1));
	table_clear(&t);
	cr_expect_not(table_has(&t, 1, 1));
	cr_expect_eq(t.n, 0);
	table_deinit(&t);
	cr_expect_eq(m.used, 0);
}

Test(table, a_failed_reserve_leaves_it_as_it_was)
{
	struct mem m = { .max = 64 * sizeof(struct table_slot) };
	struct table t;
	uint32_t n = 0;

	table_init(&t, &m);
	for (; table_reserve(&t) == PS_OK; n++)
		table_insert(&t, n * 31, n);
	cr_expect_eq(n, 40, "5/8 of 64");
	for (uint32_t i = 0; i < n; i++)
		cr_expect(table_has(&t, i * 31, i));
	table_deinit(&t);
}

Test(hash, tells_lengths_seeds_and_bytes_apart)
{
	char text[40] = { 0 };
	uint32_t seen[64];

	for (uint32_t n = 0; n < 32; n++)
		seen[n] = hash_bytes(text, n, 0);
	for (uint32_t n = 0; n < 32; n++) {
		text[n] = 1;
		seen[32 + n] = hash_bytes(text, 40, n);
		text[n] = 0;
	}
	for (int i = 0; i < 64; i++) {
		for (int j = 0; j < i; j++)
			cr_expect_neq(seen[i], seen[j]);
	}
}
