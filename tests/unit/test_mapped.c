/* SPDX-License-Identifier: MIT */
/* Files of this very process. */
#include "profiler/mapped.h"

#include "profiler/elf_cache.h"
#include "profiler/proc.h"
#include "tests/support/temporary.h"
#include "tests/support/tiny_elf.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20 }; /* that the search reads at once */

static int file_with(size_t before, const char *text, size_t behind)
{
	int fd = memfd_create("text", 0);
	char *zeros = calloc(1, before + behind + 1);

	cr_assert_eq(write(fd, zeros, before), (ssize_t)before);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(write(fd, zeros, behind), (ssize_t)behind);
	free(zeros);
	return fd;
}

Test(mapped, finds_text_across_the_borders_of_blocks)
{
	for (size_t before = BLOCK - 16; before <= BLOCK + 2; before++) {
		int fd = file_with(before, "[PyPy 8.0.1 with", 100);
		char after[8] = "";

		cr_expect(mapped_find_text(fd, "[PyPy ", NULL, 0), "%zu", before);
		cr_assert(mapped_find_text(fd, "[PyPy ", after, sizeof after), "%zu", before);
		cr_expect_str_eq(after, "8.0.1 w", "%zu", before);
		close(fd);
	}
}

Test(mapped, finds_text_at_the_very_end)
{
	char after[16] = "old";
	int fd = file_with(10, "key:v", 0);

	cr_assert(mapped_find_text(fd, "key:", after, sizeof after));
	cr_expect_str_eq(after, "v");
	cr_assert(mapped_find_text(fd, "key:v", after, sizeof after));
	cr_expect_str_eq(after, "");
	cr_expect_not(mapped_find_text(fd, "key:va", NULL, 0));
	close(fd);
	fd = file_with(0, "", 0);
	cr_expect_not(mapped_find_text(fd, "key", NULL, 0));
	close(fd);
	cr_expect_not(mapped_find_text(-1, "key", NULL, 0));
}

/* The row of this process's maps in which that address lies. */
static bool row_of(const void *at, char **text, struct map *ret)
{
	size_t len, pos = 0;

	cr_assert_eq(proc_read_file(getpid(), "maps", 1 << 20, text, &len, NULL), PS_OK);
	while (maps_next(*text, len, &pos, ret)) {
		if ((uintptr_t)at >= ret->start && (uintptr_t)at < ret->end)
			return true;
	}
	return false;
}

Test(mapped, opens_the_file_that_is_mapped)
{
	static const int variable = 5;
	char *text;
	struct map m;
	struct stat own, opened;
	int fd;

	cr_assert(row_of(&variable, &text, &m));
	fd = mapped_open(getpid(), &m);
	cr_assert_geq(fd, 0);
	cr_assert_eq(stat("/proc/self/exe", &own), 0);
	cr_assert_eq(fstat(fd, &opened), 0);
	cr_expect_eq(opened.st_ino, own.st_ino);
	close(fd);
	free(text);
}

/* A file that is mapped, and the row of its mapping. */
struct file {
	char path[TEMPORARY_PATH], *text;
	int fd;
	struct map row;
};

static void file_map(struct file *f, const struct tiny_elf *e)
{
	void *at;

	f->fd = temporary_file(f->path);
	cr_assert_eq(write(f->fd, e, sizeof *e), (ssize_t)sizeof *e);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, f->fd, 0);
	cr_assert_neq(at, MAP_FAILED);
	cr_assert(row_of(at, &f->text, &f->row));
}

static void file_close(struct file *f)
{
	unlink(f->path);
	close(f->fd);
	free(f->text);
}

Test(mapped, reads_what_is_inside)
{
	struct tiny_elf e;
	struct elf_python p;
	struct file f;

	tiny_elf_make(&e);
	e.symbol[3].st_shndx = 1; /* one of PyPy's */
	memcpy(e.data, "[PyPy 7.3.19 with", 18);
	file_map(&f, &e);
	cr_assert_eq(mapped_read_python(getpid(), &f.row, true, &p), PS_OK);
	cr_expect(p.has_section && p.is_pypy);
	cr_expect_str_eq(p.pypy, "7.3.19");
	cr_assert_eq(ftruncate(f.fd, 20), 0);
	cr_expect_eq(mapped_read_python(getpid(), &f.row, true, &p), PS_FORMAT);
	file_close(&f);
	f.row.inode++;
	f.row.start = f.row.end = 0;
	f.row.path = "/nowhere";
	f.row.path_len = 8;
	cr_expect_eq(mapped_read_python(getpid(), &f.row, true, &p), PS_FAULT);
}

