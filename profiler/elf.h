/* SPDX-License-Identifier: MIT */
/* profiler/elf.h - what an ELF file says about the interpreter inside it. By libelf. */
#ifndef PROFILER_ELF_H
#define PROFILER_ELF_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_MAX_LOADS = 32 };

/* A part of the file that is mapped (PT_LOAD). */
struct elf_load {
	uint64_t vaddr, offset, file_size;
	uint64_t memory_size; /* what the file has not is zeros at first */
};

struct elf_python {
	bool has_section; /* ".PyRuntime": since 3.10 */
	uint64_t section; /* its virtual address in the file */
	bool has_symbol;  /* "_PyRuntime": since 3.7, if not stripped */
	uint64_t symbol;
	bool has_version; /* "Py_Version": since 3.11; "PyPy_Version" */
	uint64_t version; /* virtual address of that 32-bit word */
	bool has_run;     /* "PyRun_SimpleString" */
	uint64_t run;
	bool has_check; /* "PyCallable_Check" */
	uint64_t check;
	bool is_old; /* "_PyThreadState_Current": up to 3.6, before there was a _PyRuntime */
	bool is_pypy;
	bool has_requests;  /* "pypysig_counter" with room for a path: PyPy since 7.3.18 */
	bool needs_library; /* it is linked with a libpython or libpypy, which the loader maps */
	uint64_t requests;  /* its virtual address */
	uint32_t requests_room; /* bytes for that path, its end included */
	char pypy[16];          /* its own version; not filled here, see mapped_read_python() */
	unsigned nloads;
	struct elf_load load[ELF_MAX_LOADS];
};

/* Reads the file behind fd. PS_FORMAT: no ELF file of this machine's kind, or broken;
 * a file of another kind of content is not an error of anybody. */
enum ps_status elf_find_python(int fd, struct elf_python *ret) PS_MUST_USE;
/* The same without the table of static symbols, which is large where it is there at all. */
enum ps_status elf_sniff_python(int fd, struct elf_python *ret) PS_MUST_USE;

/* The same of bytes in memory, which libelf may change. */
enum ps_status elf_find_python_in(char *bytes, size_t len, struct elf_python *ret) PS_MUST_USE;

/* Where in the file the byte at virtual address vaddr stands; false: nowhere. */
bool elf_file_offset(const struct elf_python *e, uint64_t vaddr, uint64_t *ret);

#endif
