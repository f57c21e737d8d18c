/* SPDX-License-Identifier: MIT */
/* What keeps objects alive without being one: a thread and its frames, the modules, the
 * interpreter. They become objects of the graph, so that whatever looks at it needs not
 * know of them. */
#include "profiler/heap_reader.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROOT_MODULE = 1, ROOT_INTERPRETER, ROOT_STATIC_TYPE, NROOTS };

enum { NGROUPS = HEAP_GROUP_OTHERS - HEAP_GROUP_THREADS };

static const char *const group_names[NGROUPS] = {
	[HEAP_GROUP_THREADS - HEAP_GROUP_THREADS] = "(threads)",
	[HEAP_GROUP_MODULES - HEAP_GROUP_THREADS] = "(modules)",
	[HEAP_GROUP_INTERPRETER - HEAP_GROUP_THREADS] = "(interpreter)",
	[HEAP_GROUP_STATIC_TYPES - HEAP_GROUP_THREADS] = "(static types)",
};

/* By what stands in a ROOTS chunk: the group, and the kind of its edges. */
static const struct {
	enum heap_group group;
	enum heap_edge_kind kind;
} root_kinds[NROOTS] = {
	[ROOT_MODULE] = { HEAP_GROUP_MODULES, HEAP_EDGE_KEY },
	[ROOT_INTERPRETER] = { HEAP_GROUP_INTERPRETER, HEAP_EDGE_INTERNAL },
	[ROOT_STATIC_TYPE] = { HEAP_GROUP_STATIC_TYPES, HEAP_EDGE_INTERNAL },
};

/* Its id is that of heap_group, or one behind them. */
static enum ps_status new_group(struct heap_reader *r, uint32_t name)
{
	uint32_t id = HEAP_GROUP_THREADS + r->graph->nobjects - r->first_group;

	return heap_reader_object(r, (struct heap_object){ .id = id, .name = name });
}

/* From one object to another that are known by their numbers. */
static void link_objects(struct heap_reader *r, uint32_t from, uint32_t label, uint32_t to)
{
	if (r->pass == HEAP_FILL)
		heap_graph_put(r->graph, &r->next[from], HEAP_EDGE_INTERNAL, label, to);
	else
		r->next[from]++;
}

static uint32_t group_object(const struct heap_reader *r, enum heap_group g)
{
	return r->first_group + (uint32_t)g - HEAP_GROUP_THREADS;
}

enum ps_status heap_read_groups(struct heap_reader *r)
{
	if (r->pass == HEAP_ROOTS)
		r->first_group = r->graph->nobjects;
	for (uint32_t i = 0; i < NGROUPS; i++) {
		const unsigned char *name = (const unsigned char *)group_names[i];
		uint32_t text;

		PS_TRY(heap_reader_text(r, name, (uint32_t)strlen(group_names[i]), &text));
		if (r->pass == HEAP_ROOTS)
			PS_TRY(new_group(r, text));
		link_objects(r, HEAP_ROOT, text, r->first_group + i);
	}
	r->group = r->first_group + NGROUPS;
	return PS_OK;
}

/* --- threads --- */

struct thread_chunk {
	uint64_t ident, tid;
	uint32_t name_length, n;
	const unsigned char *name;
	struct heap_words functions, files, lines, frames, codes, globals;
	struct heap_words counts, names, targets;
	uint64_t total;
};

static void take_thread(struct heap_cursor *c, struct thread_chunk *ret)
{
	struct heap_words *columns[] = { &ret->functions, &ret->files, &ret->lines,
					 &ret->frames,    &ret->codes, &ret->globals };

	ret->ident = heap_take_u64(c);
	ret->tid = heap_take_u64(c);
	heap_take_u32s(c, &ret->name_length, &ret->n);
	ret->name = heap_take_bytes(c, ret->name_length);
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		*columns[i] = heap_take64(c, ret->n);
	ret->counts = heap_take32(c, ret->n);
	ret->total = heap_take_u64(c);
	ret->names = heap_take64(c, ret->total);
	ret->targets = heap_take64(c, ret->total);
}

static enum ps_status name_thread(struct heap_reader *r, const struct thread_chunk *t,
				  uint32_t *ret)
{
	uint32_t len = t->name_length < 128 ? t->name_length : 128;
	char text[192];
	int n = snprintf(text, sizeof text, "thread %.*s%s(%" PRIu64 ")", (int)len,
			 (const char *)t->name, len ? " " : "", t->tid ? t->tid : t->ident);

	return heap_reader_text(r, (unsigned char *)text, (uint32_t)n, ret);
}

