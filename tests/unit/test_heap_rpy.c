/* SPDX-License-Identifier: MIT */
#include "profiler/heap_rpy.h"

#include "profiler/heap_dump.h"
#include "tests/support/built_rpy.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { BOUND = 1 << 26, JOINED = 32 };

/* Before the first record of rpy_app(), whatever zlib made of the names. */
static size_t records_at(const struct built_dump *b)
{
	uint64_t packed;

	memcpy(&packed, b->bytes + 16, 8);
	return 24 + ((packed + 7) & ~7ul) + 8 + 2 * 8;
}

static enum ps_status join_bytes(const void *bytes, size_t len, size_t bound, char **ret,
				 size_t *ret_len, struct ps_err *err)
{
	FILE *out = open_memstream(ret, ret_len);
	enum ps_status st;

	cr_assert(out);
	st = heap_rpy_join(bytes, len, bound, out, err);
	fclose(out);
	return st;
}

/* Joins, from where memory ends, and reads what came of it. */
static void join(struct built_dump *b, struct heap_dump *ret)
{
	struct ps_err err = { 0 };
	char *joined;
	size_t len;

	cr_assert(heap_rpy_is(b->bytes));
	cr_assert_eq(join_bytes(tail_page(b->bytes, b->len), b->len, BOUND, &joined, &len, &err),
		     PS_OK, "%s", err.msg);
	cr_assert_eq(heap_dump_parse(joined, len, BOUND, ret, &err), PS_OK, "%s", err.msg);
	free(joined);
	dump_free(b);
}

static void join_app(uint32_t sessions, struct heap_dump *ret)
{
	struct built_dump b;

	rpy_app(&b, sessions);
	join(&b, ret);
}

static void refuse(struct built_dump *b, const char *why)
{
	struct ps_err err = { 0 };
	char *joined;
	size_t len;

	cr_expect_eq(join_bytes(tail_page(b->bytes, b->len), b->len, BOUND, &joined, &len, &err),
		     PS_FORMAT);
	cr_expect(strstr(err.msg, why), "%s, not: %s", err.msg, why);
	free(joined);
	dump_free(b);
}

static void set(struct built_dump *b, size_t at, uint64_t v)
{
	memcpy(b->bytes + at, &v, sizeof v);
}

static uint32_t find(const struct heap_dump *d, uint64_t id)
{
	for (uint32_t o = 0; o < d->graph.nobjects; o++) {
		if (d->graph.id[o] == id)
			return o;
	}
	return HEAP_NONE;
}

static uint64_t size_of(const struct heap_dump *d, uint64_t id)
{
	uint32_t o = find(d, id);

	cr_assert_neq(o, HEAP_NONE, "no object %lx", id);
	return d->graph.size[o];
}

static bool leads(const struct heap_dump *d, uint64_t id, uint64_t to)
{
	const struct heap_graph *g = &d->graph;
	uint32_t from = find(d, id);

	cr_assert_neq(from, HEAP_NONE, "no object %lx", id);
	for (uint32_t e = g->first[from]; e < g->first[from + 1]; e++) {
		if (g->id[g->to[e]] == to)
			return true;
	}
	return false;
}

/* Edges that dump_app() itself has to what it does not tell. */
static uint64_t lost_in_app(uint32_t sessions)
{
	struct built_dump app;
	struct heap_dump d;
	uint64_t lost;

	dump_app(&app, sessions);
	cr_assert_eq(heap_dump_parse(app.bytes, app.len, BOUND, &d, NULL), PS_OK);
	lost = d.facts.lost_edges;
	heap_dump_close(&d);
	dump_free(&app);
	return lost;
}

static void expect_type(const struct heap_dump *d, uint64_t id, const char *name)
{
	struct profile_text t = heap_graph_type_name(&d->graph, find(d, id));

	cr_expect(t.len == strlen(name) && memcmp(t.at, name, t.len) == 0, "%.*s", (int)t.len,
		  t.at);
}

Test(heap_rpy, tells_what_is_hidden_beside_what_the_walk_told)
{
	struct heap_dump d;

	join_app(3, &d);
	cr_expect(d.facts.flags & JOINED);
	expect_type(&d, DUMP_APP, "module");
	expect_type(&d, DUMP_SESSIONS, "app.Session");
	expect_type(&d, RPY_STORE, "rpy.GcArray of * GCREF (gcopaque)");
	expect_type(&d, RPY_MAP, "rpy.app.Map");
	expect_type(&d, RPY_BOX, "rpy.app.W_Unicode");
	cr_expect(leads(&d, DUMP_ITEMS, RPY_STORE) && leads(&d, DUMP_ITEMS, DUMP_SESSIONS));
	cr_expect(leads(&d, DUMP_CACHE, RPY_MAP) && leads(&d, RPY_MAP, RPY_MAP));
	cr_expect(leads(&d, DUMP_SESSIONS, RPY_BOX) && leads(&d, DUMP_SESSIONS, DUMP_USERS));
	cr_expect(leads(&d, RPY_ROOT, RPY_RING) && leads(&d, RPY_RING, RPY_ROOT));
	heap_dump_close(&d);
}

