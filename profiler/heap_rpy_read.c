/* SPDX-License-Identifier: MIT */
#include "profiler/heap_rpy.h"
#include "profiler/heap_rpy_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

enum { VERSION = 1, BYTE_ORDER_MARK = 0x01020304 };
/* PyPy 8.0.1 has 5853 types, with 380 KB of names. */
enum { NAMES_MAX = 32 << 20, TYPES_MAX = 1 << 20 };
#define CHUNK_MAX  ((uint64_t)64 << 20)
#define OBJECT_MAX ((uint64_t)1 << 47)
#define RECORD_END UINT64_MAX

static const char magic[HEAP_RPY_MAGIC] = "PSHRPY\r\n";

bool heap_rpy_is(const void *bytes)
{
	return memcmp(bytes, magic, HEAP_RPY_MAGIC) == 0;
}

enum ps_status rpy_fail(struct rpy *r, const char *what)
{
	return ps_fail(r->err, PS_FORMAT, "what PyPy tells of its heap: %s", what);
}

/* --- names of types --- */

static enum ps_status unpack(struct rpy *r, const unsigned char *packed, uint64_t len)
{
	size_t room = (size_t)1 << 20;
	uLongf n;
	int how;

	if (len > NAMES_MAX)
		return rpy_fail(r, "more names of types than there can be");
	do {
		PS_TRY(mem_resize(&r->mem, (void **)&r->names, r->names_size, room));
		r->names_size = room;
		n = room;
		how = uncompress((unsigned char *)r->names, &n, packed, (uLong)len);
		room *= 2;
	} while (how == Z_BUF_ERROR && r->names_size < NAMES_MAX);
	if (how == Z_MEM_ERROR)
		return PS_NOMEM;
	if (how != Z_OK)
		return rpy_fail(r, "the names of types cannot be unpacked");
	PS_TRY(mem_resize(&r->mem, (void **)&r->names, r->names_size, n ? n : 1));
	r->names_size = n ? n : 1;
	if (!n)
		r->names[0] = '\n';
	return PS_OK;
}

/* "member7    GcStruct pypy.interpreter.pyframe.PyFrame { super, ... }": of a struct its name,
 * of an array what it is of. */
static struct rpy_name name_in(const char *all, uint32_t at, uint32_t end)
{
	static const char gc_struct[] = "GcStruct ";
	struct rpy_name name = { .at = at };
	uint32_t brace;

	while (name.at < end && all[name.at] != ' ')
		name.at++;
	while (name.at < end && all[name.at] == ' ')
		name.at++;
	if (end - name.at > sizeof gc_struct - 1 &&
	    memcmp(all + name.at, gc_struct, sizeof gc_struct - 1) == 0) {
		name.at += (uint32_t)sizeof gc_struct - 1;
		for (brace = name.at; brace < end && all[brace] != '{'; brace++)
			;
		end = brace;
	}
	while (end > name.at && all[end - 1] == ' ')
		end--;
	name.len = end - name.at;
	return name;
}

static enum ps_status split_names(struct rpy *r)
{
	uint32_t at = 0, end, size = (uint32_t)r->names_size;

	for (; at < size; at = end + 1) {
		for (end = at; end < size && r->names[end] != '\n'; end++)
			;
		if (end == at && end + 1 >= size)
			break;
		if (r->ntypes == TYPES_MAX)
			return rpy_fail(r, "more types than there can be");
		PS_TRY(mem_reserve(&r->mem, (void **)&r->type, &r->types_cap, r->ntypes + 1,
				   sizeof *r->type));
		r->type[r->ntypes++] = name_in(r->names, at, end);
	}
	return PS_OK;
}

/* --- records --- */

static enum ps_status add_record(struct rpy *r, uint64_t at)
{
	uint64_t address = rpy_word(r, at);

