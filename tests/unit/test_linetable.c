/* SPDX-License-Identifier: MIT */
#include "profiler/linetable.h"

#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <string.h>

enum { ROOM = 64 };

struct decoded {
	struct line_run run[ROOM];
	size_t n;
	enum ps_status st;
};

static struct decoded decode(const void *table, size_t len, uint32_t first, uint32_t units,
			     size_t max)
{
	struct decoded d = { .n = 99 };

	d.st = linetable_decode(tail_page(table, len), len, first, units, d.run, max, &d.n);
	return d;
}

#define DECODE(first, units, ...)                      \
	decode((const unsigned char[]){ __VA_ARGS__ }, \
	       sizeof((const unsigned char[]){ __VA_ARGS__ }), first, units, ROOM)

/* The first byte of an entry: its kind, and how many code units it covers. */
#define ENTRY(kind, units) (0x80 | (kind) << 3 | ((units)-1))

static uint32_t line_at(const struct decoded *d, uint32_t unit, uint32_t first)
{
	return linetable_find(d->run, d->n, unit, first);
}

Test(linetable, short_forms_keep_the_line)
{
	for (unsigned kind = 0; kind < 10; kind++) {
		struct decoded d = DECODE(7, 8, ENTRY(kind, 3), 0x12, ENTRY(11, 5), 4, 9);

		cr_expect_eq(d.st, PS_OK);
		cr_expect_eq(d.n, 2);
		cr_expect_eq(line_at(&d, 2, 7), 7);
		cr_expect_eq(line_at(&d, 3, 7), 8);
		cr_expect_eq(line_at(&d, 7, 7), 8);
	}
}

Test(linetable, one_line_forms_move_by_their_kind)
{
	struct decoded d =
		DECODE(10, 9, ENTRY(10, 1), 0, 0, ENTRY(11, 1), 0, 0, ENTRY(12, 1), 0, 0);

	cr_expect_eq(d.st, PS_OK);
	cr_expect_eq(line_at(&d, 0, 10), 10);
	cr_expect_eq(line_at(&d, 1, 10), 11);
	cr_expect_eq(line_at(&d, 2, 10), 13);
}

Test(linetable, no_column_form_moves_by_a_signed_number)
{
	/* +1, -1, +31 (two groups), -4000 */
	struct decoded d = DECODE(5000, 8, ENTRY(13, 2), 2, ENTRY(13, 2), 3, ENTRY(13, 2), 0x7e, 0,
				  ENTRY(13, 2), 0x41, 0x7d, 1);

	cr_expect_eq(d.st, PS_OK);
	cr_expect_eq(line_at(&d, 0, 5000), 5001);
	cr_expect_eq(line_at(&d, 2, 5000), 5000);
	cr_expect_eq(line_at(&d, 4, 5000), 5031);
	cr_expect_eq(line_at(&d, 6, 5000), 1031);
}

Test(linetable, long_form_passes_over_its_columns)
{
	struct decoded d =
		DECODE(100, 8, ENTRY(14, 4), 9, 0x41, 2, 0x45, 3, 0x46, 4, ENTRY(10, 4), 1, 1);

	cr_expect_eq(d.st, PS_OK);
	cr_expect_eq(line_at(&d, 0, 100), 96);
	cr_expect_eq(line_at(&d, 5, 100), 96);
	cr_expect_eq(d.n, 1, "equal neighbours are one run");
}

Test(linetable, what_has_no_line_has_the_line_before)
{
	struct decoded d =
		DECODE(20, 8, ENTRY(15, 2), ENTRY(11, 2), 0, 0, ENTRY(15, 2), ENTRY(11, 2), 0, 0);

	cr_expect_eq(d.st, PS_OK);
	cr_expect_eq(line_at(&d, 0, 20), 20, "before any, the function's own");
	cr_expect_eq(line_at(&d, 2, 20), 21);
	cr_expect_eq(line_at(&d, 4, 20), 21);
	cr_expect_eq(line_at(&d, 6, 20), 22);
}

Test(linetable, stops_at_the_last_unit)
{
	struct decoded d = DECODE(1, 3, ENTRY(11, 2), 0, 0, ENTRY(11, 2), 0, 0, 0x00, 0x00);

	cr_expect_eq(d.st, PS_OK, "what is behind the last unit is not looked at");
	cr_expect_eq(d.n, 2);
	d = DECODE(1, 0, 0x00);
	cr_expect_eq(d.st, PS_OK);
	cr_expect_eq(d.n, 0);
}

