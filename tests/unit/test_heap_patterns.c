/* SPDX-License-Identifier: MIT */
#include "profiler/heap_patterns.h"

#include "profiler/heap_flame.h"
#include "tests/support/built_heap.h"
#include "tests/support/built_profile.h"
#include "tests/support/built_report.h"
#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { BOUND = 1 << 28 };

/* "what(how)/what(how)": from the root. */
static const char *words(const struct heap_patterns *p, uint32_t i)
{
	static char text[4000];
	char before[4000] = "";

	if (!i)
		return "";
	snprintf(before, sizeof before, "%s", words(p, p->v[i].parent));
	snprintf(text, sizeof text, "%.3000s/%.*s(%.*s)", before, (int)heap_pattern_what(p, i).len,
		 heap_pattern_what(p, i).at, (int)heap_pattern_how(p, i).len,
		 heap_pattern_how(p, i).at);
	return text;
}

static const struct heap_pattern *find(const struct heap_patterns *p, const char *text)
{
	for (uint32_t i = 0; i < p->n; i++) {
		if (strcmp(words(p, i), text) == 0)
			return &p->v[i];
	}
	cr_assert_fail("no pattern %s", text);
	return NULL;
}

Test(heap_patterns, objects_that_are_held_alike_are_one)
{
	struct heap_patterns p;
	struct built_report r;
	struct built_dump d;
	const struct heap_pattern *v;

	dump_app(&d, 10);
	built_report(&d, &r);
	cr_assert_eq(heap_patterns_init(&p, BOUND), PS_OK);
	cr_assert_eq(heap_patterns_add(&p, &r.dump.graph, &r.shortest, 0, NULL), PS_OK);
	/* The module's dict is a part of the module. */
	v = find(&p, "/(modules)()/module app()/app.Cache(.cache)/list(.items)/app.Session([*])");
	cr_expect_eq(v->side[0].count, 9);
	cr_expect_eq(v->side[0].size, 9 * 64);
	cr_expect_eq(v->side[1].count, 0);
	v = find(&p, "/(threads)()/thread MainThread (4242)()/f (app.py:7)()/app.Session(local s)");
	cr_expect_eq(v->side[0].count, 1);
	cr_expect_eq(p.v[0].side[0].below, r.dump.facts.size);
	heap_patterns_deinit(&p);
	built_report_free(&r);
}

Test(heap_patterns, a_run_of_objects_that_look_alike_is_one)
{
	struct heap_dominators d;
	struct heap_patterns p;
	struct heap_routes r;
	struct heap_graph g;
	uint32_t type;

	built_heap(&g);
	type = built_heap_type(&g, "Node", HEAP_OBJECT);
	built_heap_edge(&g, HEAP_EDGE_ATTRIBUTE, "head", 1);
	for (uint32_t i = 1; i <= 1000; i++) {
		built_heap_object(&g, type, 16);
		built_heap_edge(&g, HEAP_EDGE_ATTRIBUTE, "next", i < 1000 ? i + 1 : i);
	}
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	cr_assert_eq(heap_dominators_find(&g, &d), PS_OK);
	cr_assert_eq(heap_routes_dominating(&g, &d, &r), PS_OK);
	cr_assert_eq(heap_patterns_init(&p, BOUND), PS_OK);
	cr_assert_eq(heap_patterns_add(&p, &g, &r, 0, NULL), PS_OK);
	cr_expect_eq(find(&p, "/Node()/Node(.next)")->side[0].count, 999);
	cr_expect_eq(p.n, 4);
	heap_patterns_deinit(&p);
	heap_routes_deinit(&r);
	heap_dominators_deinit(&d);
	heap_graph_deinit(&g);
}

/* Attributes of distinct names, so that no two look alike. */
Test(heap_patterns, depth_has_a_bound)
{
	enum { DEPTH = 3 * HEAP_PATTERN_DEPTH };
	struct heap_patterns p;
	struct heap_routes r;
	struct heap_graph g;
	uint32_t type, deepest = 0;

	built_heap(&g);
	type = built_heap_type(&g, "Node", HEAP_OBJECT);
	built_heap_edge(&g, HEAP_EDGE_ATTRIBUTE, "head", 1);
	for (uint32_t i = 1; i <= DEPTH; i++) {
		char name[16];

		snprintf(name, sizeof name, "a%u", i);
		built_heap_object(&g, type, 16);
		built_heap_edge(&g, HEAP_EDGE_ATTRIBUTE, name, i < DEPTH ? i + 1 : i);
	}
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	cr_assert_eq(heap_routes_shortest(&g, &r), PS_OK);
	cr_assert_eq(heap_patterns_init(&p, BOUND), PS_OK);
	cr_assert_eq(heap_patterns_add(&p, &g, &r, 0, NULL), PS_OK);
	for (uint32_t i = 0; i < p.n; i++)
		deepest = p.v[i].depth > deepest ? p.v[i].depth : deepest;
	cr_expect_eq(deepest, HEAP_PATTERN_DEPTH);
	cr_expect_eq(p.v[0].side[0].below, 16 * DEPTH);
	heap_patterns_deinit(&p);
	heap_routes_deinit(&r);
	heap_graph_deinit(&g);
}

