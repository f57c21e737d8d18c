/* SPDX-License-Identifier: MIT */
/* The bytes of a ring of pending calls; the first says of which version. */
#include "offsets/ring.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void change(const struct ring_layout *l, unsigned char *bytes)
{
	const raddr mark = l->marked ? 3 : 0;
	const int ours = mark ? 2 : 1;
	int count = ring_count(l, bytes);
	struct ring_call call;

	CHECK(count >= -1 && count < (int)l->slots);
	if (count > 0 && ring_begins_at_0(l, bytes)) {
		ring_take(l, bytes, mark);
		CHECK(ring_count(l, bytes) == count - 1 || ring_count(l, bytes) == count - ours);
	} else if (count == 0) {
		ring_put(l, bytes, &(struct ring_call){ 1, 2 }, mark);
		CHECK(ring_count(l, bytes) == ours && ring_begins_at_0(l, bytes));
		CHECK(!ring_shows(l, bytes, mark));
		ring_slot0(l, bytes, &call);
		CHECK(call.function == 1 && call.argument == 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char bytes[RING_BYTES_MAX] = { 0 };
	const struct ring_layout *l =
		size ? ring_layout_find(3u << 24 | (uint32_t)(data[0] % 20) << 16) : NULL;

	if (!l)
		return 0;
	/* Ends of rings matter more than their slots. */
	memcpy(bytes, data + 1, size - 1 < 64 ? size - 1 : 64);
	if (size > 65)
		memcpy(bytes + l->first, data + 65, size - 65 < 8 ? size - 65 : 8);
	change(l, bytes);
	change(l, bytes);
	return 0;
}
