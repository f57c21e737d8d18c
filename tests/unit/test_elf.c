/* SPDX-License-Identifier: MIT */
#include "profiler/elf.h"

#include "tests/support/tail_page.h"
#include "tests/support/tiny_elf.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static enum ps_status find(const struct tiny_elf *e, size_t len, struct elf_python *ret)
{
	return elf_find_python_in(tail_page(e, len), len, ret);
}

Test(elf, finds_section_symbol_and_version)
{
	struct tiny_elf e;
	struct elf_python p;

	tiny_elf_make(&e);
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(p.has_section);
	cr_expect_eq(p.section, TINY_SECTION);
	cr_expect(p.has_symbol);
	cr_expect_eq(p.symbol, TINY_SYMBOL);
	cr_expect(p.has_version);
	cr_expect_eq(p.version, TINY_VERSION);
	cr_expect_not(p.is_pypy, "what is not defined here is another file's");
	cr_expect_eq(p.nloads, 2);
	e.symbol[3].st_shndx = 1;
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(p.is_pypy);
}

Test(elf, finds_the_section_without_symbols)
{
	struct tiny_elf e;
	struct elf_python p;

	tiny_elf_make(&e);
	e.section[2].sh_type = SHT_PROGBITS;
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(p.has_section && !p.has_symbol && !p.has_version);
}

Test(elf, finds_the_symbol_without_the_section)
{
	struct tiny_elf e;
	struct elf_python p;

	tiny_elf_make(&e);
	e.names[1] = 'x';
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(!p.has_section && p.has_symbol);
	e.section[2].sh_type = SHT_SYMTAB;
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(p.has_symbol);
}

Test(elf, knows_those_from_before_the_runtime_by_a_symbol)
{
	enum { NAME_AT = 50 };
	struct elf_python p;
	struct tiny_elf e;

	tiny_elf_make(&e);
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect_not(p.is_old);
	strcpy(e.strings + NAME_AT, "_PyThreadState_Current");
	e.section[3].sh_size = sizeof e.strings;
	e.symbol[4].st_name = NAME_AT;
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(p.is_old);
	e.symbol[4].st_shndx = SHN_UNDEF;
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect_not(p.is_old, "what is not defined here is another file's");
}

Test(elf, tells_whether_it_is_linked_with_a_libpython)
{
	static const struct {
		const char *name;
		int64_t tag;
		bool needs;
	} rows[] = { { "libpython3.13.so.1.0", DT_NEEDED, true },
		     { "libpython3.15t.so.1.0", DT_NEEDED, true },
		     { "libpython2.7.so.1.0", DT_NEEDED, true },
		     { "libpypy3.11-c.so", DT_NEEDED, true },
		     { "libpythonic.so", DT_NEEDED, false },
		     { "libpthread.so.0", DT_NEEDED, false },
		     { "libpython3.13.so.1.0", DT_SONAME, false } };
	enum { NAME_AT = 50 };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		Elf64_Dyn dynamic[] = { { .d_tag = DT_NEEDED, .d_un.d_val = 1 << 20 },
					{ .d_tag = rows[i].tag, .d_un.d_val = NAME_AT },
					{ .d_tag = DT_NULL } };
		struct elf_python p;
		struct tiny_elf e;

		tiny_elf_make(&e);
		memcpy(e.data, dynamic, sizeof dynamic);
		strcpy(e.strings + NAME_AT, rows[i].name);
		e.section[1].sh_type = SHT_DYNAMIC;
		e.section[1].sh_entsize = sizeof *dynamic;
		e.section[1].sh_addralign = 8;
		e.section[1].sh_link = 3;
		e.section[3].sh_size = sizeof e.strings;
		cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
		cr_expect_eq(p.needs_library, rows[i].needs, "%zu", i);
		e.section[1].sh_entsize = 0;
		cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
		cr_expect_not(p.needs_library);
	}
}

Test(elf, without_section_headers_has_loads_alone)
{
	struct tiny_elf e;
	struct elf_python p;

	tiny_elf_make(&e);
	e.header.e_shnum = 0;
	e.header.e_shoff = 0;
	e.header.e_shstrndx = 0;
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(!p.has_section && !p.has_symbol);
	cr_expect_eq(p.nloads, 2);
}

