/* SPDX-License-Identifier: MIT */
/* profiler/elf_cache.h - what is known of mapped files, so that each is read once where many
 * processes are looked at.
 *
 * A file is known by what maps says of it: device, inode and path. Two files of one file
 * system can agree in all three only across snapshots that have been changed since, and then
 * the wrong answer is one that does not stand the checks of locate.h. Static symbols are not
 * looked at (elf_sniff_python()). */
#ifndef PROFILER_ELF_CACHE_H
#define PROFILER_ELF_CACHE_H

#include "profiler/elf.h"
#include "profiler/maps.h"
#include "profiler/mem.h"

struct elf_cache {
	struct mem mem;
	struct table table;
	struct elf_cached *v;
	uint32_t n, cap;
	struct elf_python spare; /* where there is no more room */
};

void elf_cache_init(struct elf_cache *c);
void elf_cache_deinit(struct elf_cache *c);

/* Of the file behind that row of pid's maps; NULL: it cannot be opened, or is no ELF file.
 * Lasts until the next call. */
const struct elf_python *elf_cache_find(struct elf_cache *c, int pid, const struct map *m);

#endif