Test(heap_patterns, two_dumps_are_counted_side_by_side)
{
	static const uint32_t sessions[] = { 10, 30 };
	struct heap_patterns p;
	const struct heap_pattern *v;

	cr_assert_eq(heap_patterns_init(&p, BOUND), PS_OK);
	for (unsigned side = 0; side < 2; side++) {
		struct built_report r;
		struct built_dump d;

		dump_app(&d, sessions[side]);
		built_report(&d, &r);
		cr_assert_eq(heap_patterns_add(&p, &r.dump.graph, &r.dominating, side, NULL),
			     PS_OK);
		built_report_free(&r);
	}
	v = find(&p, "/dict of app()/app.Cache(.cache)/list(.items)/app.Session([*])");
	cr_expect_eq(v->side[0].count, 9);
	cr_expect_eq(v->side[1].count, 29);
	/* With their strings. */
	cr_expect_eq(v->side[1].below - v->side[0].below, 20 * 164);
	heap_patterns_deinit(&p);
}

/* --- dumps that were made to be slow --- */

static uint64_t inserted,
	passed; /* into tables; places that were in use, on the way to a free one */

void __real_table_insert(struct table *t, uint32_t hash, uint32_t id);
void __wrap_table_insert(struct table *t, uint32_t hash, uint32_t id);

void __wrap_table_insert(struct table *t, uint32_t hash, uint32_t id)
{
	uint32_t mask = t->nslots - 1;

	inserted++;
	for (uint32_t at = hash & mask; t->slot[at].id_plus_1; at = (at + 1) & mask)
		passed++;
	__real_table_insert(t, hash, id);
}

enum { NAMES = 1000, CHOSEN = 3000 };

/* Objects that one object holds: of type number `type` under name number `name`. */
struct held {
	uint32_t type, name;
};
struct numbers {
	uint32_t type[NAMES], label[NAMES];       /* in the graph */
	uint32_t parent, what[NAMES], how[NAMES]; /* among the patterns */
};

/* As many as it has names are there before: type 0 under name 0, and so on. */
static void count_held(const struct held *v, uint32_t n, struct numbers *ret)
{
	struct heap_patterns p;
	struct heap_routes r;
	struct heap_graph g;
	char word[16];

	built_heap(&g);
	for (uint32_t i = 0; i < NAMES; i++) {
		snprintf(word, sizeof word, "T%u", i);
		ret->type[i] = built_heap_type(&g, word, HEAP_OBJECT);
		snprintf(word, sizeof word, "a%u", i);
		ret->label[i] = built_heap_text(&g, word);
	}
	built_heap_edge(&g, HEAP_EDGE_ATTRIBUTE, "holder", 1);
	built_heap_object(&g, built_heap_type(&g, "Holder", HEAP_OBJECT), 16);
	for (uint32_t i = 0; i < NAMES + n; i++)
		cr_assert_eq(heap_graph_edge(&g, HEAP_EDGE_ATTRIBUTE,
					     ret->label[i < NAMES ? i : v[i - NAMES].name], i + 2),
			     PS_OK);
	for (uint32_t i = 0; i < NAMES + n; i++)
		built_heap_object(&g, ret->type[i < NAMES ? i : v[i - NAMES].type], 16);
	cr_assert_eq(heap_graph_finish(&g), PS_OK);
	cr_assert_eq(heap_routes_shortest(&g, &r), PS_OK);
	cr_assert_eq(heap_patterns_init(&p, BOUND), PS_OK);
	inserted = passed = 0;
	cr_assert_eq(heap_patterns_add(&p, &g, &r, 0, NULL), PS_OK);
	for (uint32_t i = 0; i < p.n; i++) {
		struct profile_text what = heap_pattern_what(&p, i);
		unsigned k;

		snprintf(word, sizeof word, "%.*s", (int)what.len, what.at);
		if (sscanf(word, "T%u", &k) != 1 || ret->what[k])
			continue;
		ret->parent = p.v[i].parent;
		ret->what[k] = p.v[i].what;
		ret->how[k] = p.v[i].how;
	}
	cr_expect_eq(p.v[ret->parent].side[0].count, 1);
	cr_expect_geq(p.n, NAMES + n + 2);
	heap_patterns_deinit(&p);
	heap_routes_deinit(&r);
	heap_graph_deinit(&g);
}