/* Its version is looked for where its data begins, and then everywhere. */
Test(mapped, finds_the_version_of_a_pypy_in_its_data_or_elsewhere)
{
	enum { DATA = offsetof(struct tiny_elf, data), HALF = 32 };
	const struct {
		uint64_t last_load;
		const char *first, *second, *found;
	} cases[] = {
		{ DATA + HALF, "[PyPy 7.3.18 with", "[PyPy 7.3.19 with", "7.3.19" },
		{ DATA + HALF, "[PyPy 7.3.18 with", "", "7.3.18" },
		{ UINT64_MAX, "[PyPy 7.3.18 with", "", "7.3.18" },
		{ 0, "", "[PyPy 7.3.19 with", "7.3.19" },
		{ 0, "", "", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tiny_elf e;
		struct elf_python p;
		struct file f;

		tiny_elf_make(&e);
		e.symbol[3].st_shndx = 1; /* one of PyPy's */
		e.load[1].p_offset = cases[i].last_load;
		memcpy(e.data, cases[i].first, strlen(cases[i].first) + 1);
		memcpy(e.data + HALF, cases[i].second, strlen(cases[i].second) + 1);
		file_map(&f, &e);
		cr_assert_eq(mapped_read_python(getpid(), &f.row, true, &p), PS_OK);
		cr_expect_str_eq(p.pypy, cases[i].found, "case %zu", i);
		file_close(&f);
	}
}

Test(mapped, finds_where_an_address_of_a_file_is)
{
	static const char text[] = "7f0000000000-7f0000002000 r--p 00000000 08:01 42 /lib/a.so\n"
				   "7f0000002000-7f0000003000 rw-p 00002000 08:01 42 /lib/a.so\n"
				   "7f0000100000-7f0000102000 r--p 00000000 08:01 43 /lib/b.so\n"
				   "7f0000200000-7f0000202000 r--p 00000000 08:01 42 /lib/a.so\n"
				   "7f0000300000-7f0000301000 rw-p 00000000 00:00 0\n";
	/* Its data lies elsewhere in memory than in the file. */
	struct elf_python e = { .nloads = 2,
				.load = { { 0, 0, 0x2000 }, { 0x12fb0, 0x2fb0, 0x50 } } };
	struct map m;
	size_t pos = 0;
	uint64_t at;

	cr_assert(maps_next(text, sizeof text - 1, &pos, &m));
	pos = 0;
	cr_assert(mapped_next_address(text, sizeof text - 1, &pos, &m, &e, 0x12fc0, &at));
	cr_expect_eq(at, 0x7f0000012fc0);
	cr_assert(mapped_next_address(text, sizeof text - 1, &pos, &m, &e, 0x12fc0, &at));
	cr_expect_eq(at, 0x7f0000212fc0);
	cr_expect_not(mapped_next_address(text, sizeof text - 1, &pos, &m, &e, 0x12fc0, &at));
	pos = 0;
	e.load[0] = (struct elf_load){ 0x400123, 0x123, 0x2000, 0x2000 };
	cr_assert(mapped_next_address(text, sizeof text - 1, &pos, &m, &e, 0x412fc0, &at));
	cr_expect_eq(at, 0x7f0000012fc0, "its parts begin inside a page");
	pos = e.nloads = 0;
	cr_expect_not(mapped_next_address(text, sizeof text - 1, &pos, &m, &e, 0, &at));
}

/* This very program passes for an interpreter whose runtime began as zeros. */
int PyRun_SimpleString(const char *text);
extern uint64_t _PyRuntime[1024];
uint64_t _PyRuntime[1024];

int PyRun_SimpleString(const char *text)
{
	return text != NULL;
}

Test(mapped, finds_code_and_data_in_memory)
{
	struct elf_python e;
	struct map m;
	char *text;

	cr_assert(PyRun_SimpleString("") && !_PyRuntime[0]);
	cr_assert(row_of((const void *)(uintptr_t)PyRun_SimpleString, &text, &m));
	cr_assert_eq(mapped_read_python(getpid(), &m, true, &e), PS_OK);
	cr_assert(e.has_run && e.has_symbol);
	cr_expect_eq(mapped_address(text, strlen(text), &m, &e, e.run, true),
		     (uintptr_t)PyRun_SimpleString);
	cr_expect_eq(mapped_address(text, strlen(text), &m, &e, e.symbol, false),
		     (uintptr_t)_PyRuntime);
	cr_expect_eq(mapped_address(text, strlen(text), &m, &e, e.symbol, true), 0, "no code");
	cr_expect_eq(mapped_address(text, strlen(text), &m, &e, (uint64_t)1 << 60, false), 0);
	m.inode++;
	cr_expect_eq(mapped_address(text, strlen(text), &m, &e, e.run, true), 0);
	free(text);
}

Test(elf_cache, reads_a_file_once)
{
	struct elf_cache c;
	struct tiny_elf e;
	const struct elf_python *p;
	struct file f;
	struct map other;

	tiny_elf_make(&e);
	file_map(&f, &e);
	elf_cache_init(&c);
	p = elf_cache_find(&c, getpid(), &f.row);
	cr_assert(p && p->has_section);
	cr_assert_eq(ftruncate(f.fd, 0), 0);
	cr_expect(elf_cache_find(&c, getpid(), &f.row), "what was read is kept");
	other = f.row;
	other.inode++;
	other.start = 1;
	other.path_len = 1;
	cr_expect_null(elf_cache_find(&c, getpid(), &other));
	cr_expect_null(elf_cache_find(&c, getpid(), &other));
	cr_expect_eq(c.n, 2);
	c.mem.max = 0; /* no more room */
	other.inode++;
	for (int i = 0; i < 3; i++)
		cr_expect_null(elf_cache_find(&c, getpid(), &other));
	file_close(&f);
	elf_cache_deinit(&c);
}

Test(elf_cache, without_room_still_reads)
{
	struct elf_cache c;
	struct tiny_elf e;
	const struct elf_python *p;
	struct file f;

	tiny_elf_make(&e);
	file_map(&f, &e);
	elf_cache_init(&c);
	c.mem.max = 0;
	for (int i = 0; i < 3; i++) {
		p = elf_cache_find(&c, getpid(), &f.row);
		cr_expect(p && p->section == TINY_SECTION);
	}
	cr_expect_eq(c.n, 0);
	file_close(&f);
	elf_cache_deinit(&c);
}
