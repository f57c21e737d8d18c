/* SPDX-License-Identifier: MIT */
#include "profiler/heap_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { VERSION = 1, BYTE_ORDER_MARK = 0x01020304 };
#define MAGIC     "PSHEAP\r\n"
#define CHUNK_MAX ((uint64_t)64 << 20)

enum chunk_kind {
	CHUNK_HEADER = 1,
	CHUNK_STRINGS,
	CHUNK_TYPE,
	CHUNK_OBJECTS,
	CHUNK_MORE,
	CHUNK_THREAD,
	CHUNK_ROOTS,
	CHUNK_PROBLEM,
	CHUNK_END,
	NCHUNK_KINDS
};

enum ps_status heap_reader_fail(struct heap_reader *r, const char *what)
{
	return ps_fail(r->err, PS_FORMAT, "chunk %" PRIu64 ": %s", r->told_chunks, what);
}

enum ps_status heap_reader_check(struct heap_reader *r, const struct heap_cursor *c)
{
	return c->bad ? heap_reader_fail(r, "it is shorter than what it holds") : PS_OK;
}

/* --- objects and edges --- */

enum ps_status heap_reader_object(struct heap_reader *r, struct heap_object o)
{
	struct mem *m = &r->graph->mem;

	PS_TRY(heap_graph_object(r->graph, o));
	PS_TRY(mem_reserve(m, (void **)&r->next, &r->next_cap, r->graph->nobjects,
			   sizeof *r->next));
	r->next[r->graph->nobjects - 1] = 0;
	return PS_OK;
}

enum ps_status heap_reader_edge(struct heap_reader *r, uint32_t from, enum heap_edge_kind kind,
				uint32_t label, uint64_t target)
{
	uint32_t to;

	if (!target)
		return PS_OK;
	if (r->pass != HEAP_FILL) {
		r->next[from]++;
		return r->next[from] == HEAP_NONE ? PS_LIMIT : PS_OK;
	}
	to = heap_ids_find(&r->objects, target);
	if (to == HEAP_IDS_NONE)
		r->dump->facts.lost_edges++;
	else
		heap_graph_put(r->graph, &r->next[from], kind, label, to);
	return PS_OK;
}

/* --- chunks that are read once --- */

static enum ps_status read_header(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	struct heap_facts *f = &r->dump->facts;
	uint32_t name_length, version_length;
	uint64_t word_size;
	const unsigned char *text;

	(void)flags;
	if (r->told_chunks != 1)
		return heap_reader_fail(r, "a second header");
	f->pid = heap_take_u64(c);
	f->time_ns = heap_take_u64(c);
	f->hexversion = heap_take_u64(c);
	word_size = heap_take_u64(c);
	f->flags = heap_take_u64(c);
	heap_take_u64(c);
	heap_take_u32s(c, &name_length, &version_length);
	text = heap_take_bytes(c, (uint64_t)name_length + version_length);
	PS_TRY(heap_reader_check(r, c));
	if (word_size != 8 && word_size != 4)
		return heap_reader_fail(r, "a word size that there is not");
	PS_TRY(heap_reader_text(r, text, name_length, &f->implementation));
	return heap_reader_text(r, text + name_length, version_length, &f->version);
}

static enum ps_status read_problem(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	struct heap_facts *f = &r->dump->facts;
	uint64_t n = c->left < HEAP_TEXT_MAX ? c->left : HEAP_TEXT_MAX;

	(void)flags;
	while (n && !c->at[n - 1])
		n--;
	if (f->problems++ >= HEAP_PROBLEMS_MAX)
		return PS_OK;
	return heap_reader_text(r, c->at, (uint32_t)n, &f->problem[f->problems - 1]);
}

static enum ps_status read_end(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	uint64_t objects = heap_take_u64(c), targets = heap_take_u64(c);
	uint64_t strings = heap_take_u64(c), types = heap_take_u64(c), chunks = heap_take_u64(c);
	const unsigned char *magic = heap_take_bytes(c, 8);

	(void)flags;
	PS_TRY(heap_reader_check(r, c));
	if (objects == r->told_objects && targets == r->told_targets &&
	    strings == r->told_strings && types == r->told_types && chunks == r->told_chunks &&
	    memcmp(magic, MAGIC, 8) == 0)
		return PS_OK;
	return heap_reader_fail(r, "what it says in the end is not what it told");
}

/* --- the file --- */

typedef enum ps_status chunk_fn(struct heap_reader *r, struct heap_cursor *c, uint32_t flags);

/* In which passes a kind of chunk is read. */
static const struct {
	chunk_fn *read;
	bool in[HEAP_FILL + 1];
} chunks[NCHUNK_KINDS] = {
	[CHUNK_HEADER] = { read_header, { true } },
	[CHUNK_STRINGS] = { heap_read_strings, { true } },
	[CHUNK_TYPE] = { heap_read_type, { true } },
	[CHUNK_OBJECTS] = { heap_read_objects, { true, false, true } },
	[CHUNK_MORE] = { heap_read_more, { true, false, true } },
	[CHUNK_THREAD] = { heap_read_thread, { true, true, true } },
	[CHUNK_ROOTS] = { heap_read_roots, { true, true, true } },
	[CHUNK_PROBLEM] = { read_problem, { true } },
	[CHUNK_END] = { read_end, { true } },
};

static enum ps_status incomplete(struct heap_reader *r)
{
	ps_fail(r->err, PS_FORMAT, "the dump is incomplete: it was cut off after chunk %" PRIu64,
		r->told_chunks);
	ps_hint(r->err, "take it again; the disk may have been full, or the process ended");
	return PS_FORMAT;
}