Test(heap_rpy, sizes_are_those_of_rpython)
{
	struct heap_dump d;

	join_app(3, &d);
	cr_expect_eq(size_of(&d, DUMP_APP), 56u);
	cr_expect_eq(size_of(&d, DUMP_SESSIONS + 2 * DUMP_STEP), 56u);
	cr_expect_eq(size_of(&d, DUMP_USERS), 24u);
	cr_expect_eq(size_of(&d, RPY_STORE), 16u + 3 * 8);
	cr_expect_eq(size_of(&d, 0x11000), 0u, "a type without a record");
	cr_expect_eq(d.facts.size, 4 * 56u + 40 + 88 + 2 * 40 + 3 * (56 + 32 + 24), "%lu",
		     d.facts.size);
	heap_dump_close(&d);
}

Test(heap_rpy, roots_of_rpython_are_roots_of_the_interpreter)
{
	struct heap_dump d;

	join_app(1, &d);
	cr_expect(leads(&d, HEAP_GROUP_INTERPRETER, RPY_ROOT));
	cr_expect_not(leads(&d, HEAP_GROUP_INTERPRETER, DUMP_APP));
	heap_dump_close(&d);
}

Test(heap_rpy, what_was_made_for_the_dump_is_left_out_with_all_that_it_alone_leads_to)
{
	struct heap_dump d;

	join_app(1, &d);
	cr_expect_eq(find(&d, RPY_OWN), HEAP_NONE);
	cr_expect_eq(find(&d, RPY_OURS), HEAP_NONE);
	cr_expect_eq(d.facts.lost_edges, lost_in_app(1));
	heap_dump_close(&d);
}

/* What holds Python's objects only holds them in the place of what the walk told already. */
Test(heap_rpy, hidden_objects_do_not_stand_between_python_s)
{
	struct heap_dump d;

	join_app(2, &d);
	cr_expect_not(leads(&d, RPY_STORE, DUMP_SESSIONS));
	cr_expect_not(leads(&d, RPY_ROOT, DUMP_APP));
	heap_dump_close(&d);
}

Test(heap_rpy, the_id_of_a_str_is_that_of_its_characters_and_two)
{
	static const uint64_t none[] = { 0 };
	struct built_dump b, walked;
	struct heap_dump d;

	dump_begin(&walked);
	dump_type(&walked, 0x11000, 1, 0, "builtins", "str");
	dump_open(&walked, 4, 0);
	dump_64(&walked, 0x11000);
	dump_64(&walked, 2);
	dump_32(&walked, 0);
	dump_32(&walked, 4);
	dump_64(&walked, 0x30002);
	dump_64(&walked, (uint64_t)1 << 63 | 0x611);
	dump_32(&walked, 7);
	dump_32(&walked, 8);
	dump_close(&walked);
	walked.objects = 2;
	dump_end(&walked);
	rpy_begin(&b, "member0    GcStruct rpy_string { hash, chars }", NULL, 0);
	rpy_mark(&b);
	rpy_record(&b, 0x30000, 0, 48, none);
	rpy_end(&b, &walked);
	join(&b, &d);
	cr_expect_eq(size_of(&d, 0x30002), 48u);
	cr_expect_eq(size_of(&d, (uint64_t)1 << 63 | 0x611), 0u);
	cr_expect_eq(find(&d, 0x30000), HEAP_NONE);
	heap_dump_close(&d);
}

Test(heap_rpy, more_edges_than_a_chunk_holds_have_chunks_of_their_own)
{
	enum { N = (1 << 18) + 5 };
	uint64_t *refs = calloc(N + 1, sizeof *refs);
	static const uint64_t none[] = { 0 };
	struct built_dump b, walked;
	struct heap_dump d;

	dump_app(&walked, 0);
	rpy_begin(&b, "x A\nx B", NULL, 0);
	for (uint64_t i = 0; i < N; i++)
		refs[i] = 0x8000000 + 16 * i;
	rpy_record(&b, 0x7000000, 1, 8, refs);
	rpy_mark(&b);
	rpy_record(&b, DUMP_ITEMS, 1, 8, refs);
	for (uint64_t i = 0; i < N; i++)
		rpy_record(&b, refs[i], 0, 16, none);
	rpy_end(&b, &walked);
	join(&b, &d);
	for (int i = 0; i < 2; i++) {
		uint64_t id = i ? DUMP_ITEMS : 0x7000000;
		uint32_t o = find(&d, id);

		cr_expect_geq(d.graph.first[o + 1] - d.graph.first[o], N);
		cr_expect(leads(&d, id, refs[0]) && leads(&d, id, refs[N - 1]));
	}
	cr_expect_eq(d.facts.lost_edges, lost_in_app(0));
	heap_dump_close(&d);
	free(refs);
}

