/* SPDX-License-Identifier: MIT */
#include "profiler/container.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container c;
	char said[64];

	if (!container_parse((const char *)data, size, &c))
		return 0;
	CHECK(c.engine && c.id[0] && strlen(c.id) < CONTAINER_ID_MAX);
	for (const char *at = c.id; *at; at++)
		CHECK(*at > 0x20 && *at < 0x7f);
	container_describe(&c, said);
	CHECK(strlen(said) > strlen(c.engine));
	return 0;
}
