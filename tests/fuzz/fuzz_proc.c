/* SPDX-License-Identifier: MIT */
#include "profiler/proc.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct proc_stat stat;
	struct proc_status status;
	struct proc_schedstat sched;
	char *copy = malloc(size + 1);

	CHECK(copy);
	(void)!proc_parse_stat(text, size, &stat);
	(void)!proc_parse_status(text, size, &status);
	(void)!proc_parse_schedstat(text, size, &sched);
	memcpy(copy, data, size);
	copy[size] = '\0';
	proc_make_printable(copy);
	for (const char *at = copy; *at; at++)
		CHECK((unsigned char)*at >= 0x20 && *at != 0x7f);
	free(copy);
	return 0;
}