/* Else a small stream could become a dump that fills the disk. */
Test(heap_rpy, what_is_told_again_does_not_have_its_edges_again)
{
	enum { N = (1 << 18) + 5, TIMES = 100 };
	uint64_t *refs = calloc(N + 1, sizeof *refs);
	struct built_dump b, walked;
	struct ps_err err = { 0 };
	char *joined;
	size_t len;

	dump_begin(&walked);
	dump_type(&walked, 0x11000, 0, 0, "app", "T");
	dump_open(&walked, 4, 0);
	dump_64(&walked, 0x11000);
	dump_64(&walked, TIMES);
	dump_64(&walked, 0);
	for (int i = 0; i < TIMES; i++)
		dump_64(&walked, 0x30000);
	dump_64(&walked, 1);
	dump_close(&walked);
	walked.objects = TIMES;
	dump_end(&walked);
	rpy_begin(&b, "x A", NULL, 0);
	rpy_mark(&b);
	for (uint64_t i = 0; i < N; i++)
		refs[i] = 0x8000000;
	rpy_record(&b, 0x30000, 0, 8, refs);
	rpy_record(&b, 0x8000000, 0, 8, &refs[N]);
	rpy_end(&b, &walked);
	cr_assert_eq(join_bytes(b.bytes, b.len, BOUND, &joined, &len, &err), PS_OK, "%s", err.msg);
	cr_expect_lt(len, b.len + 8192);
	free(joined);
	free(refs);
	dump_free(&b);
}

/* Every record has up to three edges anywhere, cycles and dangling ones among them. */
Test(heap_rpy, all_that_is_reached_is_told_once)
{
	enum { N = 500 };
	static uint64_t refs[N][4];
	static bool reached[N];
	struct built_dump b, walked;
	struct heap_dump d;
	uint64_t size = 0;
	bool more = true;

	srand(1);
	dump_app(&walked, 0);
	rpy_begin(&b, "x A\nx B\nx C", NULL, 0);
	for (int i = 0; i < N; i++) {
		for (int e = 0; e < rand() % 3; e++)
			refs[i][e] = 0x8000000 + 16ul * (rand() % (N + N / 8));
	}
	for (uint64_t i = 0; i < N; i++) {
		if (i == 7)
			rpy_mark(&b);
		reached[i] = i < 7;
		rpy_record(&b, 0x8000000 + 16 * i, i % 3, 16 + i, refs[i]);
	}
	rpy_end(&b, &walked);
	while (more) {
		more = false;
		for (int i = 0; i < N; i++) {
			for (int e = 0; e < 3 && reached[i] && refs[i][e]; e++) {
				uint64_t to = (refs[i][e] - 0x8000000) / 16;

				more |= to < N && !reached[to];
				if (to < N)
					reached[to] = true;
			}
		}
	}
	join(&b, &d);
	for (uint64_t i = 0; i < N; i++) {
		cr_expect_eq(find(&d, 0x8000000 + 16 * i) != HEAP_NONE, reached[i], "%lu", i);
		size += reached[i] ? 16 + i : 0;
	}
	cr_expect_eq(d.facts.size, size);
	cr_expect_eq(d.facts.told_again, 0u);
	heap_dump_close(&d);
}

Test(heap_rpy, no_beginning_of_it_is_taken_for_all)
{
	struct built_dump b;

	rpy_app(&b, 2);
	for (size_t len = 0; len < b.len; len++) {
		struct ps_err err = { 0 };
		char *joined;
		size_t n;

		cr_assert_eq(join_bytes(tail_page(b.bytes, len), len, BOUND, &joined, &n, &err),
			     PS_FORMAT, "%zu of %zu", len, b.len);
		cr_assert(err.msg[0]);
		free(joined);
	}
	dump_free(&b);
}

Test(heap_rpy, records_that_cannot_be_are_refused)
{
	static const struct {
		size_t at;
		uint64_t value;
		const char *why;
	} rows[] = {
		{ 0, 0xffff, "at an address" },
		{ 0, (uint64_t)1 << 62, "at an address" },
		{ 0, RPY_OWN, "two objects at one address" },
		{ 8, 6, "of a type that was not told" },
		{ 8, (uint64_t)1 << 32, "of a type that was not told" },
		{ 16, (uint64_t)1 << 47, "of a size" },
		{ 0, 0, "a mark that is none" },
		{ 0, UINT64_MAX - 1, "it broke off" }, /* no dump stands there */
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct built_dump b;

		rpy_app(&b, 1);
		set(&b, records_at(&b) + rows[i].at, rows[i].value);
		if (i + 1 == sizeof rows / sizeof *rows)
			refuse(&b, "it does not say which are roots");
		else
			refuse(&b, rows[i].why);
	}
}

