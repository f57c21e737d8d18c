/* SPDX-License-Identifier: MIT */
#include "profiler/elf.h"

#include "offsets/pypy_door.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>

/* No library has this many; a broken header may claim 2^32. */
enum {
	SYMBOLS_MAX = 4 << 20,
	SECTIONS_MAX = 4096,
	SYMBOL_BYTES_MAX = 256 << 20,
	DYNAMIC_MAX = 4096,
	DYNAMIC_BYTES_MAX = 1 << 20,
};

static void read_loads(Elf *elf, struct elf_python *e)
{
	size_t n;

	if (elf_getphdrnum(elf, &n) != 0)
		return;
	for (size_t i = 0; i < n && i < 512 && e->nloads < ELF_MAX_LOADS; i++) {
		GElf_Phdr p;

		if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_LOAD)
			e->load[e->nloads++] =
				(struct elf_load){ p.p_vaddr, p.p_offset, p.p_filesz, p.p_memsz };
	}
}

static void note_symbol(const char *name, const GElf_Sym *sym, struct elf_python *e)
{
	if (strcmp(name, "_PyRuntime") == 0) {
		e->has_symbol = true;
		e->symbol = sym->st_value;
	} else if (strcmp(name, "Py_Version") == 0 || strcmp(name, "PyPy_Version") == 0) {
		e->has_version = true;
		e->version = sym->st_value;
	} else if (strcmp(name, "PyRun_SimpleString") == 0) {
		e->has_run = true;
		e->run = sym->st_value;
	} else if (strcmp(name, "PyCallable_Check") == 0) {
		e->has_check = true;
		e->check = sym->st_value;
	} else if (strcmp(name, "_PyThreadState_Current") == 0) {
		e->is_old = true;
	} else if (strcmp(name, PYPY_DOOR_SYMBOL) == 0) {
		e->requests = sym->st_value;
		e->requests_room = pypy_door_path_room(sym->st_size);
		e->has_requests = e->requests_room != 0;
	} else if (strcmp(name, "pypy_execute_source") == 0 ||
		   strcmp(name, "pypy_main_startup") == 0) {
		e->is_pypy = true;
	}
}

static void read_symbols(Elf *elf, Elf_Scn *scn, const GElf_Shdr *header, struct elf_python *e)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;

	for (size_t i = 0; i < n && i < SYMBOLS_MAX; i++) {
		GElf_Sym s;
		const char *name;

		if (!gelf_getsym(data, (int)i, &s) || s.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, header->sh_link, s.st_name);
		if (name)
			note_symbol(name, &s, e);
	}
}

static bool is_library_of_python(const char *name)
{
	return strncmp(name, "libpython3", 10) == 0 || strncmp(name, "libpython2", 10) == 0 ||
	       strncmp(name, "libpypy", 7) == 0;
}

static void read_dynamic(Elf *elf, Elf_Scn *scn, const GElf_Shdr *header, struct elf_python *e)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;

	for (size_t i = 0; i < n && i < DYNAMIC_MAX; i++) {
		const char *name;
		GElf_Dyn d;

		if (!gelf_getdyn(data, (int)i, &d) || d.d_tag == DT_NULL)
			return;
		name = d.d_tag == DT_NEEDED ? elf_strptr(elf, header->sh_link, d.d_un.d_val) : NULL;
		if (name && is_library_of_python(name))
			e->needs_library = true;
	}
}

/* The dynamic symbols of a CPython are all that it exports; the static ones of a build with debug
 * information are many more, and take milliseconds. */
static bool is_told(const struct elf_python *e)
{
	return e->has_symbol && e->has_run && e->has_check;
}

static void read_sections(Elf *elf, bool all_symbols, struct elf_python *e)
{
	size_t names, count = 0;
	Elf_Scn *scn = NULL;
	uint32_t seen = 0; /* types of tables */

	if (elf_getshdrstrndx(elf, &names) != 0)
		return;
	while ((scn = elf_nextscn(elf, scn)) && count++ < SECTIONS_MAX) {
		GElf_Shdr h;
		const char *name;

		if (!gelf_getshdr(scn, &h))
			continue;
		name = elf_strptr(elf, names, h.sh_name);
		if (name && strcmp(name, ".PyRuntime") == 0) {
			e->has_section = true;
			e->section = h.sh_addr;
		}
		if (h.sh_type == SHT_DYNAMIC && h.sh_size <= DYNAMIC_BYTES_MAX)
			read_dynamic(elf, scn, &h, e);
		/* One table of each kind is all there is. */
		if (h.sh_type < 32 && !(seen >> h.sh_type & 1) && h.sh_size <= SYMBOL_BYTES_MAX &&
		    (h.sh_type == SHT_DYNSYM ||
		     (h.sh_type == SHT_SYMTAB && all_symbols && !is_told(e)))) {
			seen |= 1u << h.sh_type;
			read_symbols(elf, scn, &h, e);
		}
	}
}

static enum ps_status find_python(Elf *elf, bool all_symbols, struct elf_python *ret)
{
	struct elf_python e = { 0 };

	if (elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64)
		return PS_FORMAT;
	read_loads(elf, &e);
	read_sections(elf, all_symbols, &e);
	*ret = e;
	return PS_OK;
}

static enum ps_status read_file(int fd, bool all_symbols, struct elf_python *ret)
{
	enum ps_status st;
	Elf *elf;

	elf_version(EV_CURRENT);
	/* Read, not mapped: a file that shrinks meanwhile must not kill us with SIGBUS. */
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return PS_FORMAT;
	st = find_python(elf, all_symbols, ret);
	elf_end(elf);
	return st;
}

enum ps_status elf_find_python(int fd, struct elf_python *ret)
{
	return read_file(fd, true, ret);
}

enum ps_status elf_sniff_python(int fd, struct elf_python *ret)
{
	return read_file(fd, false, ret);
}

enum ps_status elf_find_python_in(char *bytes, size_t len, struct elf_python *ret)
{
	enum ps_status st;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_memory(bytes, len);
	if (!elf)
		return PS_FORMAT;
	st = find_python(elf, true, ret);
	elf_end(elf);
	return st;
}

bool elf_file_offset(const struct elf_python *e, uint64_t vaddr, uint64_t *ret)
{
	for (unsigned i = 0; i < e->nloads; i++) {
		const struct elf_load *l = &e->load[i];

		if (vaddr >= l->vaddr && vaddr - l->vaddr < l->file_size) {
			*ret = vaddr - l->vaddr + l->offset;
			return true;
		}
	}
	return false;
}
