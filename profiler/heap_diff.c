/* SPDX-License-Identifier: MIT */
#include "profiler/heap_diff.h"

#include "profiler/heap_ids.h"
#include "profiler/heap_path.h"
#include "profiler/heap_summary.h"
#include "profiler/heap_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BEFORE, AFTER };
enum { PLACES = 5 }; /* that are told at most: one is to be found in one look */

static int64_t change(uint64_t before, uint64_t after)
{
	return (int64_t)(after - before);
}

/* --- types --- */

struct class_change {
	struct profile_text name;
	struct heap_class side[HEAP_SIDES];
};

static int by_name(const void *a, const void *b)
{
	const struct class_change *x = a, *y = b;
	uint32_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
	int c = n ? memcmp(x->name.at, y->name.at, n) : 0;

	return c ? c : x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
}

static int by_growth(const void *a, const void *b)
{
	const struct class_change *x = a, *y = b;
	int64_t v = change(x->side[BEFORE].size, x->side[AFTER].size);
	int64_t w = change(y->side[BEFORE].size, y->side[AFTER].size);

	return v != w ? (v < w ? 1 : -1) : by_name(a, b);
}

static enum ps_status count_classes(const struct heap_diff_side side[HEAP_SIDES],
				    struct heap_classes classes[HEAP_SIDES])
{
	for (int s = 0; s < HEAP_SIDES; s++)
		PS_TRY(heap_classes_count(&side[s].dump->graph, side[s].dominators, &classes[s]));
	return PS_OK;
}

/* Both sides' types, each once: sorted by name, equal neighbours become one. */
static uint32_t join(const struct heap_diff_side side[HEAP_SIDES],
		     const struct heap_classes classes[HEAP_SIDES], struct class_change *v)
{
	uint32_t n = 0, joined = 0;

	for (int s = 0; s < HEAP_SIDES; s++) {
		for (uint32_t i = 0; i < classes[s].n; i++) {
			const struct heap_class *c = &classes[s].v[i];

			v[n] = (struct class_change){ .name = heap_graph_text_at(
							      &side[s].dump->graph, c->name) };
			v[n++].side[s] = *c;
		}
	}
	qsort(v, n, sizeof *v, by_name);
	for (uint32_t i = 0; i < n; i++) {
		if (joined && by_name(&v[joined - 1], &v[i]) == 0) {
			int s = v[i].side[AFTER].count ? AFTER : BEFORE;

			v[joined - 1].side[s] = v[i].side[s];
		} else {
			v[joined++] = v[i];
		}
	}
	qsort(v, joined, sizeof *v, by_growth);
	return joined;
}

static void write_class(const struct class_change *c, FILE *out)
{
	char size[HEAP_BYTES_MAX], retained[HEAP_BYTES_MAX];

	fprintf(out, "%+10" PRId64 "  %11s  %11s  %10" PRIu64 "  %.*s\n",
		change(c->side[BEFORE].count, c->side[AFTER].count),
		heap_words_change(c->side[BEFORE].size, c->side[AFTER].size, size),
		heap_words_change(c->side[BEFORE].retained, c->side[AFTER].retained, retained),
		c->side[AFTER].count, (int)c->name.len, c->name.at);
}

static void write_classes(const struct class_change *v, uint32_t n, uint32_t limit, FILE *out)
{
	uint32_t grown = 0;

	while (grown < n && change(v[grown].side[BEFORE].size, v[grown].side[AFTER].size) > 0)
		grown++;
	if (!grown) {
		fputs("\nNo type has grown.\n", out);
		return;
	}
	fputs("\n     COUNT         SIZE     RETAINED         NOW  TYPES THAT GREW\n", out);
	for (uint32_t i = 0; i < grown && i < limit; i++)
		write_class(&v[i], out);
	if (grown > limit)
		fprintf(out, "%10s  and %u more\n", "", grown - limit);
}

/* --- what keeps it --- */

struct growth {
	uint32_t pattern;
	int64_t count, size; /* objects there; bytes there and below */
};

