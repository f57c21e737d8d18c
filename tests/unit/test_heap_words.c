/* SPDX-License-Identifier: MIT */
/* What is told of dumps in words: summaries, ways, differences. */
#include "profiler/heap_words.h"

#include "profiler/heap_diff.h"
#include "profiler/heap_path.h"
#include "profiler/heap_summary.h"
#include "tests/support/built_heap.h"
#include "tests/support/built_report.h"
#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct text {
	char *at;
	size_t len;
	FILE *out;
};

static void begin(struct text *t)
{
	t->out = open_memstream(&t->at, &t->len);
	cr_assert(t->out);
}

/* What was written has that in it; or has not, if it is not to. */
static void expect(struct text *t, const char *part, bool is_there)
{
	fflush(t->out);
	cr_expect_eq(strstr(t->at, part) != NULL, is_there, "%s\nin\n%s", part, t->at);
}

static void end(struct text *t)
{
	fclose(t->out);
	free(t->at);
}

Test(heap_words, sizes_are_told_in_three_digits_or_four)
{
	static const struct {
		uint64_t bytes;
		const char *words;
	} sizes[] = { { 0, "0 B" },
		      { 1023, "1023 B" },
		      { 1024, "1.0 KiB" },
		      { 1048575, "1.0 MiB" },
		      { 1572864, "1.5 MiB" },
		      { 1ul << 40, "1.0 TiB" },
		      { UINT64_MAX, "16.0 EiB" } };
	char text[HEAP_BYTES_MAX];

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		cr_expect_str_eq(heap_words_bytes(sizes[i].bytes, text), sizes[i].words);
	cr_expect_str_eq(heap_words_change(100, 1124, text), "+1.0 KiB");
	cr_expect_str_eq(heap_words_change(1124, 100, text), "-1.0 KiB");
	cr_expect_str_eq(heap_words_change(7, 7, text), "0 B");
}

Test(heap_summary, tells_types_by_what_they_retain)
{
	struct heap_summary s;
	struct built_report r;
	struct built_dump d;
	struct text t;

	dump_app(&d, 100);
	built_report(&d, &r);
	cr_assert_eq(heap_summary_make(&r.dump, &r.dominators, HEAP_BY_RETAINED, 4, &s), PS_OK);
	begin(&t);
	heap_summary_write(&s, t.out);
	expect(&t, "CPython 3.14.0, process 4242, ", true);
	expect(&t, "211 objects, 16.7 KiB, 1 thread\n", true);
	expect(&t, "         1        64 B    16.1 KiB   96.4 %  app.Cache\n", true);
	expect(&t, "and 3 more types", true);
	expect(&t, "dict of app 0x10010", true);
	end(&t);
	begin(&t);
	heap_summary_write_json(&s, t.out);
	expect(&t, "{\"type\":\"app.Session\",\"count\":100,\"size\":6400,\"retained\":16400}",
	       true);
	end(&t);
	heap_summary_deinit(&s);
	built_report_free(&r);
}

Test(heap_summary, sorts_as_it_is_told)
{
	static const char *const first[] = { "dict", "str", "str" };
	struct built_report r;
	struct built_dump d;

	dump_app(&d, 100);
	built_report(&d, &r);
	for (enum heap_order o = HEAP_BY_RETAINED; o <= HEAP_BY_COUNT; o++) {
		struct heap_summary s;
		struct profile_text name;

		cr_assert_eq(heap_summary_make(&r.dump, &r.dominators, o, 4, &s), PS_OK);
		name = heap_graph_text_at(&r.dump.graph, s.classes.v[0].name);
		if (o == HEAP_BY_COUNT) /* as many sessions as strings: the first told is first */
			cr_expect_eq(s.classes.v[0].count, 100);
		else
			cr_expect(memcmp(name.at, first[o], name.len) == 0, "%.*s", (int)name.len,
				  name.at);
		heap_summary_deinit(&s);
	}
	built_report_free(&r);
}

static struct heap_path path_of(struct built_report *r, uint32_t limit)
{
	return (struct heap_path){ &r->dump, &r->dominators, &r->shortest, limit };
}

