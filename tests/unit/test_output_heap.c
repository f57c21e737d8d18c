/* SPDX-License-Identifier: MIT */
/* The files that heaps are written as. Readers that others wrote are in tests/heap. */
#include "output/heap_jsonl.h"
#include "output/heap_snapshot.h"
#include "output/snapshot_ids.h"

#include "tests/support/built_heap.h"
#include "tests/support/built_report.h"
#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *snapshot(struct heap_graph *g)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct ps_err err = { 0 };

	cr_assert_eq(heap_snapshot_write(g, out, &err), PS_OK, "%s", err.msg);
	fclose(out);
	return text;
}

/* The numbers of an array, one after the other. */
static uint64_t *numbers(const char *text, const char *key, size_t *ret_n)
{
	const char *at = strstr(text, key);
	uint64_t *v = calloc(strlen(text), sizeof *v);
	char *end;

	cr_assert(at, "%s", key);
	at += strlen(key);
	for (*ret_n = 0; *at != ']'; at = *end == ',' ? end + 1 : end) {
		v[(*ret_n)++] = strtoull(at, &end, 10);
		end += strspn(end, "\n");
	}
	return v;
}

static void expect_in(const char *text, const char *part)
{
	cr_expect(strstr(text, part), "%s\nin\n%s", part, text);
}

Test(heap_snapshot, keeps_the_rules_of_its_readers)
{
	static const char *const keys[] = { "{\"snapshot\":{\"meta\":",
					    "\"node_count\":5,\"edge_count\":7,",
					    "\"nodes\":[",
					    "\"edges\":[",
					    "\"trace_function_infos\":[]",
					    "\"trace_tree\":[]",
					    "\"samples\":[]",
					    "\"locations\":[]",
					    "\"strings\":[" };
	struct heap_graph g;
	uint32_t type;
	size_t n;
	char *text;
	const char *at;
	uint64_t *v;

	built_heap(&g);
	type = built_heap_type(&g, "app.T", HEAP_OBJECT);
	built_heap_edge(&g, HEAP_EDGE_INTERNAL, "modules", 1);
	built_heap_object(&g, type, 48);
	built_heap_edge(&g, HEAP_EDGE_ATTRIBUTE, "x", 2);
	built_heap_item(&g, 7, 3);
	built_heap_edge(&g, HEAP_EDGE_WEAK, "weak", 1);
	built_heap_object(&g, type, 5ul << 32);
	built_heap_edge(&g, HEAP_EDGE_KEY_ITSELF, "k", 3);
	built_heap_edge(&g, HEAP_EDGE_LOCAL, "k", 3);
	built_heap_object(&g, built_heap_type(&g, "str", HEAP_STRING), 60);
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	text = snapshot(&g);
	at = text;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		at = strstr(at, keys[i]);
		cr_assert(at, "%s", keys[i]);
	}
	v = numbers(text, "\"nodes\":[", &n);
	cr_assert_eq(n, 5 * 6);
	cr_expect_eq(v[0], 9); /* the root is synthetic */
	cr_expect_eq(v[6], 3);
	cr_expect_eq(v[6 + 4], 3);
	cr_expect_eq(v[2 * 6 + 3], UINT32_MAX); /* no more than 32 bits can say */
	cr_expect_eq(v[3 * 6], 2);
	for (size_t i = 0; i < 5; i++)
		cr_expect(v[i * 6 + 2] % 2 == 1 && v[i * 6 + 2] <= UINT32_MAX);
	free(v);
	v = numbers(text, "\"edges\":[", &n);
	cr_assert_eq(n, 7 * 3);
	cr_expect_eq(v[0 * 3 + 2], 4 * 6); /* to the last object, times the fields */
	cr_expect_eq(v[2 * 3], 2);
	cr_expect(v[3 * 3] == 1 && v[3 * 3 + 1] == 7 && v[3 * 3 + 2] == 3 * 6);
	cr_expect_eq(v[4 * 3], 6);
	cr_expect_eq(v[5 * 3], 3);
	cr_expect_eq(v[6 * 3], 0);
	free(v);
	free(text);
	heap_graph_deinit(&g);
}

