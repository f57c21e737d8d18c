/* SPDX-License-Identifier: MIT */
#include "profiler/unicode.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/image.h"
#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct world {
	struct image im;
	char text[UNICODE_UTF8_MAX];
	size_t len;
};

static struct world *world(int id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	return w;
}

static void end(struct world *w)
{
	image_deinit(&w->im);
	free(w);
}

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world(id_); w; end(w), w = NULL)

static enum ps_status read_at(struct world *w, raddr at)
{
	return unicode_read(&w->im.fake.target, &w->im.layout, at, w->text, &w->len);
}

static bool reads_as(struct world *w, raddr at, const char *utf8)
{
	return read_at(w, at) == PS_OK && w->len == strlen(utf8) &&
	       memcmp(w->text, utf8, w->len) == 0;
}

Test(unicode, reads_ascii_latin1_and_wide_text)
{
	static const unsigned char latin1[] = { 'n', 0xe9, 0xff };
	static const uint16_t ucs2[] = { 'x', 0xf6, 0x20ac, 0xfffd };
	static const uint32_t ucs4[] = { 'x', 0x1f40d, 0x10ffff };

	EACH_VERSION(w)
	{
		cr_expect(reads_as(w, image_str(&w->im, "Server.handle"), "Server.handle"));
		cr_expect(reads_as(w, image_str(&w->im, ""), ""));
		for (int compact = 0; compact < 2; compact++) {
			cr_expect(reads_as(w, image_wide_str(&w->im, latin1, 3, 1, compact),
					   "n\u00e9\u00ff"));
			cr_expect(reads_as(w, image_wide_str(&w->im, ucs2, 4, 2, compact),
					   "x\u00f6\u20ac\ufffd"));
			cr_expect(reads_as(w, image_wide_str(&w->im, ucs4, 3, 4, compact),
					   "x\U0001f40d\U0010ffff"));
		}
	}
}

Test(unicode, what_is_no_character_is_replaced)
{
	static const uint16_t lone[] = { 0xd800, 'a', 0xdfff, 0xdc80 };
	static const uint32_t beyond[] = { 0x110000, 0xffffffff, 0xd912, 0xfffe };

	EACH_VERSION(w)
	{
		cr_expect(reads_as(w, image_wide_str(&w->im, lone, 4, 2, true),
				   "\ufffda\ufffd\ufffd"));
		cr_expect(reads_as(w, image_wide_str(&w->im, beyond, 4, 4, true),
				   "\ufffd\ufffd\ufffd\ufffe"));
	}
}

Test(unicode, cuts_long_text_with_an_ellipsis)
{
	uint32_t *chars = calloc(UNICODE_CHARS_MAX + 1, sizeof *chars);

	for (size_t i = 0; i <= UNICODE_CHARS_MAX; i++)
		chars[i] = 0x1f40d;
	EACH_VERSION(w)
	{
		cr_assert_eq(read_at(w, image_wide_str(&w->im, chars, UNICODE_CHARS_MAX, 4, true)),
			     PS_OK);
		cr_expect_eq(w->len, UNICODE_CHARS_MAX * 4);
		cr_assert_eq(
			read_at(w, image_wide_str(&w->im, chars, UNICODE_CHARS_MAX + 1, 4, true)),
			PS_OK);
		cr_expect_eq(w->len, UNICODE_CHARS_MAX * 4 + 3);
		cr_expect_eq(memcmp(w->text + w->len - 3, "\u2026", 3), 0);
	}
	free(chars);
}

Test(unicode, absurd_lengths_and_kinds_are_no_str)
{
	static const uint64_t lengths[] = { ((uint64_t)1 << 40) + 1, UINT64_MAX,
					    (uint64_t)1 << 63 };

	EACH_VERSION(w)
	{
		raddr at = image_str(&w->im, "abc");
		unsigned shift = w->im.layout.unicode_kind_shift;

		for (size_t i = 0; i < 3; i++) {
			image_set(&w->im, at, F_UNICODE_LENGTH, lengths[i]);
			cr_expect_eq(read_at(w, at), PS_TORN);
		}
		/* A length that could be, of memory that is not there. */
		image_set(&w->im, at, F_UNICODE_LENGTH, (uint64_t)1 << 40);
		cr_expect_eq(read_at(w, at), PS_FAULT);
		image_set(&w->im, at, F_UNICODE_LENGTH, 3);
		for (uint32_t kind = 0; kind < 8; kind++) {
			bool good = kind == 1 || kind == 2 || kind == 4;

			image_set(&w->im, at, F_UNICODE_STATE, kind << shift | 1u << (shift + 3));
			cr_expect_eq(read_at(w, at), good ? PS_OK : PS_TORN);
			image_set(&w->im, at, F_UNICODE_STATE, kind << shift | 3u << (shift + 3));
			cr_expect_eq(read_at(w, at), kind == 1 ? PS_OK : PS_TORN,
				     "ASCII is one byte wide");
		}
	}
}

Test(unicode, the_other_bits_of_the_state_mean_nothing_here)
{
	EACH_VERSION(w)
	{
		unsigned shift = w->im.layout.unicode_kind_shift;
		raddr at = image_str(&w->im, "abc");
		uint64_t state = image_get(&w->im, at, F_UNICODE_STATE);

		image_set(&w->im, at, F_UNICODE_STATE,
			  state | ((1u << shift) - 1) | ~((1u << (shift + 5)) - 1));
		cr_expect(reads_as(w, at, "abc"));
	}
}

Test(unicode, any_state_and_any_header_is_survived)
{
	struct layout l = table_layout(TABLE_3_15T);
	unsigned char *header = tail_page((unsigned char[128]){ 0 }, l.span[S_UNICODE]);
	uint64_t random = 1;

	for (int i = 0; i < 100000; i++) {
		struct unicode_shape s;

		for (size_t k = 0; k < l.span[S_UNICODE]; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			header[k] = (unsigned char)(random >> 56);
		}
		if (unicode_shape(&l, header, &s)) {
			cr_assert(s.width == 1 || s.width == 2 || s.width == 4);
			cr_assert((s.data_at == 0) != (s.pointer_at == 0));
		}
	}
}

Test(unicode, conversion_reads_no_byte_too_many)
{
	static const uint32_t chars[] = { 'a', 0xe9, 0x20ac, 0x1f40d };

	for (unsigned width = 1; width <= 4; width *= 2) {
		for (size_t n = 0; n <= 4; n++) {
			unsigned char data[16];
			char ret[32];

			for (size_t i = 0; i < n; i++)
				memcpy(data + i * width, &chars[i], width);
			(void)unicode_to_utf8(tail_page(data, n * width), n, width, ret);
		}
	}
}

Test(unicode, survives_the_failure_of_any_read_and_allocation)
{
	EACH_VERSION(w)
	{
		static const uint16_t data[] = { 0x20ac };
		raddr at = image_wide_str(&w->im, data, 1, 2, false);

		for (uint64_t k = 1; k <= 3; k++) {
			w->im.fake.reads = 0;
			w->im.fake.fail_at = k;
			cr_expect_eq(read_at(w, at), PS_FAULT);
		}
		w->im.fake.fail_at = 0;
		fail_alloc_at(1);
		cr_expect_eq(read_at(w, at), PS_NOMEM);
		fail_alloc_at(0);
		cr_expect(reads_as(w, at, "\u20ac"));
	}
}
