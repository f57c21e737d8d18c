/* SPDX-License-Identifier: MIT */
/* profiler/mapped.h - files as a target has them mapped. */
#ifndef PROFILER_MAPPED_H
#define PROFILER_MAPPED_H

#include "profiler/elf.h"
#include "profiler/maps.h"

/* Opens the file behind a row of pid's maps, the very inode where the kernel allows it; only
 * regular files. -1: it cannot be opened from here. */
int mapped_open(int pid, const struct map *m);

/* What the file says about the interpreter inside it. PS_FAULT: it cannot be opened from
 * here. PS_FORMAT: no ELF file. */
enum ps_status mapped_read_python(int pid, const struct map *m, bool all_symbols,
				  struct elf_python *ret) PS_MUST_USE;

static inline bool mapped_same_file(const struct map *a, const struct map *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/* Where in memory a virtual address of that file stands, which is e: by the rows that map its
 * beginning. There may be more than one, if someone maps it to read it: start with *pos = 0, and
 * ask again with the same until it is the right one. False: no more. */
bool mapped_next_address(const char *maps, size_t len, size_t *pos, const struct map *file,
			 const struct elf_python *e, uint64_t vaddr, uint64_t *ret);
/* Where in the target the byte at virtual address vaddr of that file is, in memory that can be
 * executed, or else written. maps is the text of its maps. 0: nowhere. */
uint64_t mapped_address(const char *maps, size_t len, const struct map *file,
			const struct elf_python *e, uint64_t vaddr, bool executable);

/* Is the text somewhere in the file? ret, of room bytes, gets what follows it up to room - 1
 * bytes, terminated; room 0: nothing. At most MAPPED_SEARCH_MAX bytes are searched. */
bool mapped_find_text(int fd, const char *text, char *ret, size_t room);

enum { MAPPED_SEARCH_MAX = 256 << 20 };

#endif