/* "function (file:line)" */
static enum ps_status name_frame(struct heap_reader *r, const struct thread_chunk *t, uint32_t i,
				 uint32_t *ret)
{
	uint64_t line = heap_word64(t->lines, i);
	uint32_t function, file;
	struct profile_text a, b;
	char text[640];
	int n;

	PS_TRY(heap_reader_name(r, heap_word64(t->functions, i), &function));
	PS_TRY(heap_reader_name(r, heap_word64(t->files, i), &file));
	a = heap_graph_text_at(r->graph, function);
	b = heap_graph_text_at(r->graph, file);
	n = snprintf(text, sizeof text, "%.*s (%.*s", (int)(a.len < 300 ? a.len : 300), a.at,
		     (int)(b.len < 300 ? b.len : 300), b.at);
	if (line)
		n += snprintf(text + n, sizeof text - (size_t)n, ":%" PRIu64, line);
	n += snprintf(text + n, sizeof text - (size_t)n, ")");
	return heap_reader_text(r, (unsigned char *)text, (uint32_t)n, ret);
}

static enum ps_status put_locals(struct heap_reader *r, const struct thread_chunk *t, uint32_t i,
				 uint64_t at, uint32_t object)
{
	for (uint64_t j = at; j < at + heap_word32(t->counts, i); j++) {
		uint64_t target = heap_word64(t->targets, j);
		uint32_t label = 0;

		if (r->pass == HEAP_FILL && target)
			PS_TRY(heap_reader_name(r, heap_word64(t->names, j), &label));
		PS_TRY(heap_reader_edge(r, object, HEAP_EDGE_LOCAL, label, target));
	}
	return PS_OK;
}

static enum ps_status put_frame(struct heap_reader *r, const struct thread_chunk *t, uint32_t i,
				uint32_t object)
{
	static const uint64_t words[] = { HEAP_WORD_FRAME, HEAP_WORD_CODE, HEAP_WORD_GLOBALS };
	const struct heap_words targets[] = { t->frames, t->codes, t->globals };
	uint32_t label = 0;

	for (size_t k = 0; k < 3; k++) {
		if (r->pass == HEAP_FILL)
			PS_TRY(heap_reader_name(r, words[k], &label));
		PS_TRY(heap_reader_edge(r, object, HEAP_EDGE_INTERNAL, label,
					heap_word64(targets[k], i)));
	}
	return PS_OK;
}

/* Frames follow the thread among the objects. */
static enum ps_status put_thread(struct heap_reader *r, const struct thread_chunk *t)
{
	uint32_t thread = r->group++, name;
	uint64_t at = 0;

	PS_TRY(name_thread(r, t, &name));
	if (r->pass == HEAP_ROOTS)
		PS_TRY(new_group(r, name));
	link_objects(r, group_object(r, HEAP_GROUP_THREADS), name, thread);
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t frame = r->group++;

		PS_TRY(name_frame(r, t, i, &name));
		if (r->pass == HEAP_ROOTS)
			PS_TRY(new_group(r, name));
		link_objects(r, thread, name, frame);
		if (heap_word32(t->counts, i) > t->total - at)
			return heap_reader_fail(r, "counts of local variables that do not add up");
		PS_TRY(put_locals(r, t, i, at, frame));
		PS_TRY(put_frame(r, t, i, frame));
		at += heap_word32(t->counts, i);
	}
	return at == t->total ? PS_OK
			      : heap_reader_fail(r, "counts of local variables that do not add up");
}

enum ps_status heap_read_thread(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	struct thread_chunk t;

	(void)flags;
	take_thread(c, &t);
	PS_TRY(heap_reader_check(r, c));
	if (r->pass == HEAP_SCAN) {
		r->dump->facts.threads++;
		return PS_OK;
	}
	return put_thread(r, &t);
}

/* --- modules and the rest --- */

static enum ps_status put_root(struct heap_reader *r, uint32_t kind, uint64_t name, uint64_t target)
{
	uint32_t from = group_object(r, root_kinds[kind].group), object, label = 0;

	if (r->pass == HEAP_FILL && target) {
		PS_TRY(heap_reader_name(r, name, &label));
		object = heap_ids_find(&r->objects, target);
		if (kind == ROOT_MODULE && object != HEAP_IDS_NONE && !r->graph->name[object])
			r->graph->name[object] = label;
	}
	return heap_reader_edge(r, from, root_kinds[kind].kind, label, target);
}

enum ps_status heap_read_roots(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	uint64_t n = heap_take_u64(c);
	struct heap_words kinds = heap_take32(c, n), names = heap_take64(c, n);
	struct heap_words targets = heap_take64(c, n);

	(void)flags;
	PS_TRY(heap_reader_check(r, c));
	for (uint64_t i = 0; i < n; i++) {
		uint32_t kind = heap_word32(kinds, i);

		if (kind < ROOT_MODULE || kind >= NROOTS)
			return heap_reader_fail(r, "a root of a kind that there is not");
		if (r->pass != HEAP_SCAN)
			PS_TRY(put_root(r, kind, heap_word64(names, i), heap_word64(targets, i)));
	}
	return PS_OK;
}
