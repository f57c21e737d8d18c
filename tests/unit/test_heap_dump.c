/* SPDX-License-Identifier: MIT */
#include "profiler/heap_dump.h"

#include "tests/support/built_dump.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/tail_page.h"
#include "tests/support/temporary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BOUND = 1 << 26 };
enum { STRINGS = 2, OBJECTS = 4, MORE = 5, THREAD = 6, ROOTS = 7, PROBLEM = 8, END = 9 };
enum { T = 0x20000, A = 0x30000, B = 0x30010, N = 0x40000 };

static enum ps_status parse(const struct built_dump *b, struct heap_dump *ret, struct ps_err *err)
{
	return heap_dump_parse(tail_page(b->bytes, b->len), b->len, BOUND, ret, err);
}

static void read_good(struct built_dump *b, struct heap_dump *ret)
{
	struct ps_err err = { 0 };

	cr_assert_eq(parse(b, ret, &err), PS_OK, "%s", err.msg);
	dump_free(b);
}

static uint32_t by_id(const struct heap_dump *d, uint64_t id)
{
	for (uint32_t o = 0; o < d->graph.nobjects; o++) {
		if (d->graph.id[o] == id)
			return o;
	}
	cr_assert_fail("no object %lx", id);
	return 0;
}

static const char *text(const struct heap_dump *d, uint32_t t)
{
	static char copy[4096];
	struct profile_text p = heap_graph_text_at(&d->graph, t);

	memcpy(copy, p.at, p.len);
	copy[p.len] = '\0';
	return copy;
}

/* "kind label id" of the object's edges, one after the other. */
static const char *edges(const struct heap_dump *d, uint64_t id)
{
	static char all[4096];
	const struct heap_graph *g = &d->graph;
	uint32_t o = by_id(d, id);

	all[0] = '\0';
	for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
		enum heap_edge_kind k = g->kind[e];
		char one[5000];

		if (heap_edge_is_numbered(k))
			snprintf(one, sizeof one, "%s %u %lx; ", heap_edge_kind_name(k),
				 g->label[e], g->id[g->to[e]]);
		else
			snprintf(one, sizeof one, "%s %s %lx; ", heap_edge_kind_name(k),
				 text(d, g->label[e]), g->id[g->to[e]]);
		strcat(all, one);
	}
	return all;
}

Test(heap_dump, tells_objects_edges_and_roots)
{
	struct built_dump b;
	struct heap_dump d;

	dump_app(&b, 3);
	read_good(&b, &d);
	cr_expect_eq(d.facts.pid, 4242);
	cr_expect_eq(d.facts.objects, 7 + 4 + 3 + 3);
	cr_expect_eq(d.facts.size, (7 + 4 + 3) * 64 + 3 * 100);
	cr_expect_eq(d.facts.threads, 1);
	cr_expect_eq(d.facts.lost_edges, 1); /* to the text that is a key */
	cr_expect_str_eq(text(&d, d.facts.implementation), "cpython");
	cr_expect_str_eq(text(&d, d.facts.version), "3.14.0");
	cr_expect_str_eq(edges(&d, 0x10000), "internal __dict__ 10010; internal __class__ 11100; ");
	/* The name of an entry is also an edge, to what is no object of this dump. */
	cr_expect_str_eq(edges(&d, 0x10020), "attribute items 10030; internal __class__ 11500; ");
	cr_expect_str_eq(edges(&d, 0x10030),
			 "index 0 20000; index 1 20020; index 2 20040; internal __class__ 11300; ");
	cr_expect_str_eq(edges(&d, 0x20020),
			 "attribute user 1000020; weak weak 10020; internal __class__ 11600; ");
	cr_expect_str_eq(edges(&d, HEAP_GROUP_MODULES), "key app 10000; ");
	cr_expect_str_eq(edges(&d, HEAP_GROUP_THREADS), "internal thread MainThread (4242) 6; ");
	cr_expect_str_eq(edges(&d, 6), "internal f (app.py:7) 7; ");
	cr_expect_str_eq(edges(&d, 7), "local s 20000; internal f_globals 10010; ");
	cr_expect_str_eq(text(&d, d.graph.name[by_id(&d, 0x10010)]), "app");
	cr_expect_str_eq(text(&d, d.graph.name[by_id(&d, 0x11500)]), "app.Cache");
	heap_dump_close(&d);
}

static void begin_t(struct built_dump *b)
{
	dump_begin(b);
	dump_type(b, T, 0, 3, "m", "T");
}

