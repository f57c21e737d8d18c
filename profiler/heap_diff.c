/* SPDX-License-Identifier: MIT */
#include "profiler/heap_diff.h"

#include "profiler/heap_path.h"
#include "profiler/heap_summary.h"
#include "profiler/heap_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BEFORE, AFTER };

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

/* The patterns from the root; `gap` is set if a step is not an edge. */
static bool write_pattern(const struct heap_patterns *p, uint32_t i, FILE *out)
{
	uint32_t steps[HEAP_PATTERN_DEPTH + 1], n = 0;
	bool gap = false;

	for (; i && n <= HEAP_PATTERN_DEPTH; i = p->v[i].parent)
		steps[n++] = i;
	while (n) {
		struct profile_text how = heap_pattern_how(p, steps[--n]);
		struct profile_text what = heap_pattern_what(p, steps[n]);

		gap |= how.len == 2 && memcmp(how.at, "..", 2) == 0;
		fprintf(out, "    %-20.*s %.*s\n", (int)how.len, how.at, (int)what.len, what.at);
	}
	return gap;
}

static void write_growth(const struct heap_patterns *p, const struct growth *g,
			 const struct heap_path *path, FILE *out)
{
	uint32_t example = p->v[g->pattern].side[AFTER].example;
	char size[HEAP_BYTES_MAX];

	heap_words_bytes((uint64_t)g->size, size);
	if (g->count)
		fprintf(out, "\n  +%s in %" PRId64 " more objects, with what they alone keep:\n",
			size, g->count);
	else
		fprintf(out, "\n  +%s: as many objects as before, but larger\n", size);
	if (!write_pattern(p, g->pattern, out) || example == HEAP_NONE)
		return;
	fputs("  several things keep these; the shortest way to one of them:\n", out);
	heap_path_write_steps(path, example, out);
}

static void write_growths(const struct heap_patterns *p, const struct growth *v, uint32_t n,
			  uint32_t limit, const struct heap_path *path, FILE *out)
{
	if (n)
		fputs("\nWhere it grew, and what keeps it\n", out);
	/* After the first, what is less than a hundredth of it is noise. */
	for (uint32_t i = 0; i < n && i < limit; i++) {
		if (v[i].size < v[0].size / 100)
			limit = i;
		else
			write_growth(p, &v[i], path, out);
	}
	if (n > limit)
		fprintf(out, "\n  and in %u more places, less in each\n", n - limit);
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
	else if (a->time_ns > b->time_ns)
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

static enum ps_status write_places(struct heap_patterns *p, uint32_t limit,
				   const struct heap_path *path, FILE *out)
{
	struct arena scratch;
	struct growth *v = NULL;
	uint8_t *covered = NULL;
	enum ps_status st;

	arena_init(&scratch, &p->mem);
	st = arena_take(&scratch, p->n * sizeof *v, (void **)&v);
	if (!st)
		st = arena_take(&scratch, p->n, (void **)&covered);
	if (!st)
		write_growths(p, v, find_growths(p, v, covered), limit, path, out);
	arena_deinit(&scratch);
	return st;
}

static enum ps_status add_side(struct heap_patterns *p, const struct heap_diff_side *s, int number)
{
	struct heap_routes routes;
	enum ps_status st;

	PS_TRY(heap_routes_dominating(&s->dump->graph, s->dominators, &routes));
	st = heap_patterns_add(p, &s->dump->graph, &routes, (unsigned)number, NULL);
	heap_routes_deinit(&routes);
	return st;
}

static enum ps_status write_with(struct heap_patterns *p,
				 const struct heap_diff_side side[HEAP_SIDES], uint32_t limit,
				 FILE *out)
{
	struct heap_path path = { side[AFTER].dump, side[AFTER].dominators, NULL, 1 };
	struct heap_routes shortest;
	enum ps_status st;

	write_title(side, out);
	PS_TRY(write_types(side, limit, &p->mem, out));
	for (int s = 0; s < HEAP_SIDES; s++)
		PS_TRY(add_side(p, &side[s], s));
	PS_TRY(heap_routes_shortest(&side[AFTER].dump->graph, &shortest));
	path.shortest = &shortest;
	st = write_places(p, limit < 5 ? limit : 5, &path, out);
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
