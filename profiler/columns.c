/* SPDX-License-Identifier: MIT */
#include "profiler/columns.h"

#include <stdint.h>
#include <string.h>

enum { LEAST_ROOM = 20 };

/* Source: Unicode 15, EastAsianWidth.txt (W and F) and the categories Mn, Me, Cf; the large
 * blocks only. */
static const struct {
	uint32_t first, last;
	unsigned columns;
} blocks[] = {
	{ 0x0300, 0x036f, 0 },   { 0x200b, 0x200f, 0 },   { 0x202a, 0x202e, 0 },
	{ 0x20d0, 0x20ff, 0 },   { 0xfe00, 0xfe0f, 0 },   { 0xfeff, 0xfeff, 0 },
	{ 0x1100, 0x115f, 2 },   { 0x2e80, 0x303e, 2 },   { 0x3041, 0xa4cf, 2 },
	{ 0xa960, 0xa97f, 2 },   { 0xac00, 0xd7a3, 2 },   { 0xf900, 0xfaff, 2 },
	{ 0xfe30, 0xfe6f, 2 },   { 0xff00, 0xff60, 2 },   { 0xffe0, 0xffe6, 2 },
	{ 0x1f300, 0x1f64f, 2 }, { 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
};

/* One character, which *at moves behind. Broken bytes are one each. */
static unsigned take(const char **at)
{
	const unsigned char *s = (const unsigned char *)*at;
	unsigned n = s[0] < 0xc0 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			(*at)++;
			return 1;
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	*at += n;
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		if (c >= blocks[i].first && c <= blocks[i].last)
			return blocks[i].columns;
	}
	return 1;
}

unsigned columns_of(const char *text)
{
	unsigned sum = 0;

	while (*text)
		sum += take(&text);
	return sum;
}

size_t columns_fit(const char *text, unsigned columns)
{
	const char *at = text;

	while (*at) {
		const char *next = at;
		unsigned n = take(&next);

		if (n > columns)
			break;
		columns -= n;
		at = next;
	}
	return (size_t)(at - text);
}

void columns_put(FILE *out, const char *text, unsigned width)
{
	unsigned n = columns_of(text);

	fputs(text, out);
	fprintf(out, "%*s", n < width ? (int)(width - n) : 0, "");
}

/* Bytes of the line that begins here: up to the last blank that fits; a word that alone is
 * too long is cut. */
static size_t line_length(const char *text, unsigned room)
{
	size_t fits = columns_fit(text, room), end = fits;

	if (!text[fits])
		return fits;
	while (end && text[end] != ' ')
		end--;
	return end ? end : fits ? fits : 1;
}

void columns_wrap(FILE *out, const char *text, unsigned indent, unsigned width)
{
	unsigned room = width > indent ? width - indent : 0;

	if (room < LEAST_ROOM) {
		fprintf(out, "%s\n", text);
		return;
	}
	for (;;) {
		size_t n = line_length(text, room);

		fprintf(out, "%.*s\n", (int)n, text);
		text += n;
		text += strspn(text, " ");
		if (!*text)
			break;
		fprintf(out, "%*s", (int)indent, "");
	}
}
