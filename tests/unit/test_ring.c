/* SPDX-License-Identifier: MIT */
#include "offsets/ring.h"

#include <criterion/criterion.h>
#include <string.h>

enum { FIRST_MINOR = 8, LAST_MINOR = 13 };

static const struct ring_layout *layout_of(unsigned minor)
{
	return ring_layout_find(3u << 24 | minor << 16);
}

static void set(unsigned char *bytes, uint32_t at, uint32_t v)
{
	memcpy(bytes + at, &v, sizeof v);
}

static void empty(const struct ring_layout *l, unsigned char *bytes, uint32_t at)
{
	memset(bytes, 0, RING_BYTES_MAX);
	set(bytes, l->first, at);
	set(bytes, l->first + 4, at);
	if (l->limits)
		set(bytes, l->limits, 32);
}

/* As Py_AddPendingCall() does it. */
static void add(const struct ring_layout *l, unsigned char *bytes, uint64_t function)
{
	uint32_t next;
	int count = ring_count(l, bytes);

	cr_assert_geq(count, 0);
	memcpy(&next, bytes + l->first + 4, 4);
	memcpy(bytes + l->calls + next * l->slot, &function, 8);
	set(bytes, l->first + 4, (next + 1) % l->slots);
	if (l->pending)
		set(bytes, l->pending, (uint32_t)count + 1);
}

static uint64_t function_at(const struct ring_layout *l, const unsigned char *bytes, uint32_t slot)
{
	uint64_t v;

	memcpy(&v, bytes + l->calls + slot * l->slot, 8);
	return v;
}

/* As the main thread does it. */
static void take(const struct ring_layout *l, unsigned char *bytes)
{
	uint32_t first;
	int count = ring_count(l, bytes);

	cr_assert_gt(count, 0);
	memcpy(&first, bytes + l->first, 4);
	set(bytes, l->first, (first + 1) % l->slots);
	if (l->pending)
		set(bytes, l->pending, (uint32_t)count - 1);
}

enum { MARK = 0x3333 };

static raddr mark_of(const struct ring_layout *l)
{
	return l->marked ? MARK : 0;
}

static int ours(const struct ring_layout *l)
{
	return l->marked ? 2 : 1;
}

Test(ring, is_known_of_3_8_to_3_13)
{
	cr_expect_null(layout_of(FIRST_MINOR - 1));
	cr_expect_null(layout_of(LAST_MINOR + 1));
	cr_expect_null(ring_layout_find(2u << 24 | 8u << 16));
	for (unsigned minor = FIRST_MINOR; minor <= LAST_MINOR; minor++) {
		const struct ring_layout *l = layout_of(minor);

		cr_assert(l, "3.%u", minor);
		cr_expect_eq(l->minor, minor);
		cr_expect_leq(ring_size(l), RING_BYTES_MAX);
		cr_expect_leq(l->calls + l->slots * l->slot, l->first, "3.%u", minor);
		cr_expect(l->word[RW_LOCK].width && l->word[RW_BREAKER].width);
		cr_expect(l->word[RW_CALLS_TO_DO].width || l->breaker_bit);
		cr_expect_eq(l->word[RW_DEPTH].width + l->word[RW_DEPTH_LEFT].width, 4);
		for (unsigned w = RW_THREAD_NEXT; w <= RW_THREAD_IDENT; w++)
			cr_expect_leq(l->word[w].at + 8, 192, "it is read with the thread's state");
		for (unsigned w = 0; w < RING_NWORDS; w++)
			cr_expect(l->word[w].base < RING_NBASES && l->word[w].width <= 8);
	}
}

Test(ring, a_call_is_put_and_taken_out_again)
{
	for (unsigned minor = FIRST_MINOR; minor <= LAST_MINOR; minor++) {
		const struct ring_layout *l = layout_of(minor);
		unsigned char bytes[RING_BYTES_MAX];
		struct ring_call call;

		for (uint32_t at = 0; at < l->slots; at++) {
			empty(l, bytes, at);
			cr_assert_eq(ring_count(l, bytes), 0);
			cr_assert_not(ring_begins_at_0(l, bytes));
			ring_put(l, bytes, &(struct ring_call){ 0x1111, 0x2222 }, mark_of(l));
			cr_assert_eq(ring_count(l, bytes), ours(l));
			cr_assert(ring_begins_at_0(l, bytes));
			ring_slot0(l, bytes, &call);
			cr_assert(call.function == 0x1111 && call.argument == 0x2222);
			ring_take(l, bytes, mark_of(l));
			cr_assert_eq(ring_count(l, bytes), 0);
			cr_assert_not(ring_begins_at_0(l, bytes));
		}
	}
}