Test(heap_rpy, numbers_that_lie_are_refused)
{
	static const uint64_t lies[] = { UINT64_MAX, UINT64_MAX / 8, (uint64_t)1 << 61,
					 (uint64_t)1 << 32 };

	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct built_dump b;

		rpy_app(&b, 1);
		set(&b, 16, lies[i]);
		refuse(&b, "it broke off");
		rpy_app(&b, 1);
		set(&b, records_at(&b) - 3 * 8, lies[i]);
		refuse(&b, "it broke off");
	}
}

Test(heap_rpy, two_marks_or_none_are_refused)
{
	struct built_dump b, app;

	dump_app(&app, 0);
	rpy_begin(&b, "x A", NULL, 0);
	rpy_mark(&b);
	rpy_mark(&b);
	rpy_end(&b, &app);
	refuse(&b, "a mark that is none");
	dump_app(&app, 0);
	rpy_begin(&b, "x A", NULL, 0);
	rpy_end(&b, &app);
	refuse(&b, "which are roots");
}

Test(heap_rpy, names_that_cannot_be_unpacked_are_refused)
{
	struct built_dump b;

	rpy_app(&b, 1);
	set(&b, 24, 0x1234567812345678);
	refuse(&b, "cannot be unpacked");
}

Test(heap_rpy, control_characters_of_names_are_not_passed_on)
{
	static const uint64_t none[] = { 0 };
	struct built_dump b, app;
	struct heap_dump d;

	dump_app(&app, 0);
	rpy_begin(&b, "x \x1b[31mred\xff", NULL, 0);
	rpy_record(&b, 0x8000000, 0, 16, none);
	rpy_mark(&b);
	rpy_end(&b, &app);
	join(&b, &d);
	expect_type(&d, 0x8000000, "rpy.?[31mred?");
	heap_dump_close(&d);
}

Test(heap_rpy, chunks_that_lie_are_refused)
{
	struct built_dump b, app;
	size_t header;

	for (int i = 0; i < 3; i++) {
		dump_app(&app, 2);
		rpy_begin(&b, "x A", NULL, 0);
		rpy_mark(&b);
		header = b.len + 8 + 16;
		rpy_end(&b, &app);
		if (i == 0)
			set(&b, header + 8, (uint64_t)1 << 32);
		if (i == 1)
			set(&b, header + 8, b.len & ~7ul);
		if (i == 2)
			dump_64(&b, 0), dump_64(&b, 0);
		refuse(&b, i == 0   ? "of a length"
			   : i == 1 ? "it broke off"
				    : "something follows the end");
	}
}

Test(heap_rpy, every_allocation_may_fail)
{
	struct built_dump b;
	unsigned long calls;

	rpy_app(&b, 2);
	for (unsigned long k = 0, done = 0; !done; k++) {
		FILE *out = fopen("/dev/null", "w");
		enum ps_status st;

		setvbuf(out, NULL, _IONBF, 0);
		fail_alloc_at(k);
		st = heap_rpy_join(b.bytes, b.len, BOUND, out, NULL);
		calls = fail_alloc_count();
		fail_alloc_at(0);
		done = k && calls < k;
		cr_assert_eq(st, k && !done ? PS_NOMEM : PS_OK, "%lu: %s", k, ps_status_name(st));
		fclose(out);
	}
	dump_free(&b);
}

Test(heap_rpy, memory_has_a_bound)
{
	struct built_dump b;
	struct ps_err err = { 0 };
	char *joined;
	size_t len;

	rpy_app(&b, 2);
	for (size_t bound = 0; bound < 4u << 20; bound += 100000) {
		enum ps_status st = join_bytes(b.bytes, b.len, bound, &joined, &len, &err);

		free(joined);
		if (st == PS_OK) {
			cr_assert_gt(bound, 1u << 20);
			dump_free(&b);
			return;
		}
		cr_assert_eq(st, PS_LIMIT);
	}
	cr_assert_fail("it was never enough");
}

Test(heap_rpy, a_full_disk_is_told)
{
	struct built_dump b;
	struct ps_err err = { 0 };
	FILE *out = fopen("/dev/full", "w");

	rpy_app(&b, 100);
	cr_expect_eq(heap_rpy_join(b.bytes, b.len, BOUND, out, &err), PS_IO);
	cr_expect(strstr(err.msg, "No space left"), "%s", err.msg);
	fclose(out);
	dump_free(&b);
}
