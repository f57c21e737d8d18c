/* SPDX-License-Identifier: MIT */
#include "profiler/heap_stream.h"

#include <string.h>

enum { CHUNK_END = 9 };
#define CHUNK_MAX ((uint64_t)64 << 20)

static void read_head(struct heap_stream *s)
{
	uint32_t kind;

	s->have = 0;
	if (!s->begun) {
		s->begun = true;
		s->torn = memcmp(s->head, "PSHEAP\r\n", 8) != 0;
		return;
	}
	memcpy(&kind, s->head, sizeof kind);
	memcpy(&s->left, s->head + 8, sizeof s->left);
	s->last = kind == CHUNK_END;
	s->torn = s->left > CHUNK_MAX || s->left % 8;
	s->complete = s->last && !s->left;
}

static size_t take_head(struct heap_stream *s, const unsigned char *at, size_t n)
{
	size_t want = sizeof s->head - s->have;

	if (n > want)
		n = want;
	memcpy(s->head + s->have, at, n);
	s->have += (unsigned)n;
	if (s->have == sizeof s->head)
		read_head(s);
	return n;
}

size_t heap_stream_take(struct heap_stream *s, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;
	size_t done = 0;

	while (done < n && !s->complete && !s->torn) {
		size_t part = n - done;

		if (!s->left) {
			done += take_head(s, at + done, part);
			continue;
		}
		if (part > s->left)
			part = (size_t)s->left;
		s->left -= part;
		done += part;
		s->complete = s->last && !s->left;
	}
	return done;
}
