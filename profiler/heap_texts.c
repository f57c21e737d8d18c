/* SPDX-License-Identifier: MIT */
#include "profiler/heap_texts.h"

#include <stdlib.h>
#include <string.h>

enum ps_status heap_texts_init(struct heap_texts *t, struct mem *m)
{
	uint32_t zero;

	*t = (struct heap_texts){ .mem = m, .seed = (uint32_t)(hash_secret() >> 32) };
	arena_init(&t->arena, m);
	table_init(&t->table, m);
	return heap_texts_add(t, (struct profile_text){ "", 0 }, &zero);
}

void heap_texts_deinit(struct heap_texts *t)
{
	t->mem->used -= t->cap * sizeof *t->v;
	free(t->v);
	table_deinit(&t->table);
	arena_deinit(&t->arena);
	*t = (struct heap_texts){ .mem = t->mem };
}

enum ps_status heap_texts_add(struct heap_texts *t, struct profile_text text, uint32_t *ret)
{
	uint32_t hash = hash_bytes(text.at, text.len, t->seed), at = TABLE_START, id;
	void *copy;

	while ((id = table_next(&t->table, hash, &at)) != TABLE_NONE) {
		if (t->v[id].len == text.len &&
		    (text.len == 0 || memcmp(t->v[id].at, text.at, text.len) == 0)) {
			*ret = id;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(t->mem, (void **)&t->v, &t->cap, t->n + 1, sizeof *t->v));
	PS_TRY(table_reserve(&t->table));
	PS_TRY(arena_take(&t->arena, text.len, &copy));
	if (text.len)
		memcpy(copy, text.at, text.len);
	table_insert(&t->table, hash, t->n);
	*ret = t->n;
	t->v[t->n++] = (struct profile_text){ copy, text.len };
	return PS_OK;
}