static int64_t count_change(const struct heap_pattern *v)
{
	return change(v->side[BEFORE].count, v->side[AFTER].count);
}

static bool is_growth(const struct heap_patterns *p, uint32_t i)
{
	const struct heap_pattern *v = &p->v[i];
	int64_t here = count_change(v), above = count_change(&p->v[v->parent]);

	if (change(v->side[BEFORE].below, v->side[AFTER].below) <= 0)
		return false;
	if (here <= 0)
		return here == 0 && v->side[AFTER].size > v->side[BEFORE].size;
	return here > 2 * (above > 0 ? above : 0);
}

/* The bytes by which something grew: those there and below, or if there are no more objects,
 * those of these objects alone, for what they hold is found further below. */
static int64_t size_of(const struct heap_pattern *v)
{
	return count_change(v) ? change(v->side[BEFORE].below, v->side[AFTER].below)
			       : change(v->side[BEFORE].size, v->side[AFTER].size);
}

static int by_size(const void *a, const void *b)
{
	const struct growth *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->pattern < y->pattern ? -1 : x->pattern > y->pattern;
}

/* Below one with more objects there are only parts of these: covered[] says so. */
static uint32_t find_growths(const struct heap_patterns *p, struct growth *v, uint8_t *covered)
{
	uint32_t n = 0;

	covered[0] = false;
	for (uint32_t i = 1; i < p->n; i++) {
		covered[i] = covered[p->v[i].parent];
		if (covered[i] || !is_growth(p, i))
			continue;
		v[n++] = (struct growth){ i, count_change(&p->v[i]), size_of(&p->v[i]) };
		covered[i] = count_change(&p->v[i]) > 0;
	}
	qsort(v, n, sizeof *v, by_size);
	return n;
}

/* The patterns from the root. True: of some it is not said what keeps them. */
static bool write_pattern(const struct heap_patterns *p, uint32_t i, FILE *out)
{
	uint32_t steps[HEAP_PATTERN_DEPTH + 1], n = 0;
	bool vague = false;

	for (; i && n <= HEAP_PATTERN_DEPTH; i = p->v[i].parent)
		steps[n++] = i;
	while (n) {
		struct profile_text how = heap_pattern_how(p, steps[--n]);
		struct profile_text what = heap_pattern_what(p, steps[n]);

		if (p->v[steps[n]].vague)
			how = (struct profile_text){ "..", 2 };
		vague |= p->v[steps[n]].vague;
		fprintf(out, "    %-20.*s %.*s\n", (int)how.len, how.at, (int)what.len, what.at);
	}
	return vague;
}

/* What is needed to tell of a growth. */
struct places {
	struct heap_patterns *patterns;
	const struct heap_diff_side *side;
	uint32_t *pattern_of;   /* by object of the later dump */
	uint8_t *inside;        /* by pattern */
	struct heap_ids before; /* the ids of the earlier one */
	struct heap_path path;
};

/* Of the objects there, one that is new if there is any, and of these the one that retains
 * most. An id may have been used again, but not often. */
static uint32_t find_example(const struct places *p, uint32_t pattern)
{
	const struct heap_graph *g = &p->side[AFTER].dump->graph;
	const uint64_t *retained = p->side[AFTER].dominators->retained;
	uint32_t best = HEAP_NONE;
	bool best_is_new = false;

	for (uint32_t o = 1; o < g->nobjects; o++) {
		bool is_new;

		if (p->pattern_of[o] != pattern)
			continue;
		is_new = heap_ids_find(&p->before, g->id[o]) == HEAP_IDS_NONE;
		if (best == HEAP_NONE || is_new > best_is_new ||
		    (is_new == best_is_new && retained[o] > retained[best])) {
			best = o;
			best_is_new = is_new;
		}
	}
	return best;
}

