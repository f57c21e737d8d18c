/* SPDX-License-Identifier: MIT */
/* profiler/heap_ids.h - which number an id (of an object, a string, a type) has.
 *
 * Unlike the tables of mem.h it holds the ids themselves: millions are looked up at random,
 * and each look elsewhere is a miss of the cache. */
#ifndef PROFILER_HEAP_IDS_H
#define PROFILER_HEAP_IDS_H

#include "profiler/mem.h"

struct heap_ids {
	struct mem *mem;
	uint64_t secret; /* hash_secret(): ids are what a dump says */
	struct heap_id_slot {
		uint64_t id; /* 0: free */
		uint32_t number;
	} * slot;
	uint32_t nslots, n; /* nslots: a power of two, or 0 */
};

#define HEAP_IDS_NONE UINT32_MAX

void heap_ids_init(struct heap_ids *t, struct mem *m);
void heap_ids_deinit(struct heap_ids *t);
/* An id that is not there yet, and not 0. */
enum ps_status heap_ids_add(struct heap_ids *t, uint64_t id, uint32_t number) PS_MUST_USE;

static inline uint32_t heap_ids_hash(const struct heap_ids *t, uint64_t id)
{
	return (uint32_t)(hash_mix(id * t->secret) >> 16);
}

static inline uint32_t heap_ids_find(const struct heap_ids *t, uint64_t id)
{
	uint32_t mask = t->nslots - 1, at = heap_ids_hash(t, id) & mask;

	if (!t->nslots)
		return HEAP_IDS_NONE;
	for (;; at = (at + 1) & mask) {
		if (t->slot[at].id == id)
			return id ? t->slot[at].number : HEAP_IDS_NONE;
		if (!t->slot[at].id)
			return HEAP_IDS_NONE;
	}
}

#endif
