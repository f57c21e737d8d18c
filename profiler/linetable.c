/* SPDX-License-Identifier: MIT */
#include "profiler/linetable.h"

struct bytes {
	const unsigned char *at, *end;
	bool torn;
};

static unsigned next_byte(struct bytes *b)
{
	if (b->at == b->end) {
		b->torn = true;
		return 0;
	}
	return *b->at++;
}

/* Groups of six bits, the lowest first; bit 6 says that more follow. */
static uint32_t next_varint(struct bytes *b)
{
	uint32_t v = 0;

	for (unsigned shift = 0; shift < 32; shift += 6) {
		unsigned byte = next_byte(b);

		if (byte & 0x80)
			b->torn = true;
		v |= (uint32_t)(byte & 0x3f) << shift;
		if (!(byte & 0x40) || b->torn)
			return v;
	}
	b->torn = true;
	return v;
}

static int64_t next_signed_varint(struct bytes *b)
{
	uint32_t v = next_varint(b);

	return v & 1 ? -(int64_t)(v >> 1) : (int64_t)(v >> 1);
}

enum {
	CODE_ONE_LINE_0 = 10,
	CODE_ONE_LINE_2 = 12,
	CODE_NO_COLUMNS = 13,
	CODE_LONG = 14,
	CODE_NONE = 15
};

/* Moves *line as the entry says and passes over its columns; false: it has no line. */
static bool next_entry(struct bytes *b, unsigned code, int64_t *line)
{
	if (code < CODE_ONE_LINE_0) {
		next_byte(b);
	} else if (code <= CODE_ONE_LINE_2) {
		*line += code - CODE_ONE_LINE_0;
		next_byte(b);
		next_byte(b);
	} else if (code == CODE_NO_COLUMNS) {
		*line += next_signed_varint(b);
	} else if (code == CODE_LONG) {
		*line += next_signed_varint(b);
		for (int i = 0; i < 3; i++)
			next_varint(b);
	}
	return code != CODE_NONE;
}

enum ps_status linetable_decode(const unsigned char *table, size_t len, uint32_t first,
				uint32_t units, struct line_run *ret, size_t max, size_t *ret_n)
{
	struct bytes b = { table, table + len, false };
	uint32_t unit = 0, shown = 0;
	int64_t line = first;
	size_t n = 0;

	*ret_n = 0;
	while (b.at < b.end && unit < units) {
		unsigned head = next_byte(&b);
		bool has_line;

		if (!(head & 0x80))
			return PS_TORN;
		has_line = next_entry(&b, head >> 3 & 15, &line);
		if (b.torn || line < 0 || line > INT32_MAX)
			return PS_TORN;
		if (n == 0 || (has_line && (uint32_t)line != shown)) {
			if (n == max)
				return PS_LIMIT;
			shown = has_line ? (uint32_t)line : first;
			ret[n++] = (struct line_run){ unit, shown };
			*ret_n = n;
		}
		unit += (head & 7) + 1;
	}
	return PS_OK;
}

uint32_t linetable_find(const struct line_run *runs, size_t n, uint32_t unit, uint32_t first)
{
	size_t low = 0, high = n; /* the run sought is before high and not before low */

	if (n == 0 || unit < runs[0].start)
		return first;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (runs[middle].start <= unit)
			low = middle;
		else
			high = middle;
	}
	return runs[low].line;
}
