/* SPDX-License-Identifier: MIT */
#include "profiler/heap_path.h"

#include "profiler/heap_patterns.h"
#include "profiler/heap_words.h"
#include "profiler/near.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 200, HOW_WIDTH = 20, SIMILAR_MAX = 3, NAME_SHOWN = 120 };

static bool is_group(const struct heap_graph *g, uint32_t o)
{
	return g->types[g->type[o]].category == HEAP_GROUP;
}

/* --- what is named --- */

static bool parse_id(const char *text, uint64_t *ret)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	if (!(*text >= '0' && *text <= '9'))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, hex ? 16 : 10);
	return !*end && !errno;
}

/* "app.Session" ends with "Session" and "app.Session". */
static bool is_named(struct profile_text type, const char *named)
{
	size_t n = strlen(named);

	if (type.len < n || n == 0 || memcmp(type.at + type.len - n, named, n) != 0)
		return false;
	return type.len == n || type.at[type.len - n - 1] == '.';
}

static enum ps_status find_id(const struct heap_graph *g, uint64_t id, struct heap_named *ret,
			      struct ps_err *err)
{
	for (uint32_t o = 0; o < g->nobjects; o++) {
		if (g->id[o] == id && !is_group(g, o)) {
			*ret = (struct heap_named){ .object = o };
			return PS_OK;
		}
	}
	ps_fail(err, PS_USAGE, "there is no object 0x%" PRIx64 " in the dump", id);
	ps_hint(err,
		"ids are what id() gives in the process; give a type instead, to see its objects");
	return PS_USAGE;
}

/* Of a name, as much as there is of the other: "app.Session" of "my.app.Session" for "ap.Session". */
static const char *tail(const char *name, const char *named)
{
	const char *at = name + strlen(name);
	unsigned dots = 0;

	for (const char *c = named; *c; c++)
		dots += *c == '.';
	for (; at > name; at--) {
		if (at[-1] == '.' && dots-- == 0)
			break;
	}
	return at;
}

struct similar {
	uint32_t name; /* a text; 0: none */
	unsigned distance;
};

/* Keeps the nearest ones, the nearest first. */
static void keep_similar(const struct heap_graph *g, uint32_t text, const char *named,
			 struct similar v[static SIMILAR_MAX])
{
	struct profile_text name = heap_graph_text_at(g, text);
	struct similar it = { .name = text };
	char copy[NAME_SHOWN];

	snprintf(copy, sizeof copy, "%.*s",
		 (int)(name.len < NAME_SHOWN ? name.len : NAME_SHOWN - 1), name.at);
	if (!strcasestr(copy, named))
		it.distance = near_distance(tail(copy, named), named);
	for (int i = 0; i < SIMILAR_MAX && it.distance != NEAR_NOT && it.name; i++) {
		struct similar was = v[i];

		if (was.name == text)
			return;
		if (was.name && was.distance <= it.distance)
			continue;
		v[i] = it;
		it = was;
	}
}

/* Types whose names have that text somewhere in them, or are nearly that. */
static void hint_similar(const struct heap_graph *g, const char *named, struct ps_err *err)
{
	struct similar v[SIMILAR_MAX] = { 0 };
	char list[SIMILAR_MAX * (NAME_SHOWN + 2)] = "";
	int n = 0;

	for (uint32_t t = 1; t < g->ntypes; t++)
		keep_similar(g, g->types[t].name, named, v);
	for (int i = 0; i < SIMILAR_MAX && v[i].name; i++) {
		struct profile_text name = heap_graph_text_at(g, v[i].name);

		n += snprintf(list + n, sizeof list - (size_t)n, "%s%.*s", i ? ", " : "",
			      (int)(name.len < NAME_SHOWN ? name.len : NAME_SHOWN - 1), name.at);
	}
	if (n)
		ps_hint(err, "there is %s", list);
	else
		ps_hint(err, "pysample heap summary -n 1000 FILE lists the types");
}

enum ps_status heap_path_find(const struct heap_graph *g, const char *named, struct heap_named *ret,
			      struct ps_err *err)
{
	uint32_t found = HEAP_NONE;
	uint64_t id;

	if (parse_id(named, &id))
		return find_id(g, id, ret, err);
	for (uint32_t t = 1; t < g->ntypes; t++) {
		struct profile_text name = heap_graph_text_at(g, g->types[t].name);

		if (!is_named(name, named))
			continue;
		if (name.len == strlen(named)) { /* in full: no other is meant */
			*ret = (struct heap_named){ HEAP_NONE, g->types[t].name };
			return PS_OK;
		}
		if (found != HEAP_NONE && found != g->types[t].name) {
			ps_fail(err, PS_USAGE, "there are several types that end with '%s'", named);
			hint_similar(g, named, err);
			return PS_USAGE;
		}
		found = g->types[t].name;
	}
	if (found == HEAP_NONE) {
		ps_fail(err, PS_USAGE, "there is no type '%s' in the dump", named);
		hint_similar(g, named, err);
		return PS_USAGE;
	}
	*ret = (struct heap_named){ HEAP_NONE, found };
	return PS_OK;
}