static uint32_t frame_hash(const struct numbers *n, uint32_t type, uint32_t name)
{
	return hash_words((uint64_t)n->type[type] << 32,
			  (uint64_t)HEAP_EDGE_ATTRIBUTE << 32 | n->label[name]);
}

static uint32_t pattern_hash(const struct numbers *n, uint32_t type, uint32_t name)
{
	return hash_words(n->parent, (uint64_t)n->what[type] << 32 | n->how[name]);
}

/* Chosen to meet in one place of a table, were they found by these hashes. */
static void expect_no_meeting(uint32_t (*hash)(const struct numbers *, uint32_t, uint32_t))
{
	static struct held chosen[CHOSEN];
	struct numbers first = { 0 }, again = { 0 };
	uint32_t n = 0;

	count_held(NULL, 0, &first);
	for (uint32_t i = 0; i < NAMES * NAMES && n < CHOSEN; i++) {
		struct held h = { i / NAMES, i % NAMES };

		if (h.type != h.name && (hash(&first, h.type, h.name) & 8191) < 64)
			chosen[n++] = h;
	}
	cr_assert_eq(n, CHOSEN);
	count_held(chosen, n, &again);
	cr_expect(memcmp(&first, &again, sizeof first) == 0);
	cr_expect_geq(inserted, 2 * (NAMES + CHOSEN));
	cr_expect_leq(passed, 16 * inserted);
}

Test(heap_patterns, frames_that_were_chosen_do_not_meet)
{
	expect_no_meeting(frame_hash);
}

Test(heap_patterns, patterns_that_were_chosen_do_not_meet)
{
	expect_no_meeting(pattern_hash);
}

Test(heap_patterns, any_allocation_may_fail)
{
	enum ps_status st = PS_NOMEM;
	struct built_report r;
	struct built_dump d;

	dump_app(&d, 50);
	built_report(&d, &r);
	for (unsigned long k = 1; st; k++) {
		struct heap_patterns p;

		fail_alloc_at(k);
		st = heap_patterns_init(&p, BOUND);
		if (!st)
			st = heap_patterns_add(&p, &r.dump.graph, &r.dominating, 0, NULL);
		fail_alloc_at(0);
		cr_assert(st == PS_OK || st == PS_NOMEM);
		heap_patterns_deinit(&p);
	}
	built_report_free(&r);
}

Test(heap_flame, has_retained_sizes_by_dominators)
{
	struct profile *profile = built_profile();
	struct heap_patterns p;
	struct built_report r;
	struct built_dump d;
	char *text;

	dump_app(&d, 10);
	built_report(&d, &r);
	cr_assert_eq(heap_patterns_init(&p, BOUND), PS_OK);
	cr_assert_eq(heap_patterns_add(&p, &r.dump.graph, &r.dominating, 0, NULL), PS_OK);
	cr_assert_eq(heap_flame_fill(&p, profile), PS_OK);
	text = built_output(profile, "collapsed", (struct view){ .functions = true });
	cr_expect(strstr(text, "\ndict of app;app.Cache (.cache);list (.items);app.Session ([*]);"
			       "str (.user) 900\n"),
		  "%s", text);
	free(text);
	profile_destroy(profile);
	heap_patterns_deinit(&p);
	built_report_free(&r);
}

static uint64_t bytes_told(const char *text)
{
	uint64_t sum = 0;

	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		const char *number = end;

		while (number > text && number[-1] != ' ')
			number--;
		sum += strtoull(number, NULL, 10);
	}
	return sum;
}

Test(heap_flame, has_every_byte_also_of_what_is_small_and_kept_by_no_object)
{
	struct profile *profile = built_profile();
	struct heap_patterns p;
	struct built_report r;
	struct built_dump d;
	char *text;

	dump_app(&d, 40000);
	built_report(&d, &r);
	cr_assert_eq(heap_patterns_init(&p, BOUND), PS_OK);
	cr_assert_eq(heap_patterns_add(&p, &r.dump.graph, &r.dominating, 0, NULL), PS_OK);
	cr_assert_eq(heap_flame_fill(&p, profile), PS_OK);
	text = built_output(profile, "collapsed", (struct view){ .functions = true });
	cr_expect(strstr(text, "(smaller ones) "), "%s", text);
	cr_expect_eq(bytes_told(text), r.dominators.retained[0], "%s", text);
	free(text);
	profile_destroy(profile);
	heap_patterns_deinit(&p);
	built_report_free(&r);
}
