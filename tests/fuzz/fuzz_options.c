/* SPDX-License-Identifier: MIT */
#include "profiler/options.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* The arguments, one a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { ARGS = 24 };
	char name[] = "pysample", *argv[ARGS + 2] = { name };
	char *copy = malloc(size + 1);
	struct options o;
	struct ps_err err = { 0 };
	int argc = 1;

	CHECK(copy);
	memcpy(copy, data, size);
	copy[size] = '\0';
	for (char *at = copy; at && argc <= ARGS;) {
		argv[argc++] = at;
		at = strchr(at, '\n');
		if (at)
			*at++ = '\0';
	}
	if (options_parse(argc, argv, &o, &err) == PS_OK) {
		CHECK(o.pid >= 0 && o.rate >= 0 && o.rate <= RATE_MAX);
		CHECK(o.help || o.version || (o.command & COMMANDS_OF_HEAP) ||
		      o.command == COMMAND_LS || (o.pid != 0) != (o.start != NULL));
		CHECK(o.help || o.version || !(o.command & COMMANDS_OF_HEAP) || o.operands[0]);
	} else {
		CHECK(err.msg[0]);
	}
	free(copy);
	return 0;
}
