/* SPDX-License-Identifier: MIT */
#include "profiler/heap_reader.h"

enum { FORM_FIXED = 1, FORM_COUNTED, FORM_NAMED, NFORMS };
enum { FIXED = 1 << FORM_FIXED, COUNTED = 1 << FORM_COUNTED, NAMED = 1 << FORM_NAMED };
enum { TEXTS_FOLLOW = 1, NO_TEXT = 0xffffffff };
/* No process has an address space of that many bytes. */
#define SIZES_MAX ((uint64_t)1 << 56)

/* By the format's kind of edge: what it may come as, and what it is to us. */
static const struct {
	unsigned forms;
	enum heap_edge_kind kind;
} edge_kinds[] = {
	[1] = { FIXED | NAMED, HEAP_EDGE_ATTRIBUTE },
	[2] = { NAMED, HEAP_EDGE_KEY },
	[3] = { COUNTED, HEAP_EDGE_INDEX },
	[4] = { NAMED, HEAP_EDGE_LOCAL },
	[5] = { NAMED, HEAP_EDGE_CELL },
	[6] = { FIXED | NAMED, HEAP_EDGE_WEAK },
	[7] = { FIXED | COUNTED | NAMED, HEAP_EDGE_INTERNAL },
	[8] = { COUNTED, HEAP_EDGE_ELEMENT },
};
enum { NKINDS = sizeof edge_kinds / sizeof *edge_kinds };

struct group {
	enum heap_edge_kind kind;
	uint32_t form;
	uint64_t total; /* for FIXED: edges of each object */
	uint64_t first; /* index of the first edge */
};

static enum ps_status take_group(struct heap_reader *r, struct heap_cursor *c, struct group *ret)
{
	uint32_t kind, form;

	heap_take_u32s(c, &kind, &form);
	ret->total = heap_take_u64(c);
	if (c->bad)
		return heap_reader_check(r, c);
	if (kind >= NKINDS || form >= NFORMS || !(edge_kinds[kind].forms >> form & 1))
		return heap_reader_fail(r, "edges of a kind or form that there is not");
	if (ret->total > HEAP_CHUNK_TARGETS)
		return heap_reader_fail(r, "more edges than a chunk may have");
	ret->kind = edge_kinds[kind].kind;
	ret->form = form;
	return PS_OK;
}

/* An edge with the name that it has, or else a number. */
static enum ps_status put_named(struct heap_reader *r, uint32_t from, enum heap_edge_kind kind,
				uint64_t name, uint64_t target)
{
	uint32_t label = 0;

	if (!target)
		return PS_OK;
	if (kind == HEAP_EDGE_WEAK && !name)
		name = HEAP_WORD_WEAK;
	if (r->pass == HEAP_FILL && name)
		PS_TRY(heap_reader_name(r, name, &label));
	if (!name)
		kind = HEAP_EDGE_UNNAMED;
	PS_TRY(heap_reader_edge(r, from, kind, label, target));
	if (kind == HEAP_EDGE_KEY && name >= HEAP_FIRST_ID)
		return heap_reader_edge(r, from, HEAP_EDGE_KEY_ITSELF, label, name);
	return PS_OK;
}

static enum ps_status read_fixed(struct heap_reader *r, struct heap_cursor *c, struct group g,
				 uint32_t n)
{
	struct heap_words names = heap_take64(c, g.total);

	if (g.total > HEAP_CHUNK_TARGETS / n)
		return heap_reader_fail(r, "more edges than a chunk may have");
	for (uint64_t k = 0; k < g.total && !c->bad; k++) {
		struct heap_words targets = heap_take64(c, n);

		for (uint32_t i = 0; i < n && !c->bad; i++) {
			if (r->met[i] != HEAP_NONE)
				PS_TRY(put_named(r, r->met[i], g.kind, heap_word64(names, k),
						 heap_word64(targets, i)));
		}
	}
	r->told_targets += g.total * n;
	return heap_reader_check(r, c);
}

/* The edges of one object among those of a group. names.at is NULL for COUNTED. */
static enum ps_status put_run(struct heap_reader *r, uint32_t from, struct group g,
			      struct heap_words names, struct heap_words targets)
{
	enum heap_edge_kind kind = g.kind == HEAP_EDGE_INTERNAL ? HEAP_EDGE_UNNAMED : g.kind;

	for (uint64_t j = 0; j < g.total; j++) {
		uint64_t target = heap_word64(targets, j);

		if (names.at)
			PS_TRY(put_named(r, from, g.kind, heap_word64(names, j), target));
		else
			PS_TRY(heap_reader_edge(r, from, kind, (uint32_t)(g.first + j), target));
	}
	return PS_OK;
}

static struct heap_words words_from(struct heap_words w, uint64_t i)
{
	return (struct heap_words){ w.at ? w.at + 8 * i : NULL };
}

static enum ps_status read_counted(struct heap_reader *r, struct heap_cursor *c, struct group g,
				   uint32_t n)
{
	struct heap_words counts = heap_take32(c, n), names = { NULL }, targets;
	uint64_t at = 0;

	if (g.form == FORM_NAMED)
		names = heap_take64(c, g.total);
	targets = heap_take64(c, g.total);
	if (c->bad)
		return heap_reader_check(r, c);
	for (uint32_t i = 0; i < n; i++) {
		struct group own = { g.kind, g.form, heap_word32(counts, i), 0 };

		if (own.total > g.total - at)
			break;
		if (r->met[i] != HEAP_NONE)
			PS_TRY(put_run(r, r->met[i], own, words_from(names, at),
				       words_from(targets, at)));
		at += own.total;
		if (i == n - 1 && at == g.total) {
			r->told_targets += g.total;
			return PS_OK;
		}
	}
	return heap_reader_fail(r, "counts of edges that do not add up");
}

