/* SPDX-License-Identifier: MIT */
#include "profiler/identity.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct identity i;
	uint32_t version;
	char said[64];

	if (identity_by_name(text, size, &i)) {
		CHECK(i.kind != PYTHON_NONE && i.guessed && i.parts <= 2);
		identity_describe(&i, said);
		CHECK(said[0]);
	}
	for (char major = '2'; major <= '3'; major++) {
		if (identity_find_version(text, size, major, &version))
			CHECK(version >> 24 == (uint32_t)(major - '0'));
	}
	return 0;
}