static void open_t(struct built_dump *b, uint32_t n, uint32_t groups, uint32_t flags)
{
	dump_open(b, OBJECTS, flags);
	dump_64(b, T);
	dump_64(b, n);
	dump_32(b, groups);
	dump_32(b, 0);
	for (uint32_t i = 0; i < n; i++)
		dump_64(b, A + 16ul * i);
	dump_64(b, 32);
	b->objects += n;
}

static void group(struct built_dump *b, uint32_t kind, uint32_t form, uint64_t total)
{
	dump_32(b, kind);
	dump_32(b, form);
	dump_64(b, total);
	b->targets += total;
}

Test(heap_dump, an_entry_is_an_edge_to_its_value_and_one_to_its_key)
{
	struct built_dump b;
	struct heap_dump d;
	uint32_t counts[2] = { 2, 0 };

	begin_t(&b);
	dump_string(&b, N, "name");
	open_t(&b, 2, 1, 0);
	group(&b, 2, 3, 2);
	dump_all32(&b, counts, 2);
	dump_64(&b, N);
	dump_64(&b, B); /* a key that is no string: its type is its name */
	dump_64(&b, B);
	dump_64(&b, A);
	dump_close(&b);
	dump_end(&b);
	read_good(&b, &d);
	cr_expect_str_eq(edges(&d, A), "key name 30010; key <m.T> 30000; key itself <m.T> 30010; ");
	cr_expect_eq(d.facts.lost_edges, 2 + 1); /* two classes, and the string */
	heap_dump_close(&d);
}

Test(heap_dump, edges_of_one_object_may_be_in_many_chunks)
{
	struct built_dump b;
	struct heap_dump d;

	begin_t(&b);
	open_t(&b, 2, 0, 0);
	dump_close(&b);
	for (uint64_t i = 0; i < 2; i++) {
		dump_open(&b, MORE, 0);
		dump_64(&b, A);
		dump_64(&b, 2 * i);
		group(&b, 3, 2, 2);
		dump_64(&b, B);
		dump_64(&b, i ? 0 : A);
		dump_close(&b);
	}
	dump_end(&b);
	read_good(&b, &d);
	cr_expect_str_eq(edges(&d, A), "index 0 30010; index 1 30000; index 2 30010; ");
	heap_dump_close(&d);
}

Test(heap_dump, sizes_come_in_three_widths_and_texts_where_there_are_any)
{
	static const uint32_t widths[] = { 4, 8 }, small[] = { 5, 6 },
			      lengths[] = { 0xffffffff, 5 };
	static const uint64_t ids[] = { A, B }, large[] = { 5, 1ul << 40 };

	for (size_t w = 0; w < 2; w++) {
		struct built_dump b;
		struct heap_dump d;

		begin_t(&b);
		dump_open(&b, OBJECTS, 1);
		dump_64(&b, T);
		dump_64(&b, 2);
		dump_32(&b, 0);
		dump_32(&b, widths[w]);
		dump_all64(&b, ids, 2);
		if (w == 0)
			dump_all32(&b, small, 2);
		else
			dump_all64(&b, large, 2);
		dump_all32(&b, lengths, 2);
		dump_bytes(&b, "a\xff\n!\xc3", 5);
		dump_close(&b);
		b.objects += 2;
		dump_end(&b);
		read_good(&b, &d);
		cr_expect_eq(d.graph.size[by_id(&d, A)], 5);
		cr_expect_eq(d.graph.size[by_id(&d, B)], w ? 1ul << 40 : 6);
		cr_expect_eq(d.graph.name[by_id(&d, A)], 0);
		/* What is no text becomes one: broken bytes, and what would move a cursor. */
		cr_expect_str_eq(text(&d, d.graph.name[by_id(&d, B)]),
				 "a\xef\xbf\xbd !\xef\xbf\xbd");
		heap_dump_close(&d);
	}
}

Test(heap_dump, what_is_told_again_or_leads_nowhere_is_counted)
{
	struct built_dump b;
	struct heap_dump d;

	begin_t(&b);
	open_t(&b, 1, 0, 0);
	dump_close(&b);
	open_t(&b, 2, 1, 0);
	group(&b, 1, 1, 1);
	b.targets++; /* one for each of the two */
	dump_64(&b, N);
	dump_64(&b, B); /* of what was told before: left out */
	dump_64(&b, A);
	dump_close(&b);
	dump_end(&b);
	read_good(&b, &d);
	cr_expect_eq(d.facts.told_again, 1);
	cr_expect_eq(d.facts.objects, 2);
	cr_expect_str_eq(edges(&d, A), "");
	cr_expect_str_eq(edges(&d, B), "attribute ? 30000; ");
	heap_dump_close(&d);
}

