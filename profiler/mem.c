/* SPDX-License-Identifier: MIT */
#include "profiler/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

enum ps_status mem_resize(struct mem *m, void **at, size_t old_bytes, size_t new_bytes)
{
	void *grown;

	if (new_bytes == 0) {
		free(*at);
		*at = NULL;
		m->used -= old_bytes;
		return PS_OK;
	}
	if (new_bytes > old_bytes && new_bytes - old_bytes > m->max - m->used)
		return PS_LIMIT;
	grown = realloc(*at, new_bytes);
	if (!grown)
		return PS_NOMEM;
	*at = grown;
	m->used += new_bytes - old_bytes;
	return PS_OK;
}

enum ps_status mem_reserve(struct mem *m, void **at, uint32_t *cap, uint32_t need, size_t element)
{
	uint64_t wanted = *cap ? *cap : 16;

	if (need <= *cap)
		return PS_OK;
	while (wanted < need)
		wanted *= 2;
	if (wanted > UINT32_MAX - 1)
		return PS_LIMIT;
	PS_TRY(mem_resize(m, at, *cap * element, (size_t)wanted * element));
	*cap = (uint32_t)wanted;
	return PS_OK;
}

enum { ARENA_BLOCK = 64 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *previous;
	size_t size, used;
	_Alignas(ARENA_ALIGN) char bytes[];
};

void arena_init(struct arena *a, struct mem *m)
{
	a->mem = m;
	a->block = NULL;
}

void arena_deinit(struct arena *a)
{
	while (a->block) {
		struct arena_block *b = a->block;

		a->block = b->previous;
		a->mem->used -= sizeof *b + b->size;
		free(b);
	}
}

enum ps_status arena_take(struct arena *a, size_t len, void **ret)
{
	struct arena_block *b = a->block;
	size_t size = (len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);

	if (size < len || size > SIZE_MAX - sizeof *b)
		return PS_LIMIT;
	if (!b || size > b->size - b->used) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
		void *fresh = NULL;

		PS_TRY(mem_resize(a->mem, &fresh, 0, sizeof *b + room));
		b = fresh;
		*b = (struct arena_block){ .previous = a->block, .size = room };
		a->block = b;
	}
	*ret = b->bytes + b->used;
	b->used += size;
	return PS_OK;
}

void table_init(struct table *t, struct mem *m)
{
	*t = (struct table){ .mem = m };
}

void table_deinit(struct table *t)
{
	t->mem->used -= t->nslots * sizeof *t->slot;
	free(t->slot);
	*t = (struct table){ .mem = t->mem };
}

void table_clear(struct table *t)
{
	if (t->nslots)
		memset(t->slot, 0, t->nslots * sizeof *t->slot);
	t->n = 0;
}

void table_insert(struct table *t, uint32_t hash, uint32_t id)
{
	uint32_t mask = t->nslots - 1, at = hash & mask;

	while (t->slot[at].id_plus_1)
		at = (at + 1) & mask;
	t->slot[at] = (struct table_slot){ hash, id + 1 };
	t->n++;
}

/* Kept at most 5/8 full: linear probing stays short, and an empty slot always ends it. */
enum ps_status table_reserve(struct table *t)
{
	struct table bigger = { .mem = t->mem };
	void *slots = NULL;

	if ((uint64_t)(t->n + 1) * 8 <= (uint64_t)t->nslots * 5)
		return PS_OK;
	if (t->nslots > UINT32_MAX / 4)
		return PS_LIMIT;
	bigger.nslots = t->nslots ? t->nslots * 2 : 64;
	PS_TRY(mem_resize(t->mem, &slots, 0, bigger.nslots * sizeof *bigger.slot));
	bigger.slot = slots;
	memset(slots, 0, bigger.nslots * sizeof *bigger.slot);
	for (uint32_t i = 0; i < t->nslots; i++) {
		if (t->slot[i].id_plus_1)
			table_insert(&bigger, t->slot[i].hash, t->slot[i].id_plus_1 - 1);
	}
	table_deinit(t);
	*t = bigger;
	return PS_OK;
}

/* The kernel gives each program 16 random bytes as it begins. */
uint64_t hash_secret(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t v = 0x9e3779b97f4a7c15u;

	if (random)
		memcpy(&v, random, sizeof v);
	return v | 1;
}

uint32_t hash_bytes(const void *at, size_t len, uint32_t seed)
{
	const unsigned char *c = at;
	uint64_t h = seed ^ 0xcbf29ce484222325u;

	for (; len >= 8; c += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, c, 8);
		h = hash_mix(h ^ word);
	}
	for (; len; c++, len--)
		h = (h ^ *c) * 0x100000001b3u;
	return (uint32_t)(hash_mix(h) >> 16);
}