static enum ps_status read_start(struct heap_reader *r, struct heap_cursor *c)
{
	const unsigned char *magic = c->at;
	uint32_t version, order;
	uint64_t n = c->left < 8 ? c->left : 8;

	if (n == 0 || memcmp(magic, MAGIC, n) != 0) {
		ps_fail(r->err, PS_FORMAT, n ? "it is no heap dump" : "the file is empty");
		ps_hint(r->err, "heap dumps of pysample are called .psheap");
		return PS_FORMAT;
	}
	if (c->left < 16)
		return incomplete(r);
	heap_take_bytes(c, 8);
	heap_take_u32s(c, &version, &order);
	if (order != BYTE_ORDER_MARK)
		return ps_fail(r->err, PS_UNSUPPORTED,
			       "it was written on a machine of another byte order");
	if (version == VERSION)
		return PS_OK;
	ps_fail(r->err, PS_UNSUPPORTED, "its format is of version %u, and only %d is known",
		version, VERSION);
	ps_hint(r->err, "a newer pysample may read it");
	return PS_UNSUPPORTED;
}

static enum ps_status read_chunk(struct heap_reader *r, struct heap_cursor *file, uint32_t *kind)
{
	struct heap_cursor c = { 0 };
	uint32_t flags;
	uint64_t len;

	if (file->left < 16)
		return incomplete(r);
	heap_take_u32s(file, kind, &flags);
	len = heap_take_u64(file);
	r->told_chunks++;
	if (len > CHUNK_MAX || len % 8)
		return heap_reader_fail(r, "a length that a chunk can't have");
	if (len > file->left)
		return incomplete(r);
	if ((r->told_chunks == 1) != (*kind == CHUNK_HEADER))
		return heap_reader_fail(r, r->told_chunks == 1 ? "the header is not the first"
							       : "a second header");
	c.at = heap_take_bytes(file, len);
	c.left = len;
	if (*kind >= NCHUNK_KINDS || !chunks[*kind].read || !chunks[*kind].in[r->pass])
		return PS_OK;
	PS_TRY(chunks[*kind].read(r, &c, flags));
	if (c.left && *kind != CHUNK_PROBLEM)
		return heap_reader_fail(r, "it is longer than what it holds");
	return PS_OK;
}

static enum ps_status run_pass(struct heap_reader *r, enum heap_pass pass, struct heap_cursor file)
{
	uint32_t kind = 0;

	r->pass = pass;
	r->told_chunks = 0;
	PS_TRY(read_start(r, &file));
	if (pass != HEAP_SCAN)
		PS_TRY(heap_read_groups(r));
	while (kind != CHUNK_END)
		PS_TRY(read_chunk(r, &file, &kind));
	return file.left ? heap_reader_fail(r, "something follows the end") : PS_OK;
}

static enum ps_status parse(struct heap_reader *r, struct heap_cursor file)
{
	struct mem *m = &r->graph->mem;

	PS_TRY(mem_resize(m, (void **)&r->met, 0, HEAP_CHUNK_OBJECTS * sizeof *r->met));
	PS_TRY(mem_reserve(m, (void **)&r->next, &r->next_cap, 1, sizeof *r->next));
	PS_TRY(mem_reserve(m, (void **)&r->type_id, &r->type_ids_cap, 1, sizeof *r->type_id));
	PS_TRY(mem_reserve(m, (void **)&r->type_mark, &r->type_marks_cap, 1, sizeof *r->type_mark));
	r->next[HEAP_ROOT] = 0;
	PS_TRY(heap_read_words(r));
	PS_TRY(run_pass(r, HEAP_SCAN, file));
	PS_TRY(run_pass(r, HEAP_ROOTS, file));
	PS_TRY(heap_graph_spread(r->graph, r->next));
	r->object = 1;
	PS_TRY(run_pass(r, HEAP_FILL, file));
	heap_graph_pack(r->graph, r->next);
	heap_read_object_names(r);
	return PS_OK;
}

static void drop(struct heap_reader *r)
{
	struct mem *m = &r->graph->mem;

	m->used -= r->next_cap * sizeof *r->next + r->type_ids_cap * sizeof *r->type_id +
		   r->type_marks_cap * sizeof *r->type_mark;
	m->used -= r->met ? HEAP_CHUNK_OBJECTS * sizeof *r->met : 0;
	free(r->next);
	free(r->type_id);
	free(r->type_mark);
	free(r->met);
	heap_ids_deinit(&r->objects);
	heap_ids_deinit(&r->strings);
	heap_ids_deinit(&r->types);
}

enum ps_status heap_dump_parse(const void *bytes, size_t len, size_t max_bytes,
			       struct heap_dump *ret, struct ps_err *err)
{
	struct heap_reader r = { .dump = ret, .graph = &ret->graph, .err = err };
	struct mem *m = &ret->graph.mem;
	enum ps_status st;

	*ret = (struct heap_dump){ 0 };
	st = heap_graph_init(&ret->graph, max_bytes);
	if (err)
		err->msg[0] = '\0';
	heap_ids_init(&r.objects, m);
	heap_ids_init(&r.strings, m);
	heap_ids_init(&r.types, m);
	if (!st)
		st = parse(&r, (struct heap_cursor){ .at = bytes, .left = len });
	drop(&r);
	if (!st)
		st = heap_graph_finish(&ret->graph);
	if (st == PS_NOMEM || st == PS_LIMIT)
		ps_fail(err, st, "there is not enough memory for it");
	if (st)
		heap_graph_deinit(&ret->graph);
	return st;
}

void heap_dump_close(struct heap_dump *d)
{
	heap_graph_deinit(&d->graph);
}
