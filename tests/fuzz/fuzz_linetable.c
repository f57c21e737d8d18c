/* SPDX-License-Identifier: MIT */
#include "profiler/linetable.h"
#include "tests/fuzz/fuzz.h"

/* Two bytes of units, two of first line, the table. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { RUNS = 256 };
	struct line_run runs[RUNS];
	uint32_t units, first;
	size_t n, max;
	enum ps_status st;

	if (size < 4)
		return 0;
	units = data[0] | (uint32_t)data[1] << 8;
	first = data[2] | (uint32_t)data[3] << 8;
	max = first % RUNS;
	st = linetable_decode(data + 4, size - 4, first, units, runs, max, &n);
	CHECK(st == PS_OK || st == PS_TORN || st == PS_LIMIT);
	CHECK(n <= max && (st != PS_LIMIT || n == max));
	for (size_t i = 0; i < n; i++) {
		CHECK(runs[i].start < units && (i == 0 || runs[i].start > runs[i - 1].start));
		CHECK(linetable_find(runs, n, runs[i].start, first) == runs[i].line);
	}
	(void)linetable_find(runs, n, UINT32_MAX, first);
	return 0;
}