/* --- the objects --- */

struct sizes {
	uint32_t width;
	struct heap_words words;
};

static uint64_t size_of(const struct sizes *s, uint32_t i)
{
	return s->width == 0   ? heap_word64(s->words, 0)
	       : s->width == 4 ? heap_word32(s->words, i)
			       : heap_word64(s->words, i);
}

static enum ps_status meet(struct heap_reader *r, struct heap_object o, uint32_t *ret)
{
	*ret = HEAP_NONE;
	if (r->pass == HEAP_FILL) {
		if (r->object < r->first_group && r->graph->id[r->object] == o.id)
			*ret = r->object++;
		return PS_OK;
	}
	if (o.id < HEAP_FIRST_ID)
		return heap_reader_fail(r, "an object whose id is none");
	if (heap_ids_find(&r->objects, o.id) != HEAP_IDS_NONE) {
		r->dump->facts.told_again++;
		return PS_OK;
	}
	PS_TRY(heap_ids_add(&r->objects, o.id, r->graph->nobjects));
	*ret = r->graph->nobjects;
	r->dump->facts.objects++;
	/* Sums must not wrap, whatever is told, nor be more than can be counted in parts. */
	if (o.size > SIZES_MAX - r->dump->facts.size)
		return heap_reader_fail(r, "sizes beyond all memory");
	r->dump->facts.size += o.size;
	return heap_reader_object(r, o);
}

static enum ps_status meet_all(struct heap_reader *r, struct heap_cursor *c, uint32_t type,
			       uint32_t width, uint32_t n)
{
	struct heap_words ids = heap_take64(c, n);
	struct sizes sizes = { .width = width };

	if (width != 0 && width != 4 && width != 8)
		return heap_reader_fail(r, "sizes of a width that there is not");
	sizes.words = width == 4 ? heap_take32(c, n) : heap_take64(c, width ? n : 1);
	PS_TRY(heap_reader_check(r, c));
	for (uint32_t i = 0; i < n; i++)
		PS_TRY(meet(r,
			    (struct heap_object){ .id = heap_word64(ids, i),
						  .size = size_of(&sizes, i),
						  .type = type },
			    &r->met[i]));
	return PS_OK;
}

static enum ps_status read_texts(struct heap_reader *r, struct heap_cursor *c, uint32_t n)
{
	struct heap_words lengths = heap_take32(c, n);
	uint64_t total = 0, at = 0;
	const unsigned char *bytes;

	PS_TRY(heap_reader_check(r, c));
	for (uint32_t i = 0; i < n; i++)
		total += heap_word32(lengths, i) == NO_TEXT ? 0 : heap_word32(lengths, i);
	bytes = heap_take_bytes(c, total);
	PS_TRY(heap_reader_check(r, c));
	for (uint32_t i = 0; i < n && r->pass == HEAP_SCAN; i++) {
		uint32_t len = heap_word32(lengths, i), text;

		if (len == NO_TEXT)
			continue;
		if (r->met[i] != HEAP_NONE) {
			PS_TRY(heap_reader_text(r, bytes + at, len, &text));
			r->graph->name[r->met[i]] = text;
		}
		at += len;
	}
	return PS_OK;
}

enum ps_status heap_read_objects(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	uint64_t type_id = heap_take_u64(c), n = heap_take_u64(c);
	uint32_t groups, width, type = heap_ids_find(&r->types, type_id);

	heap_take_u32s(c, &groups, &width);
	PS_TRY(heap_reader_check(r, c));
	if (type == HEAP_IDS_NONE)
		return heap_reader_fail(r, "objects of a type that was not told");
	if (n == 0 || n > HEAP_CHUNK_OBJECTS)
		return heap_reader_fail(r, "a number of objects that a chunk can't have");
	PS_TRY(meet_all(r, c, type, width, (uint32_t)n));
	for (uint32_t g = 0; g < groups; g++) {
		struct group group = { 0 };

		PS_TRY(take_group(r, c, &group));
		PS_TRY(group.form == FORM_FIXED ? read_fixed(r, c, group, (uint32_t)n)
						: read_counted(r, c, group, (uint32_t)n));
	}
	for (uint32_t i = 0; i < n; i++) {
		if (r->met[i] != HEAP_NONE)
			PS_TRY(put_named(r, r->met[i], HEAP_EDGE_INTERNAL, HEAP_WORD_CLASS,
					 type_id));
	}
	r->told_objects += n;
	return flags & TEXTS_FOLLOW ? read_texts(r, c, (uint32_t)n) : PS_OK;
}

enum ps_status heap_read_more(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	uint32_t object = heap_ids_find(&r->objects, heap_take_u64(c));
	uint64_t first = heap_take_u64(c);
	struct heap_words names = { NULL }, targets;
	struct group g;

	(void)flags;
	PS_TRY(take_group(r, c, &g));
	if (g.form == FORM_FIXED)
		return heap_reader_fail(r, "further edges of a kind or form that there is not");
	if (object == HEAP_IDS_NONE)
		return heap_reader_fail(r, "further edges of an object that was not told");
	if (g.form == FORM_NAMED)
		names = heap_take64(c, g.total);
	targets = heap_take64(c, g.total);
	PS_TRY(heap_reader_check(r, c));
	g.first = first;
	r->told_targets += g.total;
	return put_run(r, object, g, names, targets);
}
