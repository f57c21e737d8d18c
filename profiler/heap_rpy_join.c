/* SPDX-License-Identifier: MIT */
/* The walk's chunks are passed on as they are, but for the sizes of objects and their edges to
 * hidden ones; before the END, which counts all, comes what is hidden. */
#include "profiler/heap_rpy.h"
#include "profiler/heap_rpy_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DUMP_START = 16, HEADER_FLAGS_AT = 32, END_NUMBERS = 5 };

static void pass_header(struct rpy_out *o, const struct rpy_chunk *c)
{
	uint64_t flags;

	rpy_put(o, c->payload.at, c->payload.left);
	if (!o->failed && o->len >= HEADER_FLAGS_AT + 8) {
		memcpy(&flags, o->bytes + HEADER_FLAGS_AT, 8);
		flags |= RPY_FLAG_JOINED;
		memcpy(o->bytes + HEADER_FLAGS_AT, &flags, 8);
	}
	rpy_flush(o, c->kind, c->flags);
}

/* Steps over the sizes that the walk told. */
static void skip_sizes(struct heap_cursor *c, uint32_t width, uint64_t n)
{
	if (width == 4)
		heap_take32(c, n);
	else
		heap_take64(c, width ? n : 1);
}

/* Is it the first time that it comes by? An object may be told again and again, and what is
 * written must not grow by its edges each time. */
static bool is_new(const struct rpy *r, uint32_t record)
{
	return record != HEAP_IDS_NONE && !(r->state[record] & RPY_PASSED);
}

/* Adds the edges of the i-th object; false if they do not fit. */
static bool add_edges(struct rpy *r, struct rpy_out *o, uint64_t i, uint32_t record)
{
	if (!is_new(r, record))
		return true;
	if (!rpy_add_edges(r, o, (uint32_t)i, record))
		return false;
	r->state[record] |= RPY_PASSED;
	return true;
}

/* Records whose edges have chunks of their own. */
static void put_rest(struct rpy *r, struct rpy_out *o, struct heap_words ids, uint64_t n,
		     uint64_t from)
{
	for (; from < n; from++) {
		uint32_t record = rpy_find_told(r, heap_word64(ids, from));

		if (!is_new(r, record))
			continue;
		r->state[record] |= RPY_PASSED;
		rpy_put_more(r, o, record);
	}
}

/* What the walk created has no record, nor have numbers: they have no size. */
static enum ps_status pass_objects(struct rpy *r, struct rpy_out *o, const struct rpy_chunk *c)
{
	struct heap_cursor in = c->payload;
	uint64_t type = heap_take_u64(&in), n = heap_take_u64(&in), with_edges = 0;
	uint32_t groups, width;
	struct heap_words ids;

	heap_take_u32s(&in, &groups, &width);
	ids = heap_take64(&in, n); /* as many as were counted by rpy_reach() */
	skip_sizes(&in, width, n);
	if (in.bad || groups == UINT32_MAX)
		return rpy_fail(r, "objects that are not there");
	rpy_put_64(o, type);
	rpy_put_64(o, n);
	rpy_put_32(o, groups + 1);
	rpy_put_32(o, 8);
	rpy_put(o, ids.at, 8 * n);
	for (uint64_t i = 0; i < n; i++) {
		uint32_t record = rpy_find_told(r, heap_word64(ids, i));

		rpy_put_64(o, record == HEAP_IDS_NONE ? 0 : rpy_size(r, record));
		o->counts[i] = 0;
		if (with_edges == i && add_edges(r, o, i, record))
			with_edges++;
	}
	rpy_put_edges(o, (uint32_t)n);
	rpy_put(o, in.at, in.left);
	rpy_flush(o, c->kind, c->flags);
	put_rest(r, o, ids, n, with_edges);
	return PS_OK;
}

