/* SPDX-License-Identifier: MIT */
#include "profiler/heap_stream.h"

#include "profiler/heap_rpy.h"

#include <string.h>

enum { CHUNK_END = 9 };
#define CHUNK_MAX ((uint64_t)64 << 20)

static void read_file(struct heap_stream *s)
{
	if (memcmp(s->head, "PSHEAP\r\n", HEAP_RPY_MAGIC) == 0) {
		s->part = HEAP_STREAM_CHUNK;
	} else if (!s->rpy && heap_rpy_is(s->head)) {
		s->rpy = true;
		s->part = HEAP_STREAM_NAMES;
	} else {
		s->torn = true;
	}
}

/* So many bytes, padded, and then the next part. */
static void skip(struct heap_stream *s, uint64_t bytes, enum heap_stream_part next)
{
	s->torn = bytes > CHUNK_MAX;
	s->left = s->torn ? 0 : (bytes + 7) & ~(uint64_t)7;
	s->part = next;
}

static void read_chunk(struct heap_stream *s)
{
	uint32_t kind;

	memcpy(&kind, s->head, sizeof kind);
	memcpy(&s->left, s->head + 8, sizeof s->left);
	s->last = kind == CHUNK_END;
	s->torn = s->left > CHUNK_MAX || s->left % 8;
	s->complete = s->last && !s->left;
}

static void read_head(struct heap_stream *s)
{
	uint64_t word;

	s->have = 0;
	memcpy(&word, s->head, sizeof word);
	switch (s->part) {
	case HEAP_STREAM_FILE:
		read_file(s);
		break;
	case HEAP_STREAM_NAMES:
		skip(s, word, HEAP_STREAM_OWN);
		break;
	case HEAP_STREAM_OWN:
		skip(s, word > CHUNK_MAX ? word : word * 8, HEAP_STREAM_WORDS);
		break;
	case HEAP_STREAM_WORDS:
		if (word == HEAP_RPY_WORDS_END)
			s->part = HEAP_STREAM_FILE;
		break;
	case HEAP_STREAM_CHUNK:
		read_chunk(s);
		break;
	}
}

static size_t head_size(enum heap_stream_part part)
{
	return part == HEAP_STREAM_FILE || part == HEAP_STREAM_CHUNK ? 16 : 8;
}

static size_t take_head(struct heap_stream *s, const unsigned char *at, size_t n)
{
	size_t size = head_size(s->part), want = size - s->have;

	if (n > want)
		n = want;
	memcpy(s->head + s->have, at, n);
	s->have += (unsigned)n;
	if (s->have == size)
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
