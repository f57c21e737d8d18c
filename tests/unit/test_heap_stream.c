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

/* What RPython tells, with `names` bytes of names and two objects; and then a dump. */
static size_t put_rpy(unsigned char *at, uint64_t names, uint64_t own)
{
	static const uint64_t objects[] = { 4096, 1, 16, 8192,       UINT64_MAX,
					    8192, 1, 16, UINT64_MAX, UINT64_MAX - 1 };
	size_t n = 16;

	memset(at, 0, 4096);
	memcpy(at, "PSHRPY\r\n", 8);
	memcpy(at + n, &names, 8);
	n += 8 + ((names + 7) & ~(uint64_t)7);
	memcpy(at + n, &own, 8);
	n += 8 + 8 * own;
	memcpy(at + n, objects, sizeof objects);
	return n + sizeof objects;
}

Test(heap_stream, that_of_a_pypy_ends_with_the_dump_that_is_in_it)
{
	unsigned char bytes[3 * 4096];

	for (uint64_t names = 0; names <= 17; names++) {
		size_t before = put_rpy(bytes, names, names % 4);
		size_t len = before + put_dump(bytes + before, 1000, 48);

		for (size_t piece = 1; piece <= len + 8; piece += 1 + piece / 8) {
			struct heap_stream s = { 0 };
			size_t at = 0, done = 1;

			while (done && !s.complete) {
				cr_assert(!s.torn);
				done = heap_stream_take(&s, bytes + at, piece);
				at += done;
			}
			cr_assert(s.complete && s.rpy);
			cr_assert_eq(at, len, "%zu of %zu in pieces of %zu", at, len, piece);
		}
	}
}

Test(heap_stream, what_rpython_tells_is_bounded_and_comes_once)
{
	static const uint64_t lengths[] = { ((uint64_t)64 << 20) + 1, UINT64_MAX };
	unsigned char bytes[3 * 4096];
	struct heap_stream twice = { 0 };
	size_t before;

	for (size_t i = 0; i < 2; i++) {
		struct heap_stream names = { 0 }, own = { 0 };

		put_rpy(bytes, 0, 0);
		memcpy(bytes + 16, &lengths[i], 8);
		cr_assert_eq(heap_stream_take(&names, bytes, sizeof bytes), 24);
		cr_assert(names.torn && !names.complete);
		put_rpy(bytes, 0, 0);
		memcpy(bytes + 24, &lengths[i], 8);
		cr_assert_eq(heap_stream_take(&own, bytes, sizeof bytes), 32);
		cr_assert(own.torn && !own.complete);
	}
	before = put_rpy(bytes, 0, 0);
	put_rpy(bytes + before, 0, 0);
	cr_assert_eq(heap_stream_take(&twice, bytes, sizeof bytes), before + 16);
	cr_assert(twice.torn);
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