Test(linetable, a_table_that_contradicts_itself_is_torn)
{
	cr_expect_eq(DECODE(1, 8, 0x00).st, PS_TORN, "an entry begins with its top bit");
	cr_expect_eq(DECODE(1, 8, ENTRY(13, 1), 0x80).st, PS_TORN,
		     "no other byte of a number has it");
	cr_expect_eq(DECODE(1, 8, ENTRY(13, 1), 5).st, PS_TORN, "line -1");
	cr_expect_eq(DECODE(1, 8, ENTRY(13, 1), 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f).st,
		     PS_TORN, "a number that does not end");
	cr_expect_eq(DECODE(INT32_MAX, 8, ENTRY(12, 1), 0, 0).st, PS_TORN, "beyond any line");
	cr_expect_eq(DECODE(UINT32_MAX, 8, ENTRY(10, 1), 0, 0).st, PS_TORN);
}

static const unsigned char every_kind[] = {
	ENTRY(0, 1),
	1,
	ENTRY(9, 8),
	1,
	ENTRY(10, 1),
	1,
	1,
	ENTRY(11, 1),
	1,
	1,
	ENTRY(12, 1),
	1,
	1,
	ENTRY(13, 2),
	0x46,
	3,
	ENTRY(14, 3),
	0x41,
	2,
	0x45,
	3,
	7,
	0x46,
	4,
	ENTRY(15, 8),
	ENTRY(13, 1),
	3,
};

Test(linetable, torn_at_every_length_is_ok_or_torn_never_more)
{
	struct decoded whole = decode(every_kind, sizeof every_kind, 50, 200, ROOM);

	cr_assert_eq(whole.st, PS_OK);
	for (size_t len = 0; len < sizeof every_kind; len++) {
		struct decoded d = decode(every_kind, len, 50, 200, ROOM);

		cr_expect(d.st == PS_OK || d.st == PS_TORN);
		cr_expect_leq(d.n, whole.n);
		cr_expect_eq(memcmp(d.run, whole.run, d.n * sizeof *d.run), 0,
			     "what came before is good");
	}
}

Test(linetable, any_byte_changed_is_survived)
{
	unsigned char *t = tail_page(every_kind, sizeof every_kind);

	for (size_t i = 0; i < sizeof every_kind; i++) {
		for (unsigned v = 0; v < 256; v++) {
			struct decoded d;

			memcpy(t, every_kind, sizeof every_kind);
			t[i] = (unsigned char)v;
			d.st = linetable_decode(t, sizeof every_kind, 50, 200, d.run, ROOM, &d.n);
			cr_assert(d.st == PS_OK || d.st == PS_TORN);
			for (size_t k = 1; k < d.n; k++) {
				cr_assert_gt(d.run[k].start, d.run[k - 1].start);
				cr_assert_neq(d.run[k].line, d.run[k - 1].line);
			}
		}
	}
}

Test(linetable, says_when_there_is_no_room)
{
	for (size_t max = 0; max < 8; max++) {
		struct decoded d = decode(every_kind, sizeof every_kind, 50, 200, max);
		struct decoded whole = decode(every_kind, sizeof every_kind, 50, 200, ROOM);

		cr_expect_eq(d.st, max < whole.n ? PS_LIMIT : PS_OK);
		cr_expect_eq(d.n, max < whole.n ? max : whole.n);
	}
}

Test(linetable, finds_the_run_by_halving)
{
	struct line_run runs[33];

	for (uint32_t i = 0; i < 33; i++)
		runs[i] = (struct line_run){ 10 + 3 * i, 1000 + i };
	for (size_t n = 1; n <= 33; n++) {
		cr_expect_eq(linetable_find(runs, n, 9, 5), 5, "before the first run");
		for (uint32_t unit = 10; unit < 130; unit++) {
			uint32_t i = (unit - 10) / 3;

			cr_expect_eq(linetable_find(runs, n, unit, 5),
				     1000 + (i < n ? i : (uint32_t)n - 1));
		}
	}
	cr_expect_eq(linetable_find(runs, 0, 4, 5), 5);
}
