/* SPDX-License-Identifier: MIT */
/* tests/support/tiny_elf.h - an ELF file of a few hundred bytes that holds an interpreter. */
#ifndef TESTS_SUPPORT_TINY_ELF_H
#define TESTS_SUPPORT_TINY_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	TINY_SECTION = 0x401000, /* virtual address of .PyRuntime */
	TINY_SYMBOL = 0x401008,  /* of _PyRuntime */
	TINY_VERSION = 0x401010, /* of Py_Version */
	TINY_LOAD = 0x401000,    /* of the second of two PT_LOADs, ... */
	TINY_OFFSET = 0x200,     /* ... which lies here in the file */
};

struct tiny_elf {
	Elf64_Ehdr header;
	Elf64_Phdr load[2];
	Elf64_Shdr section[5]; /* none, .PyRuntime, .dynsym, .dynstr, .shstrtab */
	char data[64];
	Elf64_Sym symbol[5]; /* none, _PyRuntime, Py_Version, one undefined, one of PyPy */
	char strings[80];
	char names[48];
};

void tiny_elf_make(struct tiny_elf *ret);

#endif
