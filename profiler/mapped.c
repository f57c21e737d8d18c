/* SPDX-License-Identifier: MIT */
#include "profiler/mapped.h"

#include "profiler/scope.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { SEARCH_BLOCK = 1 << 20, TEXT_MAX = 128 };

static int open_checked(const char *path, const struct map *m, bool must_match)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -1;
	/* A device could block or have effects; another inode is another program. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (must_match && (st.st_ino != m->inode || major(st.st_dev) != m->dev_major ||
			    minor(st.st_dev) != m->dev_minor))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* maps shows paths relative to *our* root for a chrooted target, and as that target's
 * mount namespace has them if it has one of its own; map_files opens the very inode,
 * deleted or not, but only for the privileged. */
int mapped_open(int pid, const struct map *m)
{
	static const char deleted[] = " (deleted)";
	char path[4096 + 64];
	int len = (int)m->path_len, fd;

	snprintf(path, sizeof path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, m->start,
		 m->end);
	fd = open_checked(path, m, false);
	if (fd >= 0 || m->path_len > 4096)
		return fd;
	snprintf(path, sizeof path, "/proc/%d/root%.*s", pid, len, m->path);
	fd = open_checked(path, m, true);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof path, "%.*s", len, m->path);
	fd = open_checked(path, m, true);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	fd = open_checked(path, m, true);
	/* On overlay file systems the device in maps is not the one of stat. */
	if (fd < 0 &&
	    (m->path_len < sizeof deleted || memcmp(m->path + m->path_len - (sizeof deleted - 1),
						    deleted, sizeof deleted - 1) != 0)) {
		snprintf(path, sizeof path, "/proc/%d/root%.*s", pid, len, m->path);
		fd = open_checked(path, m, false);
	}
	return fd;
}

bool mapped_next_address(const char *maps, size_t len, size_t *pos, const struct map *file,
			 const struct elf_python *e, uint64_t vaddr, uint64_t *ret)
{
	uint64_t page = ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	struct map m;

	/* The first part that is mapped tells by how much all of them are moved. */
	while (e->nloads && maps_next(maps, len, pos, &m)) {
		if (!m.inode || !mapped_same_file(&m, file) ||
		    m.offset != (e->load[0].offset & page))
			continue;
		*ret = m.start - (e->load[0].vaddr & page) + vaddr;
		return true;
	}
	return false;
}

static bool find_text_behind(int fd, off_t at, const char *text, char *ret, size_t room)
{
	SCOPE_FREE char *block = malloc(SEARCH_BLOCK + 2 * TEXT_MAX);
	size_t len = strlen(text), kept = 0, keep = len + room;

	if (!block || !len || keep > 2 * TEXT_MAX)
		return false;
	while (at < MAPPED_SEARCH_MAX) {
		ssize_t n = pread(fd, block + kept, SEARCH_BLOCK, at);
		size_t have = kept + (n > 0 ? (size_t)n : 0);
		const char *hit = memmem(block, have, text, len);
		size_t behind = hit ? have - (size_t)(hit - block) - len : 0;

		/* What follows may be in the next block yet. */
		if (hit && (n <= 0 || behind + 1 >= room)) {
			if (room) {
				behind = behind < room - 1 ? behind : room - 1;
				memcpy(ret, hit + len, behind);
				ret[behind] = '\0';
			}
			return true;
		}
		if (n <= 0)
			return false;
		at += n;
		kept = have < keep ? have : keep;
		memmove(block, block + have - kept, kept);
	}
	return false;
}

bool mapped_find_text(int fd, const char *text, char *ret, size_t room)
{
	return find_text_behind(fd, 0, text, ret, room);
}

/* sys.version of a PyPy has a second line, "[PyPy 8.0.1 with GCC 14.2.0]". Its strings are data,
 * behind some 40 MB of code, which take ten milliseconds to search. */
static void read_pypy_version(int fd, const struct elf_python *e, char ret[static 16])
{
	off_t data = e->nloads ? (off_t)e->load[e->nloads - 1].offset : 0;

	if (!(data > 0 && find_text_behind(fd, data, "[PyPy ", ret, 16)) &&
	    !mapped_find_text(fd, "[PyPy ", ret, 16))
		return;
	ret[strspn(ret, "0123456789.abrc")] = '\0';
}

enum ps_status mapped_read_python(int pid, const struct map *m, bool all_symbols,
				  struct elf_python *ret)
{
	SCOPE_CLOSE int fd = mapped_open(pid, m);

	if (fd < 0)
		return PS_FAULT;
	PS_TRY(all_symbols ? elf_find_python(fd, ret) : elf_sniff_python(fd, ret));
	if (ret->is_pypy)
		read_pypy_version(fd, ret, ret->pypy);
	return PS_OK;
}

static const struct elf_load *find_load(const struct elf_python *e, uint64_t vaddr)
{
	for (unsigned i = 0; i < e->nloads; i++) {
		const struct elf_load *l = &e->load[i];

		if (l->file_size && vaddr >= l->vaddr && vaddr - l->vaddr < l->memory_size)
			return l;
	}
	return NULL;
}

/* What began as zeros lies behind the last byte that the file has. */
uint64_t mapped_address(const char *maps, size_t len, const struct map *file,
			const struct elf_python *e, uint64_t vaddr, bool executable)
{
	const struct elf_load *l = find_load(e, vaddr);
	uint64_t inside, in_file, offset;
	struct map m;

	if (!l)
		return 0;
	inside = vaddr - l->vaddr;
	in_file = inside < l->file_size ? inside : l->file_size - 1;
	offset = l->offset + in_file;
	for (size_t pos = 0; maps_next(maps, len, &pos, &m);) {
		if (mapped_same_file(&m, file) && (executable ? m.executable : m.writable) &&
		    offset >= m.offset && offset - m.offset < m.end - m.start)
			return m.start + (offset - m.offset) + (inside - in_file);
	}
	return 0;
}
