/* SPDX-License-Identifier: MIT */
#include "profiler/maps.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t pos = 0, before = 0;
	struct map m;

	while (maps_next(text, size, &pos, &m)) {
		const char *name;
		size_t len;

		map_basename(&m, &name, &len);
		CHECK(pos > before && pos <= size && m.start < m.end);
		CHECK(m.path >= text && m.path + m.path_len <= text + size);
		CHECK(name >= m.path && name + len <= m.path + m.path_len);
		before = pos;
	}
	CHECK(pos == size);
	return 0;
}