/* The numbers of the walk, and ours. A dump whose own are wrong stays one. */
static enum ps_status pass_end(struct rpy *r, struct rpy_out *o, const struct rpy_chunk *c,
			       uint64_t passed)
{
	uint64_t numbers[END_NUMBERS];

	if (c->payload.left < sizeof numbers)
		return rpy_fail(r, "it does not end as it should");
	PS_TRY(rpy_put_hidden(r, o));
	memcpy(numbers, c->payload.at, sizeof numbers);
	numbers[0] += o->objects;
	numbers[1] += o->edges;
	numbers[2] += o->strings;
	numbers[3] += o->types;
	numbers[4] += o->chunks - passed;
	rpy_put(o, numbers, sizeof numbers);
	rpy_put(o, c->payload.at + sizeof numbers, c->payload.left - sizeof numbers);
	rpy_flush(o, c->kind, c->flags);
	return PS_OK;
}

static enum ps_status pass_chunk(struct rpy *r, struct rpy_out *o, const struct rpy_chunk *c,
				 uint64_t passed)
{
	if (c->kind == RPY_OBJECTS)
		return pass_objects(r, o, c);
	if (c->kind == RPY_END)
		return pass_end(r, o, c, passed);
	if (c->kind == RPY_HEADER) {
		pass_header(o, c);
		return PS_OK;
	}
	rpy_put(o, c->payload.at, c->payload.left);
	rpy_flush(o, c->kind, c->flags);
	return PS_OK;
}

static enum ps_status pass_all(struct rpy *r, struct rpy_out *o)
{
	struct heap_cursor from = r->dump;
	const unsigned char *start = heap_take_bytes(&from, DUMP_START);
	struct rpy_chunk c = { .kind = 0 };
	enum ps_status st = PS_OK;

	if (!start)
		return rpy_fail(r, "it broke off");
	if (fwrite(start, DUMP_START, 1, o->file) != 1)
		return PS_IO;
	for (uint64_t passed = 0; c.kind != RPY_END && !st && !o->failed; passed++) {
		st = rpy_next_chunk(r, &from, &c);
		if (!st)
			st = pass_chunk(r, o, &c, passed);
	}
	if (!st)
		st = o->failed;
	if (st == PS_NOT_READY || (!st && from.left))
		return rpy_fail(r, st ? "it broke off" : "something follows the end");
	return st;
}

enum ps_status heap_rpy_join(const void *bytes, size_t len, size_t max_bytes, FILE *out,
			     struct ps_err *err)
{
	struct rpy r = { .err = err, .mem = { .max = max_bytes } };
	struct rpy_out o = { .file = out };
	enum ps_status st = rpy_read(&r, bytes, len);

	if (!st)
		st = rpy_reach(&r);
	if (!st)
		st = rpy_out_init(&o, out, &r.mem);
	if (!st)
		st = pass_all(&r, &o);
	if (!st && (fflush(out) || ferror(out)))
		st = PS_IO;
	if (st == PS_IO)
		ps_fail(err, PS_IO, "write the dump: %s", errno ? strerror(errno) : "failed");
	if (st == PS_NOMEM || st == PS_LIMIT)
		ps_fail(err, st, "there is not enough memory for what PyPy tells of its heap");
	rpy_out_deinit(&o);
	rpy_deinit(&r);
	return st;
}

static enum ps_status join_to(int from, size_t max_bytes, FILE *out, struct ps_err *err)
{
	enum ps_status st;
	struct stat s;
	void *bytes;

	if (fstat(from, &s) || s.st_size <= 0)
		return ps_fail(err, PS_FORMAT, "what PyPy tells of its heap: nothing came");
	bytes = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, from, 0);
	if (bytes == MAP_FAILED)
		return ps_fail(err, PS_IO, "map the dump: %s", strerror(errno));
	st = heap_rpy_join(bytes, (size_t)s.st_size, max_bytes, out, err);
	munmap(bytes, (size_t)s.st_size);
	return st;
}

enum ps_status heap_rpy_join_files(int from, size_t max_bytes, int to, struct ps_err *err)
{
	int own = fcntl(to, F_DUPFD_CLOEXEC, 0);
	FILE *out = own < 0 ? NULL : fdopen(own, "w");
	enum ps_status st;

	if (!out) {
		st = ps_fail(err, PS_NOMEM, "write the dump: %s", strerror(errno));
		if (own >= 0)
			close(own);
		return st;
	}
	st = join_to(from, max_bytes, out, err);
	if (fclose(out) && !st)
		st = ps_fail(err, PS_IO, "write the dump: %s", strerror(errno));
	return st;
}