/* One object, with one attribute. */
static void put_one(struct built_dump *b, uint64_t type, uint64_t id, uint64_t name,
		    uint64_t target)
{
	dump_open(b, OBJECTS, 0);
	dump_64(b, type);
	dump_64(b, 1);
	dump_32(b, 1);
	dump_32(b, 0);
	dump_64(b, id);
	dump_64(b, 32);
	group(b, 1, 1, 1);
	dump_64(b, name);
	dump_64(b, target);
	dump_close(b);
	b->objects++;
}

Test(heap_dump, functions_are_called_as_their_code)
{
	enum { T_FUNCTION = 0x50000, T_CODE = 0x50100, T_STR = 0x50200, SPAM = 0x60000 };
	struct built_dump b;
	struct heap_dump d;

	dump_begin(&b);
	dump_type(&b, T_FUNCTION, 18, 1, "builtins", "function");
	dump_type(&b, T_CODE, 21, 0, "builtins", "code");
	dump_type(&b, T_STR, 1, 0, "builtins", "str");
	dump_string(&b, N, "co_name");
	dump_string(&b, N + 16, "__code__");
	dump_string(&b, SPAM, "spam");
	put_one(&b, T_FUNCTION, A, N + 16, B);
	put_one(&b, T_CODE, B, N, SPAM);
	put_one(&b, T_STR, SPAM, N, 0);
	dump_end(&b);
	read_good(&b, &d);
	cr_expect_str_eq(text(&d, d.graph.name[by_id(&d, A)]), "spam");
	cr_expect_str_eq(text(&d, d.graph.name[by_id(&d, B)]), "spam");
	cr_expect_eq(d.graph.name[by_id(&d, SPAM)], 0);
	heap_dump_close(&d);
}

Test(heap_dump, chunks_of_unknown_kinds_are_stepped_over)
{
	struct built_dump b;
	struct heap_dump d;

	begin_t(&b);
	dump_open(&b, 77, 5);
	dump_bytes(&b, "whatever that may be", 20);
	dump_close(&b);
	dump_open(&b, PROBLEM, 0);
	dump_bytes(&b, "no sizes", 8);
	dump_close(&b);
	dump_end(&b);
	read_good(&b, &d);
	cr_expect_eq(d.facts.problems, 1);
	cr_expect_str_eq(text(&d, d.facts.problem[0]), "no sizes");
	heap_dump_close(&d);
}

Test(heap_dump, one_that_was_cut_off_anywhere_says_so)
{
	struct built_dump b;

	dump_app(&b, 3);
	for (size_t len = 1; len < b.len; len++) {
		struct ps_err err = { 0 };
		struct heap_dump d;

		cr_assert_eq(heap_dump_parse(b.bytes, len, BOUND, &d, &err), PS_FORMAT);
		cr_expect(strstr(err.msg, "the dump is incomplete"), "%zu: %s", len, err.msg);
		cr_expect(err.hint[0]);
	}
	dump_free(&b);
}

Test(heap_dump, broken_bytes_are_survived)
{
	static const unsigned char values[] = { 0, 1, 3, 0x7f, 0x80, 0xff };
	struct built_dump b;
	unsigned char *copy;

	dump_app(&b, 2);
	copy = tail_page(b.bytes, b.len);
	for (size_t i = 0; i < b.len; i++) {
		for (size_t v = 0; v < sizeof values; v++) {
			struct ps_err err = { 0 };
			struct heap_dump d;
			enum ps_status st;

			copy[i] = values[v];
			st = heap_dump_parse(copy, b.len, BOUND, &d, &err);
			cr_assert(st ? err.msg[0] : true, "byte %zu", i);
			if (!st)
				heap_dump_close(&d);
		}
		copy[i] = b.bytes[i];
	}
	dump_free(&b);
}

static void expect_refused(struct built_dump *b, const char *why)
{
	struct ps_err err = { 0 };
	struct heap_dump d;

	cr_assert_neq(parse(b, &d, &err), PS_OK, "%s", why);
	cr_expect(strstr(err.msg, why), "%s: %s", why, err.msg);
	dump_free(b);
}

Test(heap_dump, what_is_none_is_called_so)
{
	struct built_dump b = { 0 };

	expect_refused(&b, "the file is empty");
	dump_bytes(&b, "{\"snapshot\": 1 }", 16);
	expect_refused(&b, "it is no heap dump");
	begin_t(&b);
	b.bytes[8] = 2;
	expect_refused(&b, "version 2");
	begin_t(&b);
	b.bytes[12] = 1;
	expect_refused(&b, "byte order");
}

