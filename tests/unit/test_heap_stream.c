/* SPDX-License-Identifier: MIT */
#include "profiler/heap_stream.h"

#include <criterion/criterion.h>
#include <string.h>

enum { FILE_HEAD = 16, HEAD = 16, END = 9 };

static size_t put_head(unsigned char *at, uint32_t kind, uint64_t length)
{
	memset(at, 0, HEAD);
	memcpy(at, &kind, sizeof kind);
	memcpy(at + 8, &length, sizeof length);
	return HEAD;
}

static size_t put_dump(unsigned char *at, uint64_t length, uint64_t last)
{
	size_t n = FILE_HEAD;

	memset(at, 0, 4096);
	memcpy(at, "PSHEAP\r\n", 8);
	n += put_head(at + n, 1, length) + length;
	n += put_head(at + n, END, last) + last;
	return n;
}

Test(heap_stream, ends_with_the_last_chunk_in_pieces_of_any_size)
{
	unsigned char bytes[4096];

	for (uint64_t last = 0; last <= 48; last += 24) {
		size_t len = put_dump(bytes, 1000, last);

		for (size_t piece = 1; piece <= len + 8; piece++) {
			struct heap_stream s = { 0 };
			size_t at = 0, done = 1;

			while (done && !s.complete) {
				done = heap_stream_take(&s, bytes + at, piece);
				at += done;
			}
			cr_assert(s.complete && !s.torn);
			cr_assert_eq(at, len, "%zu of %zu in pieces of %zu", at, len, piece);
			cr_assert_eq(heap_stream_take(&s, bytes, 1), 0);
		}
	}
}

Test(heap_stream, is_not_complete_before)
{
	unsigned char bytes[4096];
	size_t len = put_dump(bytes, 1000, 48);

	for (size_t n = 0; n < len; n++) {
		struct heap_stream s = { 0 };

		cr_assert_eq(heap_stream_take(&s, bytes, n), n);
		cr_assert(!s.complete && !s.torn, "%zu", n);
	}
}

Test(heap_stream, what_is_no_dump_is_torn)
{
	static const uint64_t lengths[] = { 7, 12, ((uint64_t)64 << 20) + 8, UINT64_MAX - 7 };
	unsigned char bytes[4096];

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct heap_stream s = { 0 };

		put_dump(bytes, 0, 48);
		put_head(bytes + FILE_HEAD, 4, lengths[i]);
		cr_assert_eq(heap_stream_take(&s, bytes, sizeof bytes), FILE_HEAD + HEAD);
		cr_assert(s.torn && !s.complete);
		cr_assert_eq(heap_stream_take(&s, bytes, 1), 0);
	}
	struct heap_stream s = { 0 };

	cr_assert_eq(heap_stream_take(&s, "GET / HTTP/1.1\r\n\r\n", 18), 16);
	cr_assert(s.torn);
}
