/* SPDX-License-Identifier: MIT */
#include "offsets/debug_offsets.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout l;
	struct ps_err err = { 0 };
	char text[64];

	if (debug_offsets_parse(data, size, &l, &err)) {
		CHECK(err.msg[0]);
		return 0;
	}
	/* What readers have room for. */
	CHECK(l.span[S_THREAD] <= 1024 && l.span[S_FRAME] <= 256 && l.span[S_CODE] <= 512);
	CHECK(l.span[S_UNICODE] <= 128 && l.span[S_DICT] <= 128);
	CHECK(l.frame_locals_at >= 32 && l.frame_locals_at % 8 == 0);
	layout_describe(&l, text);
	return 0;
}
