/* SPDX-License-Identifier: MIT */
#include "profiler/clock.h"

#include <criterion/criterion.h>

enum { PERIOD = 1000, START = 1000000 };

Test(schedule, every_deadline_lies_in_its_period)
{
	struct schedule s;

	for (uint64_t seed = 0; seed < 20; seed++) {
		schedule_init(&s, START, PERIOD, seed);
		for (uint64_t i = 0; i < 1000; i++) {
			cr_assert_geq(s.deadline, START + i * PERIOD);
			cr_assert_lt(s.deadline, START + (i + 1) * PERIOD);
			cr_assert_eq(schedule_take(&s, s.deadline), 1);
		}
		cr_expect_eq(s.skipped, 0);
	}
}

Test(schedule, deadlines_are_spread_over_the_period)
{
	struct schedule s;
	unsigned tenth[10] = { 0 };

	schedule_init(&s, START, PERIOD, 42);
	for (uint64_t i = 0; i < 10000; i++) {
		tenth[(s.deadline - START) % PERIOD / (PERIOD / 10)]++;
		(void)schedule_take(&s, s.deadline);
	}
	for (int i = 0; i < 10; i++)
		cr_expect(tenth[i] > 800 && tenth[i] < 1200, "%u of 10000", tenth[i]);
}

Test(schedule, late_by_less_than_a_period_is_still_its_own_sample)
{
	struct schedule s;

	schedule_init(&s, START, PERIOD, 1);
	/* Anywhere in its own period, and in the one after. */
	cr_expect_eq(schedule_take(&s, START + PERIOD - 1), 1);
	cr_expect_eq(schedule_take(&s, START + 2 * PERIOD + PERIOD - 1), 1);
	cr_expect_eq(s.skipped, 0);
}

Test(schedule, weights_sum_up_to_the_periods_that_have_passed)
{
	struct schedule s;
	uint64_t random = 12345, now = START;

	schedule_init(&s, START, PERIOD, 7);
	for (uint64_t sum = 0, samples = 0; samples < 5000; samples++) {
		uint32_t weight;

		/* Now on time, now some periods late. */
		random = random * 6364136223846793005u + 1442695040888963407u;
		if (s.deadline > now)
			now = s.deadline;
		now += random >> 33 & 1 ? (random >> 40) % (6 * PERIOD) : 0;
		weight = schedule_take(&s, now);
		cr_assert_geq(weight, 1);
		sum += weight;
		cr_assert_eq(s.next, sum, "each period is of one sample");
		cr_assert_eq(s.skipped, sum - samples - 1);
		/* What is accounted is what has passed, but for the one under way. */
		cr_assert_leq(sum, (now - START) / PERIOD + 1);
		cr_assert_geq(sum + 1, (now - START) / PERIOD);
	}
}

Test(schedule, does_not_hurry_after_a_stall)
{
	struct schedule s;
	uint64_t now = START + 1000 * PERIOD + 3;
	uint32_t weight;

	schedule_init(&s, START, PERIOD, 9);
	weight = schedule_take(&s, now);
	cr_expect_geq(weight, 1000);
	/* At most one more is due at once; then it waits again. */
	if (s.deadline <= now)
		(void)schedule_take(&s, now);
	cr_expect_gt(s.deadline, now);
}

Test(schedule, time_that_is_nobodys_is_not_skipped_and_no_sample_stands_for_it)
{
	struct schedule s;
	uint64_t sum = 0, now;

	schedule_init(&s, START, PERIOD, 9);
	for (int i = 0; i < 10; i++)
		sum += schedule_take(&s, s.deadline);
	now = START + 1000 * PERIOD + 3;
	schedule_pass(&s, now);
	cr_expect_eq(s.skipped, 0);
	while (s.deadline < START + 1100 * PERIOD)
		sum += schedule_take(&s, s.deadline);
	cr_expect_eq(s.skipped, 0);
	/* The sample of the period under way may still come, and that of the one before. */
	cr_expect(sum >= 109 && sum <= 111, "%lu", (unsigned long)sum);
}

Test(schedule, the_end_of_a_recording_at_which_one_is_late_gives_each_period_its_sample)
{
	enum { PERIODS = 20, UNTIL = START + PERIODS * PERIOD };

	for (uint64_t late_from = 0; late_from < PERIODS; late_from++) {
		struct schedule s;
		uint64_t sum = 0;

		schedule_init(&s, START, PERIOD, late_from);
		for (uint64_t i = 0; i < late_from; i++)
			sum += schedule_take(&s, s.deadline);
		sum += schedule_take(&s, UNTIL);
		cr_expect_eq(sum, PERIODS, "%lu", (unsigned long)sum);
		cr_expect_geq(s.deadline, UNTIL, "no more is due");
	}
}

Test(schedule, as_fast_as_it_goes_has_no_deadlines)
{
	struct schedule s;

	schedule_init(&s, START, 0, 3);
	for (int i = 0; i < 100; i++) {
		cr_expect_eq(s.deadline, START);
		cr_expect_eq(schedule_take(&s, START + 999999999u * (uint64_t)i),
			     i ? 999999999u : 1u);
	}
	cr_expect_eq(s.skipped, 0);
}

Test(schedule, without_a_period_a_sample_stands_for_the_time_since_the_last)
{
	struct schedule s;

	schedule_init(&s, START, 0, 3);
	cr_expect_eq(schedule_take(&s, START + 2500), 2500);
	cr_expect_eq(schedule_take(&s, START + 2900), 400);
	schedule_pass(&s, START + 9000);
	cr_expect_eq(schedule_take(&s, START + 9100), 100);
	cr_expect_eq(schedule_take(&s, START + 9000), 1, "a clock that goes back");
	cr_expect_eq(schedule_take(&s, START + ((uint64_t)1 << 40)), UINT32_MAX);
}

Test(schedule, a_clock_before_the_start_does_no_harm)
{
	struct schedule s;

	schedule_init(&s, START, PERIOD, 3);
	cr_expect_eq(schedule_take(&s, 0), 1);
	cr_expect_eq(schedule_take(&s, START - 1), 1);
}

Test(schedule, a_lifetime_of_lateness_fits_the_weight)
{
	struct schedule s;

	schedule_init(&s, START, 1, 3);
	cr_expect_eq(schedule_take(&s, UINT64_MAX / 2), UINT32_MAX);
}