Test(ring, calls_behind_it_keep_their_order)
{
	for (unsigned minor = FIRST_MINOR; minor <= LAST_MINOR; minor++) {
		const struct ring_layout *l = layout_of(minor);
		unsigned char bytes[RING_BYTES_MAX];

		for (int n = 1; n <= 31 - ours(l); n++) {
			empty(l, bytes, 7);
			ring_put(l, bytes, &(struct ring_call){ 1, 2 }, mark_of(l));
			for (int i = 0; i < n; i++)
				add(l, bytes, 100 + (unsigned)i);
			cr_assert_eq(ring_count(l, bytes), n + ours(l));
			cr_assert(ring_begins_at_0(l, bytes));
			ring_take(l, bytes, mark_of(l));
			cr_assert_eq(ring_count(l, bytes), n, "3.%u", minor);
			for (int i = 0; i < n; i++)
				cr_assert_eq(function_at(l, bytes, (unsigned)(ours(l) + i)),
					     100 + (unsigned)i);
		}
	}
}

Test(ring, a_call_that_is_being_made_is_seen_by_its_mark)
{
	const struct ring_layout *l = layout_of(11);
	unsigned char bytes[RING_BYTES_MAX];

	for (unsigned minor = FIRST_MINOR; minor <= LAST_MINOR; minor++)
		cr_expect_eq(layout_of(minor)->marked, minor < 12, "the others say BUSY");
	empty(l, bytes, 7);
	cr_expect_not(ring_shows(l, bytes, MARK));
	ring_put(l, bytes, &(struct ring_call){ 1, 2 }, MARK);
	cr_expect_not(ring_shows(l, bytes, MARK), "it waits");
	take(l, bytes);
	cr_expect(ring_shows(l, bytes, MARK));
	cr_expect_not(ring_shows(l, bytes, 0), "without one, none is seen");
	add(l, bytes, 100);
	cr_expect(ring_shows(l, bytes, MARK), "others come behind it");
	take(l, bytes);
	cr_expect_not(ring_shows(l, bytes, MARK));
	cr_expect_eq(ring_count(l, bytes), 1);
}

Test(ring, what_is_no_mark_is_left_alone)
{
	const struct ring_layout *l = layout_of(11);
	unsigned char bytes[RING_BYTES_MAX];

	empty(l, bytes, 0);
	ring_put(l, bytes, &(struct ring_call){ 1, 2 }, 0);
	add(l, bytes, 100);
	ring_take(l, bytes, MARK);
	cr_expect_eq(ring_count(l, bytes), 1);
	cr_expect_eq(function_at(l, bytes, 1), 100);
}

Test(ring, what_is_none_is_told)
{
	for (unsigned minor = FIRST_MINOR; minor <= LAST_MINOR; minor++) {
		const struct ring_layout *l = layout_of(minor);
		unsigned char bytes[RING_BYTES_MAX];

		empty(l, bytes, 0);
		set(bytes, l->first, l->slots);
		cr_expect_eq(ring_count(l, bytes), -1);
		empty(l, bytes, 0);
		set(bytes, l->first + 4, UINT32_MAX);
		cr_expect_eq(ring_count(l, bytes), -1);
		memset(bytes, 0xff, sizeof bytes);
		cr_expect_eq(ring_count(l, bytes), -1);
		if (!l->pending)
			continue;
		empty(l, bytes, 0);
		set(bytes, l->pending, 1);
		cr_expect_eq(ring_count(l, bytes), -1);
		empty(l, bytes, 0);
		set(bytes, l->limits, 300);
		cr_expect_eq(ring_count(l, bytes), -1);
	}
}

Test(ring, only_that_of_3_13_has_moved)
{
	struct ring_layout l = *layout_of(13), other = *layout_of(12);
	uint32_t before = l.ring.at;

	cr_expect(ring_layout_move(&l, 24));
	cr_expect_eq(l.ring.at, before + 24);
	cr_expect_not(ring_layout_move(&l, 4096));
	cr_expect_not(ring_layout_move(&other, 8));
}