/* --- ways --- */

/* The objects on the way to `to`, the root left out, the first first; up to STEPS_MAX, the
 * last of them. */
static uint32_t collect(const struct heap_routes *r, uint32_t to, uint32_t steps[STEPS_MAX],
			bool *ret_cut)
{
	uint32_t n = 0;

	while (to != HEAP_ROOT && n < STEPS_MAX) {
		steps[n++] = to;
		to = r->parent[to];
	}
	*ret_cut = to != HEAP_ROOT;
	for (uint32_t i = 0; i < n / 2; i++) {
		uint32_t swap = steps[i];

		steps[i] = steps[n - 1 - i];
		steps[n - 1 - i] = swap;
	}
	return n;
}

/* Is it a dict of names? By the way that leads to it. */
static bool leads_to_namespace(const struct heap_path *p, uint32_t o)
{
	uint32_t e = p->shortest->via[o];

	return e != HEAP_NONE && heap_is_namespace_edge(&p->dump->graph, e);
}

static void write_step(const struct heap_path *p, uint32_t from, uint32_t edge, uint32_t to,
		       FILE *out)
{
	const struct heap_graph *g = &p->dump->graph;
	struct heap_step_style style = { leads_to_namespace(p, from), false };
	char what[HEAP_WORDS_MAX], how[HEAP_WORDS_MAX] = "", size[HEAP_BYTES_MAX];

	if (!is_group(g, from) || g->kind[edge] == HEAP_EDGE_LOCAL)
		heap_words_edge(g, edge, style, how);
	heap_words_object(g, to, what);
	if (is_group(g, to))
		fprintf(out, "    %s\n", what);
	else
		fprintf(out, "    %-*s %s  0x%" PRIx64 ", retains %s\n", HOW_WIDTH, how, what,
			g->id[to], heap_words_bytes(p->dominators->retained[to], size));
}

/* "app.cache.items[3]": how a program would write it; nothing if it can't. */
static void write_expression(const struct heap_path *p, const uint32_t *steps, uint32_t n,
			     FILE *out)
{
	const struct heap_graph *g = &p->dump->graph;
	char text[1000];
	size_t len = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t e = p->shortest->via[steps[i]];
		struct heap_step_style style = {
			leads_to_namespace(p, p->shortest->parent[steps[i]]), false
		};
		struct profile_text label;
		char how[HEAP_WORDS_MAX];

		if (e == HEAP_NONE || len + HEAP_WORDS_MAX / 4 > sizeof text)
			return;
		if (is_group(g, steps[i]) || heap_is_namespace_edge(g, e))
			continue;
		label = heap_edge_is_numbered(g->kind[e]) ? (struct profile_text){ "", 0 }
							  : heap_graph_text_at(g, g->label[e]);
		if (len == 0) {
			if (g->kind[e] != HEAP_EDGE_LOCAL && g->kind[e] != HEAP_EDGE_KEY)
				return;
			len = (size_t)snprintf(text, sizeof text, "%.*s",
					       (int)(label.len < 200 ? label.len : 200), label.at);
			continue;
		}
		if (g->kind[e] != HEAP_EDGE_ATTRIBUTE && g->kind[e] != HEAP_EDGE_KEY &&
		    g->kind[e] != HEAP_EDGE_INDEX)
			return;
		if (heap_words_edge(g, e, style, how) > HEAP_WORDS_MAX / 4 - 1)
			return;
		len += (size_t)snprintf(text + len, sizeof text - len, "%s", how);
	}
	if (len)
		fprintf(out, "    that is: %s\n", text);
}

void heap_path_write_steps(const struct heap_path *p, uint32_t to, FILE *out)
{
	uint32_t steps[STEPS_MAX], n;
	bool cut;

	n = collect(p->shortest, to, steps, &cut);
	if (cut)
		fputs("    (what comes before is left out)\n", out);
	for (uint32_t i = 0; i < n; i++)
		write_step(p, p->shortest->parent[steps[i]], p->shortest->via[steps[i]], steps[i],
			   out);
	if (!cut)
		write_expression(p, steps, n, out);
}

/* Is there an edge from one to the other that keeps it? HEAP_NONE: no. */
static uint32_t edge_to(const struct heap_graph *g, uint32_t from, uint32_t to)
{
	for (uint32_t e = g->first[from]; e < g->first[from + 1]; e++) {
		if (g->to[e] == to && heap_graph_keeps(g, e))
			return e;
	}
	return HEAP_NONE;
}

/* Ways whose last step is another one, the shortest first, as breadth first has them. What is
 * reached by the object itself (`behind`, by object) leads no way to it. */
static void write_others(const struct heap_path *p, uint32_t object, uint8_t *behind, FILE *out)
{
	const struct heap_graph *g = &p->dump->graph;
	const struct heap_routes *r = p->shortest;
	uint32_t left = p->limit - 1;

	for (uint32_t i = 0; i < r->n && left; i++) {
		uint32_t o = r->order[i], e;

		behind[o] = o == object || (o != HEAP_ROOT && behind[r->parent[o]]);
		if (behind[o] || o == r->parent[object])
			continue;
		e = edge_to(g, o, object);
		if (e == HEAP_NONE)
			continue;
		fputs("\n  and by\n", out);
		heap_path_write_steps(p, o, out);
		write_step(p, o, e, object, out);
		left--;
	}
}

