/* SPDX-License-Identifier: MIT */
#include "profiler/frames_seen.h"

#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct frame_seen frame(raddr at)
{
	return (struct frame_seen){
		.at = at, .executable = at + 1, .instr = at + 2, .previous = at + 3
	};
}

Test(frames_seen, has_the_latest_at_an_address)
{
	struct frames_seen *s = NULL;
	struct frame_seen f = frame(0x1000);

	cr_expect_null(frames_seen_find(s, 0x1000));
	frames_seen_note(&s, &f, true);
	f.executable = 7;
	frames_seen_note(&s, &f, true);
	cr_assert_not_null(frames_seen_find(s, 0x1000));
	cr_expect_eq(frames_seen_find(s, 0x1000)->executable, 7u);
	cr_expect_null(frames_seen_find(s, 0x1008));
	cr_expect_null(frames_seen_find(s, 0));
	free(s);
}

Test(frames_seen, has_each_code_object_at_an_address)
{
	struct frames_seen *s = NULL;
	struct frame_seen f = frame(0x1000);

	frames_seen_note(&s, &f, true);
	f.executable = 7;
	frames_seen_note(&s, &f, true);
	cr_expect_not_null(frames_seen_find_as(s, 0x1000, 0x1001));
	cr_expect_not_null(frames_seen_find_as(s, 0x1000, 7));
	cr_expect_null(frames_seen_find_as(s, 0x1000, 8));
	cr_expect_null(frames_seen_find_as(s, 0x1008, 7));
	cr_expect_null(frames_seen_find_as(s, 0, 7));
	cr_expect_null(frames_seen_find_as(NULL, 0x1000, 7));
	f = frame(0x1000);
	frames_seen_note(&s, &f, true);
	cr_expect_eq(frames_seen_find(s, 0x1000)->executable, 0x1001u);
	free(s);
}

Test(frames_seen, knows_when_a_frame_was_come_to_in_several_ways)
{
	struct frames_seen *s = NULL;
	struct frame_seen f = frame(0x1000);

	f.caller = 5;
	for (unsigned i = 0; i < 3; i++) {
		frames_seen_note(&s, &f, true);
		cr_expect(frames_seen_find(s, 0x1000)->is_only_way);
		f.instr++;
	}
	f.caller = 6;
	frames_seen_note(&s, &f, true);
	cr_expect_not(frames_seen_find(s, 0x1000)->is_only_way);
	frames_seen_note(&s, &f, true);
	cr_expect_not(frames_seen_find(s, 0x1000)->is_only_way, "for good");
	f = frame(0x2000);
	frames_seen_note(&s, &f, true);
	f.previous++;
	frames_seen_note(&s, &f, true);
	cr_expect_not(frames_seen_find(s, 0x2000)->is_only_way);
	free(s);
}

/* Of more than there is room for, what is noted again and again stays, with all that is known of it;
 * of what comes after something was forgotten nothing is known for sure. */
Test(frames_seen, forgets_what_was_not_noted_for_longest)
{
	enum { MANY = 100 };
	struct frames_seen *s = NULL;

	for (raddr i = 0; i < MANY; i++) {
		struct frame_seen f = frame(0x1000);

		f.executable = MANY;
		f.caller = i == 1;
		frames_seen_note(&s, &f, true);
		f.executable = i;
		frames_seen_note(&s, &f, true);
		cr_expect_eq(frames_seen_find_as(s, 0x1000, i)->is_only_way, i < 7, "%u",
			     (unsigned)i);
	}
	cr_assert_not_null(frames_seen_find_as(s, 0x1000, MANY));
	cr_expect_not(frames_seen_find_as(s, 0x1000, MANY)->is_only_way);
	cr_expect_not_null(frames_seen_find_as(s, 0x1000, MANY - 1));
	cr_expect_null(frames_seen_find_as(s, 0x1000, 1));
	free(s);
}

Test(frames_seen, knows_nothing_when_it_is_cleared_or_made_larger)
{
	struct frames_seen *s = NULL;
	struct frame_seen f = frame(0x1000);

	frames_seen_clear(s);
	frames_seen_note(&s, &f, false);
	frames_seen_clear(s);
	cr_expect_null(frames_seen_find(s, 0x1000));
	frames_seen_note(&s, &f, false);
	cr_expect_not_null(frames_seen_find(s, 0x1000));
	f = frame(0x2000);
	frames_seen_note(&s, &f, true);
	cr_expect_null(frames_seen_find(s, 0x1000));
	cr_expect_not_null(frames_seen_find(s, 0x2000));
	f = frame(0x3000);
	frames_seen_note(&s, &f, false);
	cr_expect_not_null(frames_seen_find(s, 0x2000));
	free(s);
}

Test(frames_seen, has_all_frames_of_a_few_chunks)
{
	enum { FRAMES = 500, BYTES = 120 };
	struct frames_seen *s = NULL;

	for (raddr i = 0; i < FRAMES; i++) {
		struct frame_seen f = frame(0x7f0000004018 + i * BYTES);

		frames_seen_note(&s, &f, true);
	}
	for (raddr i = 0; i < FRAMES; i++)
		cr_expect_not_null(frames_seen_find(s, 0x7f0000004018 + i * BYTES), "%u",
				   (unsigned)i);
	free(s);
}

Test(frames_seen, forgets_some_of_very_many_and_never_mixes_them)
{
	enum { FRAMES = 100000 };
	struct frames_seen *s = NULL;
	unsigned found = 0;

	for (raddr i = 1; i <= FRAMES; i++) {
		struct frame_seen f = frame(i * 64);

		frames_seen_note(&s, &f, true);
	}
	for (raddr i = 1; i <= FRAMES; i++) {
		const struct frame_seen *f = frames_seen_find(s, i * 64);

		if (!f)
			continue;
		found++;
		cr_assert_eq(f->at, i * 64);
		cr_assert_eq(f->previous, i * 64 + 3);
	}
	cr_expect(found > 1000 && found < FRAMES, "%u", found);
	free(s);
}

Test(frames_seen, without_memory_nothing_is_remembered)
{
	struct frames_seen *s = NULL;
	struct frame_seen f = frame(0x1000);

	fail_alloc_at(1);
	frames_seen_note(&s, &f, true);
	fail_alloc_at(0);
	cr_expect_null(s);
	cr_expect_null(frames_seen_find(s, 0x1000));
}