Test(heap_snapshot, text_is_ascii_and_cut)
{
	static char tooo_long[3000];
	struct heap_graph g;
	char *text;

	built_heap(&g);
	built_heap_text(&g, "a\"b\\c\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\x7f");
	memset(tooo_long, 'x', sizeof tooo_long - 1);
	built_heap_text(&g, tooo_long);
	built_heap_object(&g, built_heap_type(&g, "Object", HEAP_OBJECT), 1);
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	text = snapshot(&g);
	expect_in(text, "\"a\\\"b\\\\c\\u000a\\u00e9\\u20ac\\ud83d\\ude00\\ufffd\\u007f\"");
	for (const char *c = text; *c; c++)
		cr_assert((unsigned char)*c < 0x80);
	cr_expect_eq(strspn(strstr(text, "xxxx"), "x"), 1024);
	expect_in(text, "\"Object (Python)\"");
	free(text);
	heap_graph_deinit(&g);
}

/* The ids that objects at those addresses get. */
static void ids_of(const uint64_t *address, size_t n, uint64_t *ret)
{
	struct heap_graph g;
	uint64_t *v;
	size_t numbers_n;
	char *text;

	built_heap(&g);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(heap_graph_object(&g, (struct heap_object){ .id = address[i] }),
			     PS_OK);
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	text = snapshot(&g);
	v = numbers(text, "\"nodes\":[", &numbers_n);
	for (size_t i = 0; i < n; i++)
		ret[i] = v[6 * (i + 1) + 2];
	free(v);
	free(text);
	heap_graph_deinit(&g);
}

Test(heap_snapshot, ids_are_those_of_addresses_and_never_used_twice)
{
	/* Two that lie 32 GiB apart, twice the same, and two of which the second is in the way of
	 * neither. */
	uint64_t all[] = { 0x7f0000000010, 0x550000000010, 0x7f0000000020,
			   0x7f0800000010, 0x7f0000000010, 0x10010 };
	uint64_t some[] = { 0x550000000010, 0x7f0000000020, 0x10010 };
	uint64_t a[6], b[3];

	ids_of(all, 6, a);
	ids_of(some, 3, b);
	for (int i = 0; i < 6; i++) {
		for (int j = 0; j < i; j++)
			cr_expect_neq(a[i], a[j]);
	}
	cr_expect_eq(b[0], a[1]);
	cr_expect_eq(b[1], a[2]);
	cr_expect_eq(b[2], a[5]);
}

/* Addresses that were chosen for it: if each tried what the one before it tried, this would take
 * minutes. */
Test(heap_snapshot, ids_of_addresses_that_want_the_same_one)
{
	enum { N = 200000 };
	struct heap_graph g;
	FILE *out = fopen("/dev/null", "w");

	built_heap(&g);
	for (uint64_t i = 1; i <= N; i++) {
		uint64_t low = 12345 ^ ((hash_mix(i) >> 20) & 0x7fffffff);

		cr_assert_eq(
			heap_graph_object(&g, (struct heap_object){ .id = i << 35 | low << 4 }),
			PS_OK);
	}
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	cr_expect_eq(heap_snapshot_write(&g, out, NULL), PS_OK);
	fclose(out);
	heap_graph_deinit(&g);
}

/* What hash_mix() makes that of. */
static uint64_t unmix(uint64_t mixed)
{
	const uint64_t factor = 0x9e3779b97f4a7c15u;
	uint64_t inverse = factor, x = mixed ^ mixed >> 29 ^ mixed >> 58;

	for (int i = 0; i < 5; i++)
		inverse *= 2 - factor * inverse;
	x *= inverse;
	return x ^ x >> 32;
}