Test(heap_path, tells_each_step_of_the_shortest_way_and_of_others)
{
	struct built_report r;
	struct built_dump d;
	struct heap_path p;
	struct heap_named named;
	struct text t;

	dump_app(&d, 3);
	built_report(&d, &r);
	p = path_of(&r, 3);
	begin(&t);
	cr_assert_eq(heap_path_find(&r.dump.graph, "0x20000", &named, NULL), PS_OK);
	cr_assert_eq(heap_path_write_object(&p, named.object, t.out), PS_OK);
	expect(&t, "app.Session 0x20000, 64 B, retains 164 B\n", true);
	expect(&t,
	       "the shortest way from a root\n    (threads)\n    thread MainThread (4242)\n"
	       "    f (app.py:7)\n    local s              app.Session  0x20000, retains 164 B\n"
	       "    that is: s\n",
	       true);
	expect(&t, "and by\n    (modules)\n", true);
	expect(&t, "    [0]                  app.Session  0x20000", true);
	end(&t);
	begin(&t);
	cr_assert_eq(heap_path_find(&r.dump.graph, "131104", &named, NULL), PS_OK);
	cr_assert_eq(heap_path_write_object(&p, named.object, t.out), PS_OK);
	expect(&t, "that is: app.cache.items[1]\n", true);
	expect(&t, "and by", false);
	end(&t);
	built_report_free(&r);
}

/* Each link of a long list leads back to the first: that is no way to it, and finding so must
 * not take a walk up the list for each. */
Test(heap_path, what_an_object_itself_keeps_is_no_way_to_it)
{
	enum { LINKS = 300000 };
	struct heap_dump dump = { 0 };
	struct heap_graph *g = &dump.graph;
	struct heap_dominators dominators;
	struct heap_routes shortest;
	struct heap_path p = { &dump, &dominators, &shortest, 3 };
	struct text t;
	uint32_t type;

	built_heap(g);
	type = built_heap_type(g, "Link", HEAP_OBJECT);
	built_heap_edge(g, HEAP_EDGE_KEY, "head", 1);
	for (uint32_t i = 1; i <= LINKS; i++) {
		built_heap_object(g, type, 1);
		built_heap_item(g, 0, i < LINKS ? i + 1 : 1);
		built_heap_item(g, 1, 1);
	}
	cr_assert_eq(heap_graph_finish(g), PS_OK);
	cr_assert_eq(heap_dominators_find(g, &dominators), PS_OK);
	cr_assert_eq(heap_routes_shortest(g, &shortest), PS_OK);
	begin(&t);
	cr_assert_eq(heap_path_write_object(&p, 1, t.out), PS_OK);
	expect(&t, "the shortest way", true);
	expect(&t, "and by", false);
	end(&t);
	begin(&t);
	cr_assert_eq(heap_path_write_object(&p, LINKS, t.out), PS_OK);
	expect(&t, "(what comes before is left out)", true);
	end(&t);
	heap_routes_deinit(&shortest);
	heap_dominators_deinit(&dominators);
	heap_graph_deinit(g);
}

Test(heap_path, of_a_type_ways_that_look_alike_are_told_once)
{
	struct built_report r;
	struct built_dump d;
	struct heap_path p;
	struct heap_named named;
	struct text t;

	dump_app(&d, 20);
	built_report(&d, &r);
	p = path_of(&r, 1);
	cr_assert_eq(heap_path_find(&r.dump.graph, "Session", &named, NULL), PS_OK);
	cr_assert_eq(named.object, HEAP_NONE);
	begin(&t);
	cr_assert_eq(heap_path_write_type(&p, named.type, t.out), PS_OK);
	expect(&t, "20 objects of app.Session\n", true);
	expect(&t, "  19 of them, 1.2 KiB, in ways like this one:\n    (modules)\n", true);
	expect(&t, "and in 1 more way", true);
	expect(&t, "local s", false);
	end(&t);
	built_report_free(&r);
}