Test(elf, maps_addresses_to_offsets_of_the_file)
{
	struct tiny_elf e;
	struct elf_python p;
	uint64_t offset = 77;

	tiny_elf_make(&e);
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(elf_file_offset(&p, TINY_SYMBOL, &offset));
	cr_expect_eq(offset, TINY_OFFSET + 8);
	cr_expect(elf_file_offset(&p, 0x400000, &offset));
	cr_expect_eq(offset, 0);
	cr_expect(elf_file_offset(&p, TINY_LOAD + 0xff, &offset));
	cr_expect_not(elf_file_offset(&p, TINY_LOAD + 0x100, &offset), "not in the file: .bss");
	cr_expect_not(elf_file_offset(&p, 0x3fffff, &offset));
	cr_expect_not(elf_file_offset(&p, UINT64_MAX, &offset));
	p.load[1].vaddr = UINT64_MAX - 4;
	p.load[1].file_size = UINT64_MAX;
	cr_expect_not(elf_file_offset(&p, 2, &offset), "a load does not go around the end");
}

Test(elf, other_files_are_no_elf_file)
{
	static const char *const odd[] = { "", "x", "\177ELF", "#!/bin/sh\n", "!<arch>\n" };
	struct tiny_elf e;
	struct elf_python p;

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		size_t len = strlen(odd[i]);

		cr_expect_eq(elf_find_python_in(tail_page(odd[i], len), len, &p), PS_FORMAT);
	}
	tiny_elf_make(&e);
	e.header.e_ident[EI_CLASS] = ELFCLASS32;
	cr_expect_eq(find(&e, sizeof e, &p), PS_FORMAT, "of another word size");
	cr_expect_eq(elf_find_python(-1, &p), PS_FORMAT);
}

Test(elf, a_pypy_that_takes_requests)
{
	struct tiny_elf e;
	struct elf_python p;

	tiny_elf_make(&e);
	memcpy(e.strings + 1, "pypysig_counter\0PyPy_Version", 29);
	e.symbol[2].st_name = 17;
	e.symbol[1].st_size = 8;
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect_not(p.has_requests, "a ticker alone");
	cr_expect(p.has_version);
	e.symbol[1].st_size = 4120;
	e.symbol[1].st_value = 0x1234;
	cr_assert_eq(find(&e, sizeof e, &p), PS_OK);
	cr_expect(p.has_requests);
	cr_expect_eq(p.requests, 0x1234);
	cr_expect_eq(p.requests_room, 4096);
}

Test(elf, sniffing_leaves_static_symbols_alone)
{
	struct tiny_elf e;
	struct elf_python p;
	int fd = memfd_create("tiny", 0);

	tiny_elf_make(&e);
	e.section[2].sh_type = SHT_SYMTAB;
	cr_assert_eq(write(fd, &e, sizeof e), (ssize_t)sizeof e);
	cr_assert_eq(elf_sniff_python(fd, &p), PS_OK);
	cr_expect(p.has_section && !p.has_symbol);
	cr_assert_eq(elf_find_python(fd, &p), PS_OK);
	cr_expect(p.has_symbol);
	close(fd);
	cr_expect_eq(elf_sniff_python(-1, &p), PS_FORMAT);
}

Test(elf, reads_a_file)
{
	struct tiny_elf e;
	struct elf_python p;
	int fd = memfd_create("tiny", 0);

	tiny_elf_make(&e);
	cr_assert_eq(write(fd, &e, sizeof e), (ssize_t)sizeof e);
	cr_assert_eq(elf_find_python(fd, &p), PS_OK);
	cr_expect_eq(p.section, TINY_SECTION);
	close(fd);
}

Test(elf, cut_at_any_length_is_survived)
{
	struct tiny_elf e;

	tiny_elf_make(&e);
	for (size_t len = 0; len < sizeof e; len++) {
		struct elf_python p;

		(void)!find(&e, len, &p);
	}
}

/* Each byte of the headers and symbols in turn is something else. */
Test(elf, any_byte_that_lies_is_survived, .timeout = 120)
{
	static const unsigned char lies[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct tiny_elf e;
	unsigned char *at;

	tiny_elf_make(&e);
	at = tail_page(&e, sizeof e);
	for (size_t i = 0; i < sizeof e; i++) {
		for (size_t k = 0; k < sizeof lies; k++) {
			struct elf_python p;

			memcpy(at, &e, sizeof e);
			at[i] = lies[k];
			if (elf_find_python_in((char *)at, sizeof e, &p) == PS_OK)
				cr_assert_leq(p.nloads, ELF_MAX_LOADS);
		}
	}
}