static void write_title(const struct heap_path *p, uint32_t object, FILE *out)
{
	const struct heap_graph *g = &p->dump->graph;
	struct profile_text name = heap_graph_text_at(g, g->name[object]);
	enum heap_category c = g->types[g->type[object]].category;
	char what[HEAP_WORDS_MAX], size[HEAP_BYTES_MAX], retained[HEAP_BYTES_MAX];

	heap_words_object(g, object, what);
	fprintf(out, "%s 0x%" PRIx64 ", %s, retains %s\n", what, g->id[object],
		heap_words_bytes(g->size[object], size),
		heap_words_bytes(p->dominators->retained[object], retained));
	if (name.len && (c == HEAP_STRING || c == HEAP_NUMBER || c == HEAP_OBJECT))
		fprintf(out, "  its value: %.*s\n", (int)name.len, name.at);
}

enum ps_status heap_path_write_object(const struct heap_path *p, uint32_t object, FILE *out)
{
	struct arena scratch;
	uint8_t *behind;
	enum ps_status st;

	write_title(p, object, out);
	fputs("\n  the shortest way from a root\n", out);
	heap_path_write_steps(p, object, out);
	if (p->limit <= 1)
		return PS_OK;
	arena_init(&scratch, &p->dump->graph.mem);
	st = arena_take(&scratch, p->dump->graph.nobjects, (void **)&behind);
	if (!st)
		write_others(p, object, behind, out);
	arena_deinit(&scratch);
	return st;
}

/* --- a type --- */

/* Objects of the type whose ways look alike. */
struct alike {
	uint32_t pattern, example; /* the one that retains most */
	uint64_t count, size;
};

static int by_count(const void *a, const void *b)
{
	const struct alike *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->pattern < y->pattern ? -1 : x->pattern > y->pattern;
}

static uint32_t count_alike(const struct heap_path *p, uint32_t type, const uint32_t *pattern_of,
			    struct alike *v, uint32_t n)
{
	const struct heap_graph *g = &p->dump->graph;
	uint32_t used = 0;

	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct alike){ .pattern = i };
	for (uint32_t o = 1; o < g->nobjects; o++) {
		struct alike *a = &v[pattern_of[o]];

		if (g->types[g->type[o]].name != type || is_group(g, o))
			continue;
		if (!a->count || p->dominators->retained[o] > p->dominators->retained[a->example])
			a->example = o;
		a->count++;
		a->size += g->size[o];
	}
	for (uint32_t i = 0; i < n; i++) {
		if (v[i].count)
			v[used++] = v[i];
	}
	qsort(v, used, sizeof *v, by_count);
	return used;
}

static void write_alike(const struct heap_path *p, struct profile_text type, const struct alike *v,
			uint32_t n, FILE *out)
{
	uint64_t all = 0;
	char size[HEAP_BYTES_MAX];

	for (uint32_t i = 0; i < n; i++)
		all += v[i].count;
	fprintf(out, "%" PRIu64 " object%s of %.*s\n", all, all == 1 ? "" : "s", (int)type.len,
		type.at);
	for (uint32_t i = 0; i < n && i < p->limit; i++) {
		fprintf(out, "\n  %" PRIu64 " of them, %s, %s:\n", v[i].count,
			heap_words_bytes(v[i].size, size),
			v[i].count == 1 ? "in this way" : "in ways like this one");
		heap_path_write_steps(p, v[i].example, out);
	}
	if (n > p->limit)
		fprintf(out, "\n  and in %u more way%s\n", n - p->limit,
			n - p->limit == 1 ? "" : "s");
}

static enum ps_status write_type(const struct heap_path *p, uint32_t type,
				 struct heap_patterns *patterns, struct arena *scratch, FILE *out)
{
	const struct heap_graph *g = &p->dump->graph;
	uint32_t *pattern_of, n;
	struct alike *v;

	PS_TRY(arena_take(scratch, g->nobjects * sizeof *pattern_of, (void **)&pattern_of));
	PS_TRY(heap_patterns_add(patterns, g, p->shortest, 0, pattern_of));
	PS_TRY(arena_take(scratch, patterns->n * sizeof *v, (void **)&v));
	n = count_alike(p, type, pattern_of, v, patterns->n);
	write_alike(p, heap_graph_text_at(g, type), v, n, out);
	return PS_OK;
}

enum ps_status heap_path_write_type(const struct heap_path *p, uint32_t type, FILE *out)
{
	struct mem *m = &p->dump->graph.mem;
	struct heap_patterns patterns;
	struct arena scratch;
	enum ps_status st = heap_patterns_init(&patterns, m->max - m->used);

	arena_init(&scratch, &patterns.mem);
	if (!st)
		st = write_type(p, type, &patterns, &scratch, out);
	arena_deinit(&scratch);
	heap_patterns_deinit(&patterns);
	return st;
}
