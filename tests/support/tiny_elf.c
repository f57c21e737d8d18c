/* SPDX-License-Identifier: MIT */
#include "tests/support/tiny_elf.h"

#include <string.h>

static const char strings[] = "\0_PyRuntime\0Py_Version\0pypy_main_startup\0other";
static const char names[] = "\0.PyRuntime\0.dynsym\0.dynstr\0.shstrtab";

static Elf64_Shdr section(unsigned name, unsigned type, size_t offset, size_t size)
{
	return (Elf64_Shdr){ .sh_name = name,
			     .sh_type = type,
			     .sh_offset = offset,
			     .sh_size = size,
			     .sh_addralign = 1 };
}

void tiny_elf_make(struct tiny_elf *e)
{
	memset(e, 0, sizeof *e);
	memcpy(e->header.e_ident, ELFMAG "\2\1\1", 7);
	e->header.e_type = ET_DYN;
	e->header.e_machine = EM_X86_64;
	e->header.e_version = EV_CURRENT;
	e->header.e_ehsize = sizeof e->header;
	e->header.e_phoff = offsetof(struct tiny_elf, load);
	e->header.e_phentsize = sizeof *e->load;
	e->header.e_phnum = 2;
	e->header.e_shoff = offsetof(struct tiny_elf, section);
	e->header.e_shentsize = sizeof *e->section;
	e->header.e_shnum = 5;
	e->header.e_shstrndx = 4;
	e->load[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				   .p_vaddr = 0x400000,
				   .p_filesz = TINY_OFFSET,
				   .p_memsz = TINY_OFFSET };
	e->load[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				   .p_vaddr = TINY_LOAD,
				   .p_offset = TINY_OFFSET,
				   .p_filesz = 0x100,
				   .p_memsz = 0x1000 };
	e->section[1] = section(1, SHT_PROGBITS, offsetof(struct tiny_elf, data), sizeof e->data);
	e->section[1].sh_addr = TINY_SECTION;
	e->section[2] =
		section(12, SHT_DYNSYM, offsetof(struct tiny_elf, symbol), sizeof e->symbol);
	e->section[2].sh_entsize = sizeof *e->symbol;
	e->section[2].sh_link = 3;
	e->section[2].sh_addralign = 8;
	e->section[3] = section(20, SHT_STRTAB, offsetof(struct tiny_elf, strings), sizeof strings);
	e->section[4] = section(28, SHT_STRTAB, offsetof(struct tiny_elf, names), sizeof names);
	e->symbol[1] = (Elf64_Sym){ .st_name = 1, .st_shndx = 1, .st_value = TINY_SYMBOL };
	e->symbol[2] = (Elf64_Sym){ .st_name = 12, .st_shndx = 1, .st_value = TINY_VERSION };
	e->symbol[3] = (Elf64_Sym){ .st_name = 23, .st_shndx = SHN_UNDEF };
	e->symbol[4] = (Elf64_Sym){ .st_name = 41, .st_shndx = 1, .st_value = 5 };
	memcpy(e->strings, strings, sizeof strings);
	memcpy(e->names, names, sizeof names);
}