/* Of what is kept by those the largest part that became many further below. */
static void write_inner(const struct places *p, uint32_t pattern, FILE *out)
{
	const struct heap_pattern *v = p->patterns->v;
	uint32_t best = HEAP_NONE;
	struct profile_text what;
	char size[HEAP_BYTES_MAX];

	memset(p->inside, 0, p->patterns->n);
	p->inside[pattern] = true;
	for (uint32_t i = pattern + 1; i < p->patterns->n; i++) {
		p->inside[i] = p->inside[v[i].parent];
		if (p->inside[i] && is_growth(p->patterns, i) && count_change(&v[i]) > 0 &&
		    (best == HEAP_NONE || size_of(&v[i]) > size_of(&v[best])))
			best = i;
	}
	if (best == HEAP_NONE || size_of(&v[best]) < size_of(&v[pattern]) / 4)
		return;
	what = heap_pattern_what(p->patterns, best);
	fprintf(out, "  of that, %s in %" PRId64 " more of %.*s\n",
		heap_words_bytes((uint64_t)size_of(&v[best]), size), count_change(&v[best]),
		(int)what.len, what.at);
}

static void write_growth(const struct places *p, const struct growth *g, FILE *out)
{
	uint32_t example;
	char size[HEAP_BYTES_MAX];
	bool vague;

	heap_words_bytes((uint64_t)g->size, size);
	if (g->count)
		fprintf(out, "\n  +%s in %" PRId64 " more object%s, with what they alone keep:\n",
			size, g->count, g->count == 1 ? "" : "s");
	else
		fprintf(out, "\n  +%s: as many objects as before, but larger\n", size);
	vague = write_pattern(p->patterns, g->pattern, out);
	if (g->count)
		write_inner(p, g->pattern, out);
	example = vague ? find_example(p, g->pattern) : HEAP_NONE;
	if (example == HEAP_NONE)
		return;
	fputs("  several things keep what stands behind ..; the shortest way to one of these:\n",
	      out);
	heap_path_write_steps(&p->path, example, out);
}

/* Is it only how the place of another growth grows: the container that holds more objects, or
 * the keys by which it holds them? */
static bool belongs_to(const struct heap_patterns *p, uint32_t pattern, uint32_t other)
{
	struct profile_text how = heap_pattern_how(p, pattern);
	uint32_t holder = p->v[other].parent;

	return pattern == holder ||
	       (p->v[pattern].parent == holder && how.len == 5 && memcmp(how.at, "(key)", 5) == 0);
}

static void write_growths(const struct places *p, const struct growth *v, uint32_t n,
			  uint32_t limit, FILE *out)
{
	uint32_t written[PLACES], nwritten = 0, left_out = 0;

	if (n)
		fputs("\nWhere it grew, and what keeps it\n", out);
	for (uint32_t i = 0; i < n; i++) {
		bool belongs = false;

		for (uint32_t w = 0; w < nwritten; w++)
			belongs |= belongs_to(p->patterns, v[i].pattern, written[w]);
		/* After the first, what is less than a hundredth of it is noise. */
		if (nwritten == limit || v[i].size < v[0].size / 100) {
			left_out += !belongs;
		} else if (!belongs) {
			write_growth(p, &v[i], out);
			written[nwritten++] = v[i].pattern;
		}
	}
	if (left_out)
		fprintf(out, "\n  and in %u more place%s, less in each\n", left_out,
			left_out == 1 ? "" : "s");
}

/* --- all of it --- */

static void write_title(const struct heap_diff_side side[HEAP_SIDES], FILE *out)
{
	const struct heap_facts *a = &side[BEFORE].dump->facts, *b = &side[AFTER].dump->facts;
	char x[HEAP_BYTES_MAX], y[HEAP_BYTES_MAX], d[HEAP_BYTES_MAX];

	fputs("Before: ", out);
	heap_summary_write_title(side[BEFORE].dump, out);
	fputs("After:  ", out);
	heap_summary_write_title(side[AFTER].dump, out);
	if (a->pid != b->pid)
		fputs("These are two processes.\n", out);
	if (a->time_ns > b->time_ns)
		fputs("The first is the later one.\n", out);
	fprintf(out, "%" PRIu64 " objects became %" PRIu64 ", %s became %s (%s)\n", a->objects,
		b->objects, heap_words_bytes(a->size, x), heap_words_bytes(b->size, y),
		heap_words_change(a->size, b->size, d));
}

