/* SPDX-License-Identifier: MIT */
#include "profiler/heap_dump.h"
#include "profiler/heap_rpy.h"
#include "tests/fuzz/fuzz.h"

/* What a PyPy streams, whole; and what was made of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ps_err err = { 0 };
	struct heap_dump d;
	char *joined;
	size_t len;
	FILE *out = open_memstream(&joined, &len);
	enum ps_status st;

	CHECK(out);
	st = heap_rpy_join(data, size, 1u << 26, out, &err);
	fclose(out);
	CHECK(!st || err.msg[0]);
	if (!st && heap_dump_parse(joined, len, 1u << 26, &d, &err) == PS_OK)
		heap_dump_close(&d);
	free(joined);
	return 0;
}