Test(heap_path, names_that_there_are_not_are_refused_with_those_that_there_are)
{
	static const struct {
		const char *named, *message, *hint;
	} bad[] = {
		{ "0x1", "no object 0x1 in", "id()" },
		{ "sess", "no type 'sess'", "app.Session" },
		{ "ession", "no type 'ession'", "app.Session" },
		{ "Sesion", "no type 'Sesion'", "there is app.Session" },
		{ "ap.Sessoin", "no type 'ap.Sessoin'", "there is app.Session" },
		{ "lsit", "no type 'lsit'", "there is list" },
		{ "zzz", "no type 'zzz'", "heap summary" },
		{ "", "no type ''", "there is" },
		{ "99999999999999999999", "no type", "heap summary" },
	};
	struct built_report r;
	struct built_dump d;

	dump_app(&d, 3);
	built_report(&d, &r);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct heap_named named;
		struct ps_err err = { 0 };

		cr_expect_eq(heap_path_find(&r.dump.graph, bad[i].named, &named, &err), PS_USAGE);
		cr_expect(strstr(err.msg, bad[i].message), "%s: %s", bad[i].named, err.msg);
		cr_expect(strstr(err.hint, bad[i].hint), "%s: %s", bad[i].named, err.hint);
	}
	built_report_free(&r);
}

static enum ps_status diff(uint32_t before, uint32_t after, struct text *t)
{
	uint32_t sessions[HEAP_SIDES] = { before, after };
	struct built_report r[HEAP_SIDES];
	struct heap_diff_side side[HEAP_SIDES];
	enum ps_status st;

	for (int s = 0; s < HEAP_SIDES; s++) {
		struct built_dump d;

		dump_app(&d, sessions[s]);
		built_report(&d, &r[s]);
		side[s] = (struct heap_diff_side){ &r[s].dump, &r[s].dominators };
	}
	begin(t);
	st = heap_diff_write(side, 10, 1u << 28, t->out);
	for (int s = 0; s < HEAP_SIDES; s++)
		built_report_free(&r[s]);
	return st;
}

Test(heap_diff, tells_what_grew_and_what_keeps_it)
{
	struct text t;

	cr_assert_eq(diff(10, 110, &t), PS_OK);
	expect(&t, "31 objects became 231, 2.3 KiB became 18.3 KiB (+16.0 KiB)\n", true);
	expect(&t, "      +100     +9.8 KiB     +9.8 KiB         110  str\n", true);
	expect(&t, "      +100     +6.2 KiB    +16.0 KiB         110  app.Session\n", true);
	expect(&t,
	       "  +16.0 KiB in 100 more objects, with what they alone keep:\n"
	       "                         dict of app\n"
	       "    .cache               app.Cache\n"
	       "    .items               list\n"
	       "    [*]                  app.Session\n",
	       true);
	/* Their strings came with them. */
	expect(&t, "str\n\n", false);
	end(&t);
}

/* Two modules hold lists of items together, so that neither dominates them. */
static void build_shared(struct heap_dump *d, uint32_t lists, uint32_t items)
{
	struct heap_graph *g = &d->graph;
	uint32_t module, list, item;

	*d = (struct heap_dump){ 0 };
	built_heap(g);
	module = built_heap_type(g, "module", HEAP_MODULE);
	list = built_heap_type(g, "list", HEAP_CONTAINER);
	item = built_heap_type(g, "app.Item", HEAP_OBJECT);
	for (uint32_t m = 1; m <= 2; m++)
		built_heap_edge(g, HEAP_EDGE_KEY, m == 1 ? "a" : "b", m);
	for (uint32_t m = 1; m <= 2; m++) {
		built_heap_object(g, module, 72);
		g->name[m] = built_heap_text(g, m == 1 ? "a" : "b");
		for (uint32_t l = 0; l < lists; l++)
			built_heap_edge(g, HEAP_EDGE_ATTRIBUTE, l ? "later" : "first", 3 + l);
	}
	for (uint32_t l = 0; l < lists; l++) {
		built_heap_object(g, list, 88);
		for (uint32_t i = 0; i < items; i++)
			built_heap_item(g, i, 3 + lists + l * items + i);
	}
	for (uint32_t i = 0; i < lists * items; i++)
		built_heap_object(g, item, 1000);
	cr_assert_eq(heap_graph_finish(g), PS_OK);
}

