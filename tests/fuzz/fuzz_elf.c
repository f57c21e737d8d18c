/* SPDX-License-Identifier: MIT */
#include "profiler/elf.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1); /* libelf may write to it */
	struct elf_python e;
	uint64_t offset;

	CHECK(copy);
	memcpy(copy, data, size);
	if (elf_find_python_in(copy, size, &e) == PS_OK) {
		CHECK(e.nloads <= ELF_MAX_LOADS);
		(void)!elf_file_offset(&e, e.section, &offset);
		(void)!elf_file_offset(&e, e.symbol, &offset);
	}
	free(copy);
	return 0;
}
