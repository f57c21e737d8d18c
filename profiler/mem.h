/* SPDX-License-Identifier: MIT */
/* profiler/mem.h - memory with a bound that is given at birth.
 *
 * What grows with what a target says (profiles, code caches) takes its memory here, so
 * that a target can make it fail, but not make it bloat. The bound counts what was asked
 * for, not malloc's own overhead.
 */
#ifndef PROFILER_MEM_H
#define PROFILER_MEM_H

#include "profiler/error.h"

#include <stddef.h>
#include <stdint.h>

struct mem {
	size_t used, max;
};

/* Makes *at new_bytes large (0 frees it and sets it to NULL). On PS_LIMIT and PS_NOMEM
 * nothing has changed. */
enum ps_status mem_resize(struct mem *m, void **at, size_t old_bytes, size_t new_bytes) PS_MUST_USE;

/* Makes room for at least `need` elements, doubling. *cap counts elements. */
enum ps_status mem_reserve(struct mem *m, void **at, uint32_t *cap, uint32_t need,
			   size_t element) PS_MUST_USE;

/* Bytes that live until the arena does. */
struct arena {
	struct mem *mem;
	struct arena_block *block;
};

void arena_init(struct arena *a, struct mem *m);
void arena_deinit(struct arena *a);
/* Aligned for any type, not cleared. */
enum ps_status arena_take(struct arena *a, size_t len, void **ret) PS_MUST_USE;

/* Finds ids by a hash of what they stand for; what that is, the owner compares.
 *
 *   uint32_t at = TABLE_START, id;
 *   while ((id = table_next(&t, hash, &at)) != TABLE_NONE)
 *           if (thing[id] is it) ...
 */
struct table_slot {
	uint32_t hash, id_plus_1;
};
struct table {
	struct mem *mem;
	struct table_slot *slot;
	uint32_t nslots; /* a power of two, or 0 */
	uint32_t n;
};

#define TABLE_NONE  UINT32_MAX
#define TABLE_START UINT32_MAX

void table_init(struct table *t, struct mem *m);
void table_deinit(struct table *t);
void table_clear(struct table *t);
/* After PS_OK one table_insert() cannot fail. */
enum ps_status table_reserve(struct table *t) PS_MUST_USE;
void table_insert(struct table *t, uint32_t hash, uint32_t id);

static inline uint32_t table_next(const struct table *t, uint32_t hash, uint32_t *at)
{
	uint32_t mask = t->nslots - 1;

	if (!t->nslots)
		return TABLE_NONE;
	*at = *at == TABLE_START ? hash & mask : (*at + 1) & mask;
	for (;; *at = (*at + 1) & mask) {
		struct table_slot s = t->slot[*at];

		if (!s.id_plus_1)
			return TABLE_NONE;
		if (s.hash == hash)
			return s.id_plus_1 - 1;
	}
}

static inline uint64_t hash_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	return x;
}

static inline uint32_t hash_words(uint64_t a, uint64_t b)
{
	return (uint32_t)(hash_mix(a * 0xff51afd7ed558ccdu + b) >> 16);
}

uint32_t hash_bytes(const void *at, size_t len, uint32_t seed);
/* An odd number that nobody outside of this process knows, the same while it lives. Multiplied by
 * it, or seeded with it, what a file or target chose does not meet in one place of a table: a
 * dump that was made for that would take time by the square of its size. Nothing that is shown
 * may depend on it. */
uint64_t hash_secret(void);

/* hash_words() of words that were chosen by others. The secret is in between, for what is the
 * same before it would stay the same. */
static inline uint32_t hash_chosen_words(uint64_t secret, uint64_t a, uint64_t b)
{
	return (uint32_t)(hash_mix((hash_mix(a * secret) + b) * secret) >> 16);
}

#endif
