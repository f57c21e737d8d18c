/* SPDX-License-Identifier: MIT */
#include "profiler/unicode.h"

#include "profiler/scope.h"

/* Above any string that exists; what claims more is no string. */
#define LENGTH_ABSURD ((uint64_t)1 << 40)

bool unicode_shape(const struct layout *l, const void *header, struct unicode_shape *ret)
{
	uint32_t state = (uint32_t)layout_get(l, header, F_UNICODE_STATE);
	unsigned shift = l->unicode_kind_shift;
	struct unicode_shape s = { .length = layout_get(l, header, F_UNICODE_LENGTH) };
	bool compact = state >> (shift + 3) & 1, ascii = state >> (shift + 4) & 1;

	s.width = state >> shift & 7;
	if ((s.width != 1 && s.width != 2 && s.width != 4) || s.length > LENGTH_ABSURD ||
	    (ascii && s.width != 1))
		return false;
	if (compact)
		s.data_at = ascii ? l->unicode_ascii_at : l->unicode_compact_at;
	else
		s.pointer_at = l->unicode_compact_at;
	*ret = s;
	return true;
}

static uint32_t character_at(const void *data, size_t i, unsigned width)
{
	uint32_t c = 0;

	memcpy(&c, (const char *)data + i * width, width);
	return c;
}

static size_t put_utf8(uint32_t c, char *ret)
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | c >> 18);
	ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t unicode_to_utf8(const void *data, size_t chars, unsigned width, char *ret)
{
	size_t len = 0;

	for (size_t i = 0; i < chars; i++)
		len += put_utf8(character_at(data, i, width), ret + len);
	return len;
}

enum ps_status unicode_read(struct target *t, const struct layout *l, raddr at, char *ret,
			    size_t *ret_len)
{
	enum { ELLIPSIS = 0x2026 };
	unsigned char header[128];
	struct unicode_shape s;
	SCOPE_FREE unsigned char *data = NULL;
	size_t chars;

	PS_TRY(target_read(t, at, header, l->span[S_UNICODE]));
	if (!unicode_shape(l, header, &s))
		return PS_TORN;
	chars = s.length < UNICODE_CHARS_MAX ? (size_t)s.length : UNICODE_CHARS_MAX;
	if (s.data_at)
		at += s.data_at;
	else
		PS_TRY(target_read(t, at + s.pointer_at, &at, 8));
	data = malloc(chars * s.width + 1);
	if (!data)
		return PS_NOMEM;
	if (chars)
		PS_TRY(target_read(t, at, data, chars * s.width));
	*ret_len = unicode_to_utf8(data, chars, s.width, ret);
	if (chars < s.length)
		*ret_len += put_utf8(ELLIPSIS, ret + *ret_len);
	return PS_OK;
}
