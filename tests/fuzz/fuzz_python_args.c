/* SPDX-License-Identifier: MIT */
#include "profiler/python_args.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char name[] = "PYTHON_DISABLE_REMOTE_DEBUG";
	struct python_args a;
	bool empty;

	python_args_parse((const char *)data, size, &a);
	/* It takes as many bytes as that at least. */
	CHECK(!a.disables_remote_debug || size >= sizeof "-Xdisable-remote-debug");
	if (environ_find((const char *)data, size, name, &empty))
		CHECK(size >= sizeof name);
	return 0;
}
