/* SPDX-License-Identifier: MIT */
#include "profiler/unicode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/image.h"

static void check_utf8(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + len;

	while (at < end) {
		size_t n = *at < 0x80 ? 1 : *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;

		CHECK(*at < 0x80 || (*at >= 0xc2 && *at < 0xf5));
		CHECK(n <= (size_t)(end - at));
		for (size_t i = 1; i < n; i++)
			CHECK((at[i] & 0xc0) == 0x80);
		at += n;
	}
}

/* One byte for the version; the rest is memory that begins with a str. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_target *f = malloc(sizeof *f);
	char *text = malloc(UNICODE_UTF8_MAX);
	struct layout l;
	size_t len = 0;

	CHECK(f && text);
	if (size > 1 && size < 64 * 1024) {
		l = table_layout(data[0] % NTABLES);
		fake_init(f);
		fake_map(f, FAKE_BASE, size - 1);
		fake_put(f, FAKE_BASE, data + 1, size - 1);
		if (unicode_read(&f->target, &l, FAKE_BASE, text, &len) == PS_OK) {
			CHECK(len <= UNICODE_UTF8_MAX);
			check_utf8(text, len);
		}
		fake_deinit(f);
	}
	free(text);
	free(f);
	return 0;
}