static enum ps_status write_types(const struct heap_diff_side side[HEAP_SIDES], uint32_t limit,
				  struct mem *m, FILE *out)
{
	struct heap_classes classes[HEAP_SIDES] = { { 0 }, { 0 } };
	struct class_change *v = NULL;
	enum ps_status st = count_classes(side, classes);
	size_t size = (classes[BEFORE].n + classes[AFTER].n + 1) * sizeof *v;

	if (!st)
		st = mem_resize(m, (void **)&v, 0, size);
	if (!st) {
		write_classes(v, join(side, classes, v), limit, out);
		st = mem_resize(m, (void **)&v, size, 0);
	}
	heap_classes_deinit(&classes[BEFORE]);
	heap_classes_deinit(&classes[AFTER]);
	return st;
}

static enum ps_status add_side(struct places *p, int side, uint32_t *pattern_of)
{
	const struct heap_diff_side *s = &p->side[side];
	struct heap_routes routes;
	enum ps_status st;

	PS_TRY(heap_routes_dominating(&s->dump->graph, s->dominators, &routes));
	st = heap_patterns_add(p->patterns, &s->dump->graph, &routes, (unsigned)side, pattern_of);
	heap_routes_deinit(&routes);
	return st;
}

static enum ps_status know_before(struct places *p)
{
	const struct heap_graph *g = &p->side[BEFORE].dump->graph;

	for (uint32_t o = 1; o < g->nobjects; o++) {
		if (heap_ids_find(&p->before, g->id[o]) == HEAP_IDS_NONE)
			PS_TRY(heap_ids_add(&p->before, g->id[o], o));
	}
	return PS_OK;
}

static enum ps_status write_places(struct places *p, uint32_t limit, struct arena *scratch,
				   FILE *out)
{
	size_t objects = p->side[AFTER].dump->graph.nobjects;
	struct growth *v = NULL;
	uint8_t *covered = NULL;

	PS_TRY(arena_take(scratch, objects * sizeof *p->pattern_of, (void **)&p->pattern_of));
	PS_TRY(add_side(p, BEFORE, NULL));
	PS_TRY(add_side(p, AFTER, p->pattern_of));
	PS_TRY(know_before(p));
	PS_TRY(arena_take(scratch, p->patterns->n * sizeof *v, (void **)&v));
	PS_TRY(arena_take(scratch, p->patterns->n, (void **)&covered));
	PS_TRY(arena_take(scratch, p->patterns->n, (void **)&p->inside));
	write_growths(p, v, find_growths(p->patterns, v, covered), limit, out);
	return PS_OK;
}

static enum ps_status write_with(struct heap_patterns *patterns,
				 const struct heap_diff_side side[HEAP_SIDES], uint32_t limit,
				 FILE *out)
{
	struct places p = { .patterns = patterns,
			    .side = side,
			    .path = { side[AFTER].dump, side[AFTER].dominators, NULL, 1 } };
	struct heap_routes shortest;
	struct arena scratch;
	enum ps_status st;

	write_title(side, out);
	PS_TRY(write_types(side, limit, &patterns->mem, out));
	PS_TRY(heap_routes_shortest(&side[AFTER].dump->graph, &shortest));
	p.path.shortest = &shortest;
	arena_init(&scratch, &patterns->mem);
	heap_ids_init(&p.before, &patterns->mem);
	st = write_places(&p, limit < PLACES ? limit : PLACES, &scratch, out);
	heap_ids_deinit(&p.before);
	arena_deinit(&scratch);
	heap_routes_deinit(&shortest);
	return st;
}

enum ps_status heap_diff_write(const struct heap_diff_side side[HEAP_SIDES], uint32_t limit,
			       size_t max_bytes, FILE *out)
{
	struct heap_patterns p;
	enum ps_status st = heap_patterns_init(&p, max_bytes);

	if (!st)
		st = write_with(&p, side, limit, out);
	heap_patterns_deinit(&p);
	return st;
}