Test(heap_diff, what_several_things_keep_is_shown_by_a_new_example)
{
	struct heap_dominators dominators[HEAP_SIDES];
	struct heap_dump dump[HEAP_SIDES];
	struct heap_diff_side side[HEAP_SIDES];
	struct text t;

	for (int s = 0; s < HEAP_SIDES; s++) {
		build_shared(&dump[s], s ? 2 : 1, s ? 100 : 50);
		cr_assert_eq(heap_dominators_find(&dump[s].graph, &dominators[s]), PS_OK);
		side[s] = (struct heap_diff_side){ &dump[s], &dominators[s] };
	}
	/* The first list, which retains as much as the second, was there before. */
	dump[1].graph.id[4] = 0x123450;
	begin(&t);
	cr_assert_eq(heap_diff_write(side, 10, 1u << 28, t.out), PS_OK);
	expect(&t,
	       "in 1 more object, with what they alone keep:\n"
	       "    ..                   list\n"
	       "  of that, 146.5 KiB in 150 more of app.Item\n"
	       "  several things keep what stands behind ..; the shortest way to one of these:\n"
	       "                         module a  0x10, retains 72 B\n"
	       "    .later               list  0x123450, retains 97.7 KiB\n",
	       true);
	end(&t);
	for (int s = 0; s < HEAP_SIDES; s++) {
		heap_dominators_deinit(&dominators[s]);
		heap_graph_deinit(&dump[s].graph);
	}
}

/* A dict that has more entries: itself larger, and with more keys. */
static void build_dict(struct heap_dump *d, uint32_t entries)
{
	struct heap_graph *g = &d->graph;
	uint32_t dict, item, key;

	*d = (struct heap_dump){ 0 };
	built_heap(g);
	dict = built_heap_type(g, "dict", HEAP_CONTAINER);
	item = built_heap_type(g, "app.Item", HEAP_OBJECT);
	key = built_heap_type(g, "int", HEAP_NUMBER);
	built_heap_edge(g, HEAP_EDGE_KEY, "cache", 1);
	built_heap_object(g, dict, 100ul * entries);
	for (uint32_t i = 0; i < entries; i++) {
		built_heap_edge(g, HEAP_EDGE_KEY, "k", 2 + 2 * i);
		built_heap_edge(g, HEAP_EDGE_KEY_ITSELF, "k", 3 + 2 * i);
	}
	for (uint32_t i = 0; i < entries; i++) {
		built_heap_object(g, item, 500);
		built_heap_object(g, key, 28);
	}
	cr_assert_eq(heap_graph_finish(g), PS_OK);
}

Test(heap_diff, a_container_that_grows_with_what_it_holds_is_told_once)
{
	struct heap_dominators dominators[HEAP_SIDES];
	struct heap_dump dump[HEAP_SIDES];
	struct heap_diff_side side[HEAP_SIDES];
	struct text t;

	for (int s = 0; s < HEAP_SIDES; s++) {
		build_dict(&dump[s], s ? 100 : 10);
		cr_assert_eq(heap_dominators_find(&dump[s].graph, &dominators[s]), PS_OK);
		side[s] = (struct heap_diff_side){ &dump[s], &dominators[s] };
	}
	begin(&t);
	cr_assert_eq(heap_diff_write(side, 10, 1u << 28, t.out), PS_OK);
	expect(&t, "in 90 more objects, with what they alone keep:\n", true);
	expect(&t, "    [*]                  app.Item\n", true);
	expect(&t, "(key)", false);
	expect(&t, "but larger", false);
	expect(&t, "more place", false);
	end(&t);
	for (int s = 0; s < HEAP_SIDES; s++) {
		heap_dominators_deinit(&dominators[s]);
		heap_graph_deinit(&dump[s].graph);
	}
}

Test(heap_diff, where_nothing_grew_it_says_so)
{
	struct text t;

	cr_assert_eq(diff(10, 10, &t), PS_OK);
	expect(&t, "No type has grown.\n", true);
	expect(&t, "Where it grew", false);
	end(&t);
	cr_assert_eq(diff(10, 2, &t), PS_OK);
	expect(&t, "(-1.3 KiB)", true);
	expect(&t, "No type has grown.\n", true);
	end(&t);
}