static uint32_t own_number(uint64_t address)
{
	return (uint32_t)(address >> 4 ^ hash_mix(address >> 35) >> 20) & 0x7fffffff;
}

/* Neighbours, and addresses whose own number is in the midst of theirs and whose steps are 1, so
 * that each would try all to the end of them, and then what the ones before it took. */
Test(snapshot_ids, addresses_that_try_all_that_is_taken)
{
	enum { NEIGHBOURS = 1 << 18, CHOSEN = 512, N = NEIGHBOURS + CHOSEN };
	const uint32_t first = 1 << 20;
	struct mem m = { .max = 1 << 28 };
	struct snapshot_ids ids;
	struct arena a;
	unsigned chosen = 0;

	cr_assert_eq(hash_mix(unmix(0x123456789abcdef0)), 0x123456789abcdef0);
	arena_init(&a, &m);
	cr_assert_eq(snapshot_ids_init(&ids, &a, N), PS_OK);
	for (uint32_t i = 0; i < NEIGHBOURS; i++)
		cr_assert_eq(snapshot_ids_take(&ids, (uint64_t)(first + i) << 4), first + i);
	for (uint64_t i = 0; chosen < CHOSEN; i++) {
		uint64_t address = ~unmix(i >> 24 << 56 | (i & 0xffffff));

		if (own_number(address) < first || own_number(address) - first >= NEIGHBOURS)
			continue;
		cr_assert_neq(snapshot_ids_take(&ids, address), 0);
		chosen++;
	}
	cr_expect_leq(ids.looks, 18ul * N);
	arena_deinit(&a);
}

Test(heap_snapshot, any_allocation_may_fail_and_any_stream)
{
	struct heap_graph g;
	enum ps_status st = PS_NOMEM;
	struct ps_err err = { 0 };
	FILE *full = fopen("/dev/full", "w"), *null = fopen("/dev/null", "w");
	size_t used;

	built_heap_random(&g, 5, 200, 3);
	used = g.mem.used;
	for (unsigned long k = 1; st; k++) {
		fail_alloc_at(k);
		st = heap_snapshot_write(&g, null, &err);
		fail_alloc_at(0);
		cr_assert(st == PS_OK || (st == PS_NOMEM && err.msg[0]));
		cr_assert_eq(g.mem.used, used);
	}
	cr_expect_eq(heap_snapshot_write(&g, full, &err), PS_IO);
	fclose(full);
	fclose(null);
	heap_graph_deinit(&g);
}

Test(heap_jsonl, has_a_line_for_each_object)
{
	struct built_report r;
	struct built_dump d;
	struct ps_err err = { 0 };
	char *text = NULL;
	size_t len, lines = 0;
	FILE *out = open_memstream(&text, &len), *full = fopen("/dev/full", "w");

	dump_app(&d, 2);
	built_report(&d, &r);
	cr_assert_eq(heap_jsonl_write(&r.dump, &r.dominators, out, &err), PS_OK);
	fclose(out);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	cr_expect_eq(lines, 1 + r.dump.graph.nobjects);
	expect_in(text, "{\"format\":\"pysample heap\",\"version\":1,\"pid\":4242,");
	expect_in(text,
		  "{\"id\":131104,\"type\":\"app.Session\",\"category\":\"object\",\"size\":64,"
		  "\"retained\":164,\"dominator\":65584,\"edges\":["
		  "{\"kind\":\"attribute\",\"name\":\"user\",\"to\":16777248},"
		  "{\"kind\":\"weak\",\"name\":\"weak\",\"to\":65568},"
		  "{\"kind\":\"internal\",\"name\":\"__class__\",\"to\":71168}]}\n");
	expect_in(text, "{\"kind\":\"index\",\"index\":1,\"to\":131104}");
	cr_expect_eq(heap_jsonl_write(&r.dump, &r.dominators, full, &err), PS_IO);
	fclose(full);
	free(text);
	built_report_free(&r);
}
