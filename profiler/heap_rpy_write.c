/* SPDX-License-Identifier: MIT */
#include "profiler/heap_rpy_parts.h"

#include <stdlib.h>

enum { INTERNAL = 7, COUNTED = 2, SHAPE_TYPE = 16, ROOT_INTERPRETER = 2, WORD_ROOT = 256 };
enum { BATCH = 8192, TYPE_NAME_MAX = 512 };

/* --- chunks --- */

enum ps_status rpy_out_init(struct rpy_out *o, FILE *file, struct mem *m)
{
	*o = (struct rpy_out){ .file = file, .mem = m };
	PS_TRY(mem_resize(m, (void **)&o->counts, 0, RPY_OBJECTS_MAX * sizeof *o->counts));
	return mem_resize(m, (void **)&o->targets, 0, RPY_TARGETS_MAX * sizeof *o->targets);
}

void rpy_out_deinit(struct rpy_out *o)
{
	free(o->bytes);
	free(o->counts);
	free(o->targets);
}

void rpy_put(struct rpy_out *o, const void *bytes, uint64_t len)
{
	if (!o->failed && len > UINT32_MAX / 2 - o->len)
		o->failed = PS_LIMIT;
	if (!o->failed)
		o->failed =
			mem_reserve(o->mem, (void **)&o->bytes, &o->cap, o->len + (uint32_t)len, 1);
	if (o->failed || !len)
		return;
	memcpy(o->bytes + o->len, bytes, len);
	o->len += (uint32_t)len;
}

void rpy_put_32(struct rpy_out *o, uint32_t v)
{
	rpy_put(o, &v, sizeof v);
}

void rpy_put_64(struct rpy_out *o, uint64_t v)
{
	rpy_put(o, &v, sizeof v);
}

void rpy_pad(struct rpy_out *o)
{
	static const char zeros[8];

	rpy_put(o, zeros, -o->len & 7);
}

void rpy_flush(struct rpy_out *o, uint32_t kind, uint32_t flags)
{
	uint32_t words[4] = { kind, flags, o->len, 0 };

	o->chunks++;
	if (!o->failed && (fwrite(words, sizeof words, 1, o->file) != 1 ||
			   (o->len && fwrite(o->bytes, o->len, 1, o->file) != 1)))
		o->failed = PS_IO;
	o->len = 0;
}

/* --- edges --- */

bool rpy_add_edges(const struct rpy *r, struct rpy_out *o, uint32_t i, uint32_t record)
{
	uint32_t before = o->ntargets, to;
	uint64_t pos = 0;

	o->counts[i] = 0;
	while ((to = rpy_next_ref(r, record, &pos)) != HEAP_IDS_NONE) {
		if (r->state[to] != RPY_HIDDEN)
			continue;
		if (o->ntargets == RPY_TARGETS_MAX) {
			o->ntargets = before;
			return false;
		}
		o->targets[o->ntargets++] = rpy_address(r, to);
	}
	o->counts[i] = o->ntargets - before;
	return true;
}

static void put_group(struct rpy_out *o)
{
	rpy_put_32(o, INTERNAL);
	rpy_put_32(o, COUNTED);
	rpy_put_64(o, o->ntargets);
}

static void put_targets(struct rpy_out *o)
{
	rpy_put(o, o->targets, o->ntargets * sizeof *o->targets);
	o->edges += o->ntargets;
	o->ntargets = 0;
}

void rpy_put_edges(struct rpy_out *o, uint32_t n)
{
	put_group(o);
	rpy_put(o, o->counts, n * sizeof *o->counts);
	rpy_pad(o);
	put_targets(o);
}

static void flush_more(const struct rpy *r, struct rpy_out *o, uint32_t record, uint64_t first)
{
	rpy_put_64(o, rpy_address(r, record));
	rpy_put_64(o, first);
	put_group(o);
	put_targets(o);
	rpy_flush(o, RPY_MORE, 0);
}

void rpy_put_more(const struct rpy *r, struct rpy_out *o, uint32_t record)
{
	uint64_t pos = 0, first = 0;
	uint32_t to;

	while (!o->failed && (to = rpy_next_ref(r, record, &pos)) != HEAP_IDS_NONE) {
		if (r->state[to] != RPY_HIDDEN)
			continue;
		o->targets[o->ntargets++] = rpy_address(r, to);
		if (o->ntargets == RPY_TARGETS_MAX) {
			flush_more(r, o, record, first);
			first += RPY_TARGETS_MAX;
		}
	}
	if (o->ntargets)
		flush_more(r, o, record, first);
}

/* --- hidden objects, by type --- */

struct sorted {
	uint32_t *first; /* by type: where its records begin in order[]; one more */
	uint32_t *order;
};

static enum ps_status sort(struct rpy *r, struct sorted *ret)
{
	size_t types = (size_t)r->ntypes + 2;
	uint32_t sum = 0;

	PS_TRY(mem_resize(&r->mem, (void **)&ret->first, 0, types * sizeof *ret->first));
	PS_TRY(mem_resize(&r->mem, (void **)&ret->order, 0,
			  ((size_t)r->n + 1) * sizeof *ret->order));
	memset(ret->first, 0, types * sizeof *ret->first);
	for (uint32_t i = 0; i < r->n; i++)
		ret->first[rpy_type(r, i) + 2] += r->state[i] == RPY_HIDDEN;
	for (size_t t = 0; t < types; t++)
		sum = ret->first[t] += sum;
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->state[i] == RPY_HIDDEN)
			ret->order[ret->first[rpy_type(r, i) + 1]++] = i;
	}
	return PS_OK;
}

