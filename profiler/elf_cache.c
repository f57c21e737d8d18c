/* SPDX-License-Identifier: MIT */
#include "profiler/elf_cache.h"

#include "profiler/mapped.h"

#include <stdlib.h>

/* Some 20 000 files; a machine with more is read without their help. */
enum { CACHE_BYTES_MAX = 24 << 20 };

struct elf_cached {
	uint64_t inode, device, path_hash;
	bool readable;
	struct elf_python elf;
};

void elf_cache_init(struct elf_cache *c)
{
	*c = (struct elf_cache){ .mem = { .max = CACHE_BYTES_MAX } };
	table_init(&c->table, &c->mem);
}

void elf_cache_deinit(struct elf_cache *c)
{
	table_deinit(&c->table);
	free(c->v);
	*c = (struct elf_cache){ 0 };
}

const struct elf_python *elf_cache_find(struct elf_cache *c, int pid, const struct map *m)
{
	struct elf_cached e = { .inode = m->inode,
				.device = (uint64_t)m->dev_major << 32 | m->dev_minor,
				.path_hash = hash_bytes(m->path, m->path_len, 1) |
					     (uint64_t)hash_bytes(m->path, m->path_len, 2) << 32 };
	uint32_t hash = hash_words(e.inode ^ e.device, e.path_hash), at = TABLE_START, id;

	while ((id = table_next(&c->table, hash, &at)) != TABLE_NONE) {
		const struct elf_cached *k = &c->v[id];

		if (k->inode == e.inode && k->device == e.device && k->path_hash == e.path_hash)
			return k->readable ? &k->elf : NULL;
	}
	e.readable = mapped_read_python(pid, m, false, &e.elf) == PS_OK;
	if (table_reserve(&c->table) != PS_OK ||
	    mem_reserve(&c->mem, (void **)&c->v, &c->cap, c->n + 1, sizeof *c->v) != PS_OK) {
		c->spare = e.elf;
		return e.readable ? &c->spare : NULL;
	}
	c->v[c->n] = e;
	table_insert(&c->table, hash, c->n++);
	return e.readable ? &c->v[c->n - 1].elf : NULL;
}
