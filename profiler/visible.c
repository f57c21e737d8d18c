/* SPDX-License-Identifier: MIT */
#include "profiler/visible.h"

#include "output/json.h"

/* Of C0, DEL, and C1: U+0080 to U+009F. */
static bool steers(const unsigned char *s, unsigned len)
{
	if (len == 1)
		return (*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f;
	return len == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

size_t visible_text(const char *text, size_t len, bool ascii, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text;
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		unsigned whole = utf8_length(s + i, len - i), bytes = whole ? whole : 1;
		bool hide = !whole || steers(s + i, whole) || (ascii && whole > 1);

		for (size_t end = i + bytes; i < end; i++) {
			if (hide) {
				ret[n++] = '\\';
				ret[n++] = 'x';
				ret[n++] = digits[s[i] >> 4];
				ret[n++] = digits[s[i] & 15];
			} else {
				ret[n++] = text[i];
			}
		}
	}
	return n;
}
