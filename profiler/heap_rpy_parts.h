/* SPDX-License-Identifier: MIT */
/* profiler/heap_rpy_parts.h - what the files that join a PyPy's stream share.
 *
 * A record is what gc.dump_rpy_heap() tells of one object. Those that the walk tells as well are
 * *told*; of the rest, *hidden* are those that a told object leads to, through hidden ones, or
 * a root does. What only the dump's own objects lead to is neither.
 */
#ifndef PROFILER_HEAP_RPY_PARTS_H
#define PROFILER_HEAP_RPY_PARTS_H

#include "profiler/heap_cursor.h"
#include "profiler/heap_ids.h"

#include <stdio.h>

/* The format's, see docs/heap-format.md. */
enum { RPY_STRINGS = 2, RPY_TYPE, RPY_OBJECTS, RPY_MORE, RPY_ROOTS = 7, RPY_END = 9 };
enum { RPY_HEADER = 1, RPY_FLAG_JOINED = 32 };
enum { RPY_TARGETS_MAX = 1 << 18, RPY_OBJECTS_MAX = 65536, RPY_FIRST_ID = 65536 };
/* Ids of ours: above all addresses of programs, and below those that numbers have. */
#define RPY_TYPE_IDS ((uint64_t)1 << 62)

enum { RPY_TOLD = 1, RPY_OWN = 2, RPY_HIDDEN = 4 };
enum { RPY_PASSED = 8 }; /* and of what is told: its edges have been written */

struct rpy_name {
	uint32_t at, len; /* in names */
};

struct rpy {
	struct ps_err *err;
	struct mem mem;

	char *names; /* of types, one a line */
	size_t names_size;
	struct rpy_name *type;
	uint32_t ntypes, types_cap;

	struct heap_words own;
	uint64_t nown;

	struct heap_words words;
	uint64_t *at; /* by record: which word it begins with */
	uint8_t *state;
	uint32_t n, nroots, at_cap, state_cap;
	struct heap_ids ids; /* address -> record */

	struct heap_cursor dump; /* what the walk told */
};

/* The stream's parts, checked: every record is whole, its type is one of ntypes, its address
 * the only one of that value. */
enum ps_status rpy_read(struct rpy *r, const void *bytes, size_t len) PS_MUST_USE;
void rpy_deinit(struct rpy *r);
enum ps_status rpy_fail(struct rpy *r, const char *what);

/* Sets state[]. */
enum ps_status rpy_reach(struct rpy *r) PS_MUST_USE;

static inline uint64_t rpy_word(const struct rpy *r, uint64_t i)
{
	return heap_word64(r->words, i);
}
static inline uint64_t rpy_address(const struct rpy *r, uint32_t record)
{
	return rpy_word(r, r->at[record]);
}
static inline uint32_t rpy_type(const struct rpy *r, uint32_t record)
{
	return (uint32_t)rpy_word(r, r->at[record] + 1);
}
static inline uint64_t rpy_size(const struct rpy *r, uint32_t record)
{
	return rpy_word(r, r->at[record] + 2);
}

/* The record of an object that the walk tells, or HEAP_IDS_NONE: by its id, which is its address.
 * That of a str is the address of its characters, which are an object of their own, plus 2; so
 * these stand for it, and what holds them is hidden. */
static inline uint32_t rpy_find_told(const struct rpy *r, uint64_t id)
{
	return heap_ids_find(&r->ids, id % 8 == 2 ? id - 2 : id);
}

/* The records that one refers to: *pos is 0 to begin with. HEAP_IDS_NONE: no more. What is not
 * in the dump is left out. */
uint32_t rpy_next_ref(const struct rpy *r, uint32_t record, uint64_t *pos);

/* Chunks of a dump, one after the other, as they are counted in its END. */
struct rpy_chunk {
	uint32_t kind, flags;
	struct heap_cursor payload;
};
/* PS_NOT_READY: there are no more. */
enum ps_status rpy_next_chunk(struct rpy *r, struct heap_cursor *from,
			      struct rpy_chunk *ret) PS_MUST_USE;

/* What is written. The first thing that goes wrong stays in `failed`. */
struct rpy_out {
	FILE *file;
	struct mem *mem;
	enum ps_status failed;
	unsigned char *bytes; /* of the chunk that is being made */
	uint32_t len, cap;
	uint32_t *counts; /* hidden edges, by object of a chunk */
	uint64_t *targets;
	uint32_t ntargets;
	uint64_t objects, edges, strings, types, chunks;
};

enum ps_status rpy_out_init(struct rpy_out *o, FILE *file, struct mem *m) PS_MUST_USE;
void rpy_out_deinit(struct rpy_out *o);
void rpy_put(struct rpy_out *o, const void *bytes, uint64_t len);
void rpy_put_32(struct rpy_out *o, uint32_t v);
void rpy_put_64(struct rpy_out *o, uint64_t v);
void rpy_pad(struct rpy_out *o);
void rpy_flush(struct rpy_out *o, uint32_t kind, uint32_t flags);

/* Adds a record's edges to hidden ones as the i-th object's. False: it has too many for what
 * is left of the chunk, and none was added. */
bool rpy_add_edges(const struct rpy *r, struct rpy_out *o, uint32_t i, uint32_t record);
/* The group of the edges that were added for n objects; and no more are there. */
void rpy_put_edges(struct rpy_out *o, uint32_t n);
/* Those of one object in chunks of their own. */
void rpy_put_more(const struct rpy *r, struct rpy_out *o, uint32_t record);

/* Types, objects and roots that the walk did not tell. */
enum ps_status rpy_put_hidden(struct rpy *r, struct rpy_out *o) PS_MUST_USE;

#endif
