/* SPDX-License-Identifier: MIT */
#include "profiler/heap_summary.h"

#include "output/json.h"
#include "profiler/heap_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LARGEST = 8 };

static uint64_t value_of(const struct heap_class *c, enum heap_order order)
{
	return order == HEAP_BY_RETAINED ? c->retained : order == HEAP_BY_SIZE ? c->size : c->count;
}

static int compare(const void *a, const void *b, void *order)
{
	const struct heap_class *x = a, *y = b;
	uint64_t v = value_of(x, *(enum heap_order *)order);
	uint64_t w = value_of(y, *(enum heap_order *)order);

	if (v != w)
		return v < w ? 1 : -1;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* Objects that nothing keeps but the root and its groups. */
static bool is_on_top(const struct heap_graph *g, const struct heap_dominators *d, uint32_t o)
{
	return g->types[g->type[o]].category != HEAP_GROUP &&
	       g->types[g->type[d->of[o]]].category == HEAP_GROUP;
}

static enum ps_status find_largest(struct heap_summary *s)
{
	const struct heap_graph *g = &s->dump->graph;
	const uint64_t *retained = s->dominators->retained;

	s->largest = malloc(LARGEST * sizeof *s->largest);
	if (!s->largest)
		return PS_NOMEM;
	for (uint32_t o = 1; o < g->nobjects; o++) {
		uint32_t i = s->nlargest;

		if (!is_on_top(g, s->dominators, o))
			continue;
		while (i && retained[s->largest[i - 1]] < retained[o])
			i--;
		if (i == LARGEST)
			continue;
		if (s->nlargest < LARGEST)
			s->nlargest++;
		memmove(s->largest + i + 1, s->largest + i,
			(s->nlargest - 1 - i) * sizeof *s->largest);
		s->largest[i] = o;
	}
	return PS_OK;
}

enum ps_status heap_summary_make(struct heap_dump *dump, const struct heap_dominators *d,
				 enum heap_order order, uint32_t limit, struct heap_summary *ret)
{
	struct heap_summary s = { .dump = dump, .dominators = d, .limit = limit };
	enum ps_status st;

	*ret = (struct heap_summary){ 0 };
	PS_TRY(heap_classes_count(&dump->graph, d, &s.classes));
	qsort_r(s.classes.v, s.classes.n, sizeof *s.classes.v, compare, &order);
	st = find_largest(&s);
	if (st)
		heap_classes_deinit(&s.classes);
	else
		*ret = s;
	return st;
}

void heap_summary_deinit(struct heap_summary *s)
{
	heap_classes_deinit(&s->classes);
	free(s->largest);
	*s = (struct heap_summary){ 0 };
}

/* --- text --- */

static void put_text(struct profile_text t, FILE *out)
{
	fwrite(t.at, 1, t.len, out);
}

/* sys.version begins with the version and goes on with the build. */
static struct profile_text first_word(struct profile_text t)
{
	const char *blank = t.len ? memchr(t.at, ' ', t.len) : NULL;

	return (struct profile_text){ t.at, blank ? (uint32_t)(blank - t.at) : t.len };
}

void heap_summary_write_title(const struct heap_dump *dump, FILE *out)
{
	const struct heap_facts *f = &dump->facts;
	struct profile_text name = heap_graph_text_at(&dump->graph, f->implementation);
	time_t when = (time_t)(f->time_ns / 1000000000);
	struct tm tm = { 0 };
	char stamp[64] = "";

	localtime_r(&when, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
	if (name.len == 7 && memcmp(name.at, "cpython", 7) == 0)
		name.at = "CPython";
	put_text(name, out);
	putc(' ', out);
	put_text(first_word(heap_graph_text_at(&dump->graph, f->version)), out);
	fprintf(out, ", process %" PRIu64 ", %s\n", f->pid, stamp);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void write_classes(const struct heap_summary *s, FILE *out)
{
	uint64_t all = s->dominators->retained[HEAP_ROOT];
	char size[HEAP_BYTES_MAX], retained[HEAP_BYTES_MAX];

	fputs("\n     COUNT        SIZE    RETAINED   OF ALL  TYPE\n", out);
	for (uint32_t i = 0; i < s->classes.n && i < s->limit; i++) {
		const struct heap_class *c = &s->classes.v[i];

		fprintf(out, "%10" PRIu64 "  %10s  %10s  %5.1f %%  ", c->count,
			heap_words_bytes(c->size, size), heap_words_bytes(c->retained, retained),
			percent(c->retained, all));
		put_text(heap_graph_text_at(&s->dump->graph, c->name), out);
		putc('\n', out);
	}
	if (s->classes.n > s->limit)
		fprintf(out, "%10s  and %u more types\n", "", s->classes.n - s->limit);
}

static void write_largest(const struct heap_summary *s, FILE *out)
{
	const struct heap_graph *g = &s->dump->graph;

	fputs("\n  RETAINED   OF ALL  OBJECTS THAT NO OTHER ONE KEEPS\n", out);
	for (uint32_t i = 0; i < s->nlargest; i++) {
		uint32_t o = s->largest[i];
		uint64_t retained = s->dominators->retained[o];
		char what[HEAP_WORDS_MAX], size[HEAP_BYTES_MAX];

		heap_words_object(g, o, what);
		fprintf(out, "%10s  %5.1f %%  %s 0x%" PRIx64 "\n", heap_words_bytes(retained, size),
			percent(retained, s->dominators->retained[HEAP_ROOT]), what, g->id[o]);
	}
}

void heap_summary_write(const struct heap_summary *s, FILE *out)
{
	const struct heap_facts *f = &s->dump->facts;
	char size[HEAP_BYTES_MAX];

	heap_summary_write_title(s->dump, out);
	fprintf(out, "%" PRIu64 " objects, %s, %" PRIu64 " thread%s\n", f->objects,
		heap_words_bytes(f->size, size), f->threads, f->threads == 1 ? "" : "s");
	write_classes(s, out);
	write_largest(s, out);
}

/* --- JSON --- */

static void json_number(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_uint(j, v);
}

void heap_summary_write_json(const struct heap_summary *s, FILE *out)
{
	const struct heap_graph *g = &s->dump->graph;
	const struct heap_facts *f = &s->dump->facts;
	struct json j = { .out = out };

	json_open(&j, '{');
	json_number(&j, "pid", f->pid);
	json_number(&j, "time_ns", f->time_ns);
	json_key(&j, "implementation");
	json_text(&j, heap_graph_text_at(g, f->implementation));
	json_key(&j, "python");
	json_text(&j, heap_graph_text_at(g, f->version));
	json_number(&j, "objects", f->objects);
	json_number(&j, "size", f->size);
	json_number(&j, "threads", f->threads);
	json_number(&j, "edges_left_out", f->lost_edges);
	json_key(&j, "problems");
	json_open(&j, '[');
	for (uint64_t i = 0; i < f->problems && i < HEAP_PROBLEMS_MAX; i++)
		json_text(&j, heap_graph_text_at(g, f->problem[i]));
	json_close(&j, ']');
	json_key(&j, "types");
	json_open(&j, '[');
	for (uint32_t i = 0; i < s->classes.n; i++) {
		const struct heap_class *c = &s->classes.v[i];

		json_open(&j, '{');
		json_key(&j, "type");
		json_text(&j, heap_graph_text_at(g, c->name));
		json_number(&j, "count", c->count);
		json_number(&j, "size", c->size);
		json_number(&j, "retained", c->retained);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putc('\n', out);
}