static uint64_t type_id(uint32_t type)
{
	return RPY_TYPE_IDS + 16 * ((uint64_t)type + 1);
}

static void put_type(struct rpy_out *o, uint64_t id, uint32_t shape, const char *name, uint32_t len)
{
	static const char module[] = "rpy";
	char clean[TYPE_NAME_MAX];

	if (len > TYPE_NAME_MAX)
		len = TYPE_NAME_MAX;
	for (uint32_t i = 0; i < len; i++)
		clean[i] = name[i] < ' ' || name[i] > '~' ? '?' : name[i];
	rpy_put_64(o, id);
	rpy_put_64(o, 0);
	rpy_put_64(o, 0);
	rpy_put_32(o, shape);
	rpy_put_32(o, 1);
	rpy_put_32(o, sizeof module - 1);
	rpy_put_32(o, len);
	/* One after the other, padded once. */
	rpy_put(o, module, sizeof module - 1);
	rpy_put(o, clean, len);
	rpy_pad(o);
	rpy_flush(o, RPY_TYPE, 0);
	o->types++;
}

static void open_objects(struct rpy_out *o, uint64_t type, uint32_t n, uint32_t groups,
			 uint32_t width)
{
	rpy_put_64(o, type);
	rpy_put_64(o, n);
	rpy_put_32(o, groups);
	rpy_put_32(o, width);
	o->objects += n;
}

/* Types are objects, too: without size, for RPython has none at run time. */
static void put_type_objects(const struct rpy *r, struct rpy_out *o, const struct sorted *s)
{
	put_type(o, RPY_TYPE_IDS, SHAPE_TYPE, "type", 4);
	open_objects(o, RPY_TYPE_IDS, 1, 0, 0);
	rpy_put_64(o, RPY_TYPE_IDS);
	rpy_put_64(o, 0);
	rpy_flush(o, RPY_OBJECTS, 0);
	for (uint32_t t = 0; t < r->ntypes; t++) {
		if (s->first[t] == s->first[t + 1])
			continue;
		put_type(o, type_id(t), 0, r->names + r->type[t].at, r->type[t].len);
		open_objects(o, RPY_TYPE_IDS, 1, 0, 0);
		rpy_put_64(o, type_id(t));
		rpy_put_64(o, 0);
		rpy_flush(o, RPY_OBJECTS, 0);
	}
}

static void flush_objects(const struct rpy *r, struct rpy_out *o, uint32_t type,
			  const uint32_t *records, uint32_t n)
{
	open_objects(o, type_id(type), n, 1, 8);
	for (uint32_t i = 0; i < n; i++)
		rpy_put_64(o, rpy_address(r, records[i]));
	for (uint32_t i = 0; i < n; i++)
		rpy_put_64(o, rpy_size(r, records[i]));
	rpy_put_edges(o, n);
	rpy_flush(o, RPY_OBJECTS, 0);
}

static void put_objects_of(const struct rpy *r, struct rpy_out *o, uint32_t type,
			   const uint32_t *records, uint32_t n)
{
	uint32_t used = 0;

	for (; n && !o->failed; records += used, n -= used) {
		bool fits = true;

		for (used = 0; fits && used < n && used < BATCH; used += fits)
			fits = rpy_add_edges(r, o, used, records[used]);
		if (used) {
			flush_objects(r, o, type, records, used);
			continue;
		}
		used = 1;
		flush_objects(r, o, type, records, 1);
		rpy_put_more(r, o, records[0]);
	}
}

static void put_roots(const struct rpy *r, struct rpy_out *o)
{
	static const char word[8] = "rpy root";
	uint32_t n = 0, end = sizeof word;

	for (uint32_t i = 0; i < r->nroots; i++)
		n += r->state[i] == RPY_HIDDEN;
	rpy_put_64(o, 1);
	rpy_put_64(o, WORD_ROOT);
	rpy_put_32(o, end);
	rpy_pad(o);
	rpy_put(o, word, sizeof word);
	rpy_flush(o, RPY_STRINGS, 0);
	o->strings++;
	rpy_put_64(o, n);
	for (uint32_t i = 0; i < n; i++)
		rpy_put_32(o, ROOT_INTERPRETER);
	rpy_pad(o);
	for (uint32_t i = 0; i < n; i++)
		rpy_put_64(o, WORD_ROOT);
	for (uint32_t i = 0; i < r->nroots; i++) {
		if (r->state[i] == RPY_HIDDEN)
			rpy_put_64(o, rpy_address(r, i));
	}
	rpy_flush(o, RPY_ROOTS, 0);
}

enum ps_status rpy_put_hidden(struct rpy *r, struct rpy_out *o)
{
	struct sorted s = { NULL };
	enum ps_status st = sort(r, &s);

	if (!st) {
		put_type_objects(r, o, &s);
		for (uint32_t t = 0; t < r->ntypes; t++)
			put_objects_of(r, o, t, s.order + s.first[t], s.first[t + 1] - s.first[t]);
		put_roots(r, o);
		st = o->failed;
	}
	free(s.first);
	free(s.order);
	return st;
}