Test(heap_dump, an_end_that_counts_otherwise_is_refused)
{
	for (size_t word = 0; word < 6; word++) {
		struct built_dump b;

		dump_app(&b, 1);
		b.bytes[b.len - 48 + 8 * word]++;
		expect_refused(&b, "what it says in the end is not what it told");
	}
}

Test(heap_dump, chunks_that_contradict_themselves_are_refused)
{
	struct built_dump b;
	uint32_t one = 1, two[2] = { 2, 2 };

	dump_app(&b, 1);
	dump_64(&b, 0);
	expect_refused(&b, "something follows the end");

	begin_t(&b);
	open_t(&b, 1, 0, 0);
	dump_64(&b, 0);
	dump_close(&b);
	expect_refused(&b, "longer than what it holds");

	begin_t(&b);
	open_t(&b, 1, 7, 0);
	dump_close(&b);
	expect_refused(&b, "shorter than what it holds");

	begin_t(&b);
	open_t(&b, 1, 1, 0);
	group(&b, 3, 2, 1ul << 62);
	dump_close(&b);
	expect_refused(&b, "more edges than a chunk may have");

	begin_t(&b);
	open_t(&b, 1, 1, 0);
	group(&b, 3, 1, 0);
	dump_close(&b);
	expect_refused(&b, "of a kind or form");

	begin_t(&b);
	open_t(&b, 2, 1, 0);
	group(&b, 3, 2, 3);
	dump_all32(&b, two, 2);
	for (int i = 0; i < 3; i++)
		dump_64(&b, A);
	dump_close(&b);
	expect_refused(&b, "do not add up");

	dump_begin(&b);
	open_t(&b, 1, 0, 0);
	dump_close(&b);
	expect_refused(&b, "of a type that was not told");

	begin_t(&b);
	dump_open(&b, MORE, 0);
	dump_64(&b, A);
	dump_64(&b, 0);
	group(&b, 3, 2, 0);
	dump_close(&b);
	expect_refused(&b, "of an object that was not told");

	begin_t(&b);
	dump_open(&b, STRINGS, 0);
	dump_64(&b, 1);
	dump_64(&b, N);
	dump_all32(&b, &one, 1);
	dump_close(&b);
	expect_refused(&b, "end beyond their bytes");

	begin_t(&b);
	dump_open(&b, ROOTS, 0);
	dump_64(&b, 1ul << 61);
	dump_close(&b);
	expect_refused(&b, "shorter than what it holds");

	dump_begin(&b);
	dump_close(&b);
	b.bytes[b.chunk + 8] = 1;
	expect_refused(&b, "a length that a chunk can't have");
}

Test(heap_dump, any_allocation_may_fail)
{
	enum ps_status st = PS_NOMEM;
	struct built_dump b;

	dump_app(&b, 200);
	for (unsigned long k = 1; st; k++) {
		struct ps_err err = { 0 };
		struct heap_dump d;

		fail_alloc_at(k);
		st = heap_dump_parse(b.bytes, b.len, BOUND, &d, &err);
		fail_alloc_at(0);
		cr_assert(st == PS_NOMEM ? strstr(err.msg, "not enough memory") != NULL : !st);
		if (!st)
			heap_dump_close(&d);
	}
	dump_free(&b);
}

Test(heap_dump, memory_is_bounded)
{
	struct ps_err err = { 0 };
	struct built_dump b;
	struct heap_dump d;

	dump_app(&b, 20000);
	cr_expect_eq(heap_dump_parse(b.bytes, b.len, 1 << 20, &d, &err), PS_LIMIT);
	cr_expect(strstr(err.msg, "not enough memory"));
	dump_free(&b);
}

Test(heap_dump, is_read_from_a_file)
{
	char path[TEMPORARY_PATH];
	int fd = temporary_file(path);
	struct ps_err err = { 0 };
	struct built_dump b;
	struct heap_dump d;

	dump_app(&b, 5);
	cr_assert_eq(write(fd, b.bytes, b.len), (ssize_t)b.len);
	cr_expect_eq(heap_dump_read(path, BOUND, &d, &err), PS_OK, "%s", err.msg);
	heap_dump_close(&d);
	cr_assert_eq(ftruncate(fd, (off_t)b.len - 8), 0);
	cr_expect_eq(heap_dump_read(path, BOUND, &d, &err), PS_FORMAT);
	cr_expect(strstr(err.msg, path) && strstr(err.msg, "incomplete"), "%s", err.msg);
	close(fd);
	unlink(path);
	cr_expect_eq(heap_dump_read(path, BOUND, &d, &err), PS_IO);
	cr_expect(strstr(err.msg, "No such file"), "%s", err.msg);
	cr_expect_eq(heap_dump_read("/", BOUND, &d, &err), PS_IO);
	dump_free(&b);
}
