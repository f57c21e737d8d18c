/* SPDX-License-Identifier: MIT */
#include "profiler/thread.h"

#include <criterion/criterion.h>

static bool has(const struct thread *t, raddr at)
{
	for (unsigned i = 0; i < t->nforeign; i++) {
		if (t->foreign[i].at == at)
			return true;
	}
	return false;
}

Test(thread, reads_along_the_foreign_frames_needed_last)
{
	struct thread t;

	thread_init(&t, 0x1000);
	for (raddr at = 0; at < 3 * FOREIGN_MAX; at++) {
		t.samples++;
		thread_need_foreign(&t, 0x2000 + 16 * at, false);
		thread_need_foreign(&t, 0x2000, true);
	}
	cr_expect_eq(t.nforeign, FOREIGN_MAX);
	cr_expect(has(&t, 0x2000), "needed each time");
	cr_expect_not(has(&t, 0x2010));
	for (raddr at = 3 * FOREIGN_MAX - (FOREIGN_MAX - 1); at < 3 * FOREIGN_MAX; at++)
		cr_expect(has(&t, 0x2000 + 16 * at));
	for (unsigned i = 1; i < t.nforeign; i++)
		cr_expect_lt(t.foreign[i - 1].at, t.foreign[i].at, "in order of address");
	thread_deinit(&t);
}

Test(thread, knows_what_was_a_generator)
{
	struct thread t;

	thread_init(&t, 0x1000);
	thread_need_foreign(&t, 0x2000, false);
	cr_expect_not(thread_knows_generator(&t, 0x2000));
	thread_need_foreign(&t, 0x2000, true);
	thread_need_foreign(&t, 0x2000, false);
	cr_expect(thread_knows_generator(&t, 0x2000), "once is enough");
	cr_expect_not(thread_knows_generator(&t, 0x3000));
	thread_deinit(&t);
}

Test(thread, forgets_foreign_frames_that_are_not_needed)
{
	struct thread t;

	thread_init(&t, 0x1000);
	thread_need_foreign(&t, 0x2000, false);
	thread_need_foreign(&t, 0x3000, false);
	for (int i = 0; i < 1000; i++) {
		t.samples++;
		thread_need_foreign(&t, 0x3000, false);
		thread_age_foreign(&t);
	}
	cr_expect_not(has(&t, 0x2000));
	cr_expect(has(&t, 0x3000));
	thread_deinit(&t);
}

Test(thread, counts_samples_across_their_overflow)
{
	struct thread t;

	thread_init(&t, 0x1000);
	t.samples = UINT32_MAX - 5;
	thread_need_foreign(&t, 0x2000, false);
	t.samples += 10;
	thread_age_foreign(&t);
	cr_expect(has(&t, 0x2000));
	thread_deinit(&t);
}

Test(thread, remembers_entry_frames_and_where_they_lead)
{
	struct thread t;
	raddr previous = 0;

	thread_init(&t, 0x1000);
	for (raddr i = 0; i < 3 * SHIMS_MAX; i++)
		thread_note_shim(&t, 0x5000 + 16 * i, i);
	cr_expect_eq(t.nshims, SHIMS_MAX);
	cr_expect_not(thread_find_shim(&t, 0x5000, &previous));
	for (raddr i = 2 * SHIMS_MAX; i < 3 * SHIMS_MAX; i++) {
		cr_expect(thread_find_shim(&t, 0x5000 + 16 * i, &previous));
		cr_expect_eq(previous, i);
	}
	thread_note_shim(&t, 0x5000 + 16 * (3 * SHIMS_MAX - 1), 99);
	cr_expect(thread_find_shim(&t, 0x5000 + 16 * (3 * SHIMS_MAX - 1), &previous));
	cr_expect_eq(previous, 99, "the last word counts");
	thread_deinit(&t);
}