	if (address < RPY_FIRST_ID || address >= RPY_TYPE_IDS)
		return rpy_fail(r, "an object at an address that there is not");
	if (rpy_word(r, at + 1) >= r->ntypes)
		return rpy_fail(r, "an object of a type that was not told");
	if (rpy_word(r, at + 2) >= OBJECT_MAX)
		return rpy_fail(r, "an object of a size that there is not");
	if (heap_ids_find(&r->ids, address) != HEAP_IDS_NONE)
		return rpy_fail(r, "two objects at one address");
	if (r->n == HEAP_IDS_NONE - 1)
		return PS_LIMIT;
	PS_TRY(mem_reserve(&r->mem, (void **)&r->at, &r->at_cap, r->n + 1, sizeof *r->at));
	PS_TRY(mem_reserve(&r->mem, (void **)&r->state, &r->state_cap, r->n + 1, 1));
	PS_TRY(heap_ids_add(&r->ids, address, r->n));
	r->at[r->n] = at;
	r->state[r->n++] = 0;
	return PS_OK;
}

/* Returns the word behind its end, or 0. */
static uint64_t end_of(const struct rpy *r, uint64_t at, uint64_t nwords)
{
	for (uint64_t i = at + 3; i < nwords; i++) {
		if (rpy_word(r, i) == RECORD_END)
			return i + 1;
	}
	return 0;
}

static enum ps_status read_records(struct rpy *r, struct heap_cursor *c)
{
	uint64_t nwords = c->left / 8, at = 0, end;
	bool marked = false;

	r->words = (struct heap_words){ c->at };
	for (; at < nwords && rpy_word(r, at) != HEAP_RPY_WORDS_END; at = end) {
		end = end_of(r, at, nwords);
		if (!end)
			break;
		if (rpy_word(r, at)) {
			PS_TRY(add_record(r, at));
			continue;
		}
		if (marked || end != at + 4)
			return rpy_fail(r, "a mark that is none");
		marked = true;
		r->nroots = r->n;
	}
	if (at >= nwords || rpy_word(r, at) != HEAP_RPY_WORDS_END)
		return rpy_fail(r, "it broke off");
	if (!marked)
		return rpy_fail(r, "it does not say which are roots");
	heap_take64(c, at + 1);
	return PS_OK;
}

uint32_t rpy_next_ref(const struct rpy *r, uint32_t record, uint64_t *pos)
{
	for (;;) {
		uint64_t word = rpy_word(r, r->at[record] + 3 + *pos);
		uint32_t found;

		if (word == RECORD_END)
			return HEAP_IDS_NONE;
		++*pos;
		found = heap_ids_find(&r->ids, word);
		if (found != HEAP_IDS_NONE)
			return found;
	}
}

/* --- the stream --- */

enum ps_status rpy_read(struct rpy *r, const void *bytes, size_t len)
{
	struct heap_cursor c = { .at = bytes, .left = len };
	const unsigned char *begin = heap_take_bytes(&c, HEAP_RPY_MAGIC), *packed;
	uint32_t version, order;
	uint64_t packed_len;

	heap_ids_init(&r->ids, &r->mem);
	heap_take_u32s(&c, &version, &order);
	if (c.bad || !heap_rpy_is(begin) || version != VERSION || order != BYTE_ORDER_MARK)
		return rpy_fail(r, "it does not begin as it should");
	packed_len = heap_take_u64(&c);
	packed = heap_take_bytes(&c, packed_len);
	r->nown = heap_take_u64(&c);
	r->own = heap_take64(&c, r->nown);
	if (c.bad)
		return rpy_fail(r, "it broke off");
	PS_TRY(unpack(r, packed, packed_len));
	PS_TRY(split_names(r));
	PS_TRY(read_records(r, &c));
	r->dump = c;
	return PS_OK;
}

enum ps_status rpy_next_chunk(struct rpy *r, struct heap_cursor *from, struct rpy_chunk *ret)
{
	uint64_t len;

	if (!from->left)
		return PS_NOT_READY;
	heap_take_u32s(from, &ret->kind, &ret->flags);
	len = heap_take_u64(from);
	if (len > CHUNK_MAX || len % 8)
		return rpy_fail(r, "a chunk of a length that there is not");
	ret->payload = (struct heap_cursor){ .at = heap_take_bytes(from, len), .left = len };
	return from->bad ? rpy_fail(r, "it broke off") : PS_OK;
}

void rpy_deinit(struct rpy *r)
{
	free(r->names);
	free(r->type);
	free(r->at);
	free(r->state);
	heap_ids_deinit(&r->ids);
}
