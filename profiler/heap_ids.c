/* SPDX-License-Identifier: MIT */
#include "profiler/heap_ids.h"

#include <stdlib.h>
#include <string.h>

void heap_ids_init(struct heap_ids *t, struct mem *m)
{
	*t = (struct heap_ids){ .mem = m, .secret = hash_secret() };
}

void heap_ids_deinit(struct heap_ids *t)
{
	t->mem->used -= t->nslots * sizeof *t->slot;
	free(t->slot);
	*t = (struct heap_ids){ .mem = t->mem, .secret = t->secret };
}

static void insert(struct heap_ids *t, struct heap_id_slot s)
{
	uint32_t mask = t->nslots - 1, at = heap_ids_hash(t, s.id) & mask;

	while (t->slot[at].id)
		at = (at + 1) & mask;
	t->slot[at] = s;
}

/* At most half full: an empty slot ends each search soon. */
static enum ps_status grow(struct heap_ids *t)
{
	struct heap_ids bigger = { .mem = t->mem, .secret = t->secret, .n = t->n };
	void *slots = NULL;

	if (t->nslots > UINT32_MAX / 4)
		return PS_LIMIT;
	bigger.nslots = t->nslots ? t->nslots * 2 : 64;
	PS_TRY(mem_resize(t->mem, &slots, 0, bigger.nslots * sizeof *bigger.slot));
	bigger.slot = slots;
	memset(slots, 0, bigger.nslots * sizeof *bigger.slot);
	for (uint32_t i = 0; i < t->nslots; i++) {
		if (t->slot[i].id)
			insert(&bigger, t->slot[i]);
	}
	heap_ids_deinit(t);
	*t = bigger;
	return PS_OK;
}

enum ps_status heap_ids_add(struct heap_ids *t, uint64_t id, uint32_t number)
{
	if (t->n >= t->nslots / 2)
		PS_TRY(grow(t));
	insert(t, (struct heap_id_slot){ id, number });
	t->n++;
	return PS_OK;
}
