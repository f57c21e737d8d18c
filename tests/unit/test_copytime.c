/* SPDX-License-Identifier: MIT */
#include "profiler/copytime.h"

#include <criterion/criterion.h>

enum { US = 1000, BYTES = 4096 };

static enum copy_pace after(struct copytime *s, unsigned times, uint64_t usual, uint32_t pieces,
			    uint64_t took)
{
	for (unsigned i = 0; i < times; i++)
		copytime_judge(s, usual, pieces, BYTES);
	return copytime_judge(s, took, pieces, BYTES);
}

Test(copytime, the_first_is_slow_only_by_what_is_slow_everywhere)
{
	cr_expect_eq(copytime_judge(&(struct copytime){ 0 }, 5 * US, 4, BYTES), COPY_USUAL);
	cr_expect_eq(copytime_judge(&(struct copytime){ 0 }, 15 * US, 4, BYTES), COPY_SLOW);
	cr_expect_eq(copytime_judge(&(struct copytime){ 0 }, 900 * US, 4, BYTES), COPY_SLOW);
}

Test(copytime, slow_is_what_takes_twice_as_long_as_usual)
{
	cr_expect_eq(after(&(struct copytime){ 0 }, 100, 3 * US, 4, 5 * US), COPY_USUAL);
	cr_expect_eq(after(&(struct copytime){ 0 }, 100, 3 * US, 4, 7 * US), COPY_SLOW);
}

Test(copytime, many_pieces_take_longer)
{
	cr_expect_eq(after(&(struct copytime){ 0 }, 100, 20 * US, 40, 30 * US), COPY_USUAL);
	cr_expect_eq(after(&(struct copytime){ 0 }, 100, 20 * US, 40, 45 * US), COPY_SLOW);
}

/* A page of the target that has to come from the disk, or our own time slice that is over. */
Test(copytime, held_up_is_what_takes_far_longer)
{
	struct copytime s = { 0 };

	cr_expect_eq(after(&(struct copytime){ 0 }, 100, 3 * US, 4, 150 * US), COPY_SLOW);
	cr_expect_eq(after(&(struct copytime){ 0 }, 100, 3 * US, 4, 4000 * US), COPY_HELD);
	/* For a large copy that is nothing. */
	after(&s, 100, 3 * US, 4, 3 * US);
	cr_expect_eq(copytime_judge(&s, 2000 * US, 4, 512 * 1024), COPY_SLOW);
	cr_expect_eq(copytime_judge(&s, 4000 * US, 4, 512 * 1024), COPY_HELD);
	/* On a machine that takes so long anyway. */
	cr_expect_eq(after(&(struct copytime){ 0 }, 100, 300 * US, 4, 400 * US), COPY_SLOW);
}

Test(copytime, what_is_usual_follows)
{
	struct copytime s = { 0 };

	cr_expect_eq(after(&s, 100, 3 * US, 4, 8 * US), COPY_SLOW);
	cr_expect_eq(after(&s, 1000, 8 * US, 4, 9 * US), COPY_USUAL);
	/* One that is far longer counts no more than one that is a little. */
	copytime_judge(&s, 4000 * US, 4, BYTES);
	cr_expect_lt(s.usual * 4, 9 * US);
	cr_expect_eq(after(&s, 1000, 3 * US, 4, 8 * US), COPY_SLOW);
}
