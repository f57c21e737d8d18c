/* SPDX-License-Identifier: MIT */
/* What a stack is made of, on images of every version: each test runs on all of them, and says
 * which. */
#include "profiler/unwind.h"

#include "tests/support/unwind_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(unwind, sees_a_plain_stack)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 2);
		image_push(&w->t, w->g, 7);
		expect_both(w, "main:5 f:102 g:207");
		expect_live(w, "main:5 f:102 g:207");
		cr_expect_not(w->rig.out.foreign);
		cr_expect_not(w->rig.out.truncated);
	}
}

Test(unwind, sees_that_a_thread_runs_no_python)
{
	EACH_VERSION(w)
	{
		expect_both(w, "");
		image_push(&w->t, w->main, 4);
		image_pop(&w->t);
		expect_both(w, "");
	}
}

Test(unwind, follows_calls_and_returns_from_sample_to_sample)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 2);
		expect_live(w, "main:5 f:102");
		image_push(&w->t, w->g, 0);
		expect_live(w, "main:5 f:102 g:200");
		image_pop(&w->t);
		expect_live(w, "main:5 f:102");
		image_step(&w->t, 9);
		expect_live(w, "main:5 f:109");
		image_pop(&w->t);
		image_push(&w->t, w->h, 1);
		expect_live(w, "main:5 h:301");
		image_pop(&w->t);
		image_pop(&w->t);
		expect_live(w, "");
	}
}

Test(unwind, a_steady_stack_costs_one_read)
{
	EACH_VERSION(w)
	{
		uint64_t before;

		image_push(&w->t, w->main, 4);
		image_push_shim(&w->t);
		image_push(&w->t, w->f, 2);
		image_push_generator(&w->t, w->gen, 3);
		image_push(&w->t, w->g, 2);
		expect_live(w, "main:5 f:116 gen:403 g:202");
		expect_live(w, "main:5 f:116 gen:403 g:202");
		before = w->im.fake.reads;
		expect_live(w, "main:5 f:116 gen:403 g:202");
		cr_expect_eq(w->im.fake.reads - before, 1, "%s: %lu reads", w->version,
			     (unsigned long)(w->im.fake.reads - before));
		cr_expect_not(w->rig.out.foreign);
	}
}

Test(unwind, does_not_see_what_was_popped)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 2);
		image_push(&w->t, w->g, 2);
		image_push(&w->t, w->h, 2);
		image_pop(&w->t);
		image_pop(&w->t);
		expect_both(w, "main:5 f:102");
	}
}

Test(unwind, passes_through_entry_frames_of_c)
{
	EACH_VERSION(w)
	{
		image_push_shim(&w->t);
		image_push(&w->t, w->main, 4);
		image_push_shim(&w->t);
		image_push(&w->t, w->f, 2);
		image_push_shim(&w->t);
		image_push(&w->t, w->g, 2);
		expect_both(w, "main:5 f:102 g:202");
	}
}

Test(unwind, an_entry_frame_on_top_is_no_frame)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 2);
		image_push_shim(&w->t);
		expect_both(w, "main:5 f:102");
	}
}

Test(unwind, sees_generators_between_on_top_and_nested)
{
	EACH_VERSION(w)
	{
		raddr inner = image_code(
			&w->im,
			&(struct image_code){ .name = "inner", .first_line = 500, .flags = 0x80 });

		image_push(&w->t, w->main, 4);
		image_push_generator(&w->t, w->gen, 3);
		expect_both(w, "main:17 gen:403");
		image_push_generator(&w->t, inner, 1);
		expect_both(w, "main:17 gen:416 inner:501");
		image_push(&w->t, w->f, 2);
		expect_both(w, "main:17 gen:416 inner:501 f:102");
		image_push_shim(&w->t);
		image_push_generator(&w->t, inner, 2);
		expect_both(w, "main:17 gen:416 inner:501 f:102 inner:502");
		image_pop(&w->t);
		image_pop(&w->t);
		image_pop(&w->t);
		image_pop(&w->t);
		expect_both(w, "main:17");
	}
}

Test(unwind, a_generator_alone_at_the_bottom_is_a_stack)
{
	EACH_VERSION(w)
	{
		image_push_shim(&w->t);
		image_push_generator(&w->t, w->gen, 3);
		expect_both(w, "gen:403");
		image_push(&w->t, w->f, 1);
		expect_both(w, "gen:403 f:101");
	}
}

Test(unwind, a_generators_frame_left_on_the_data_stack_is_dead)
{
	EACH_VERSION(w)
	{
		raddr left;

		image_push(&w->t, w->main, 4);
		/* RETURN_GENERATOR has moved it to the heap and left the slot as it was. */
		left = image_push(&w->t, w->gen, 0);
		image_pop(&w->t);
		image_set(&w->im, left, F_FRAME_EXECUTABLE, w->gen);
		image_set(&w->im, left, F_FRAME_INSTR, w->gen + w->im.layout.code_units_at);
		image_set(&w->im, left, F_FRAME_STACKTOP, 3);
		expect_both(w, "main:5");
	}
}

Test(unwind, goes_through_many_chunks)
{
	EACH_VERSION(w)
	{
		char want[4096] = "main:5";
		size_t len = 6;

		w->t.chunk_bytes = 1024;
		image_push(&w->t, w->main, 4);
		for (unsigned i = 0; i < 200; i++) {
			image_push(&w->t, w->f, i % 8);
			len += (size_t)snprintf(want + len, sizeof want - len, " f:%u",
						100 + i % 8);
		}
		expect_both(w, want);
		cr_expect_gt(w->rig.thread.nchunks, 10);
		while (w->t.nframes > 4)
			image_pop(&w->t);
		expect_both(w, "main:5 f:100 f:101");
		expect_live(w, "main:5 f:100 f:101");
		for (unsigned i = 2; i < 40; i++)
			image_push(&w->t, w->f, i % 8);
		for (unsigned i = 40; i > 2; i--)
			image_pop(&w->t);
		expect_both(w, "main:5 f:100 f:101");
	}
}

Test(unwind, one_huge_frame_has_a_chunk_of_its_own)
{
	EACH_VERSION(w)
	{
		raddr huge = image_code(&w->im, &(struct image_code){ .name = "huge",
								      .first_line = 600,
								      .locals = 6000,
								      .stack = 3000 });

		image_push(&w->t, w->main, 4);
		image_push(&w->t, huge, 1);
		image_push(&w->t, w->f, 1);
		expect_both(w, "main:5 huge:601 f:101");
	}
}

static const char *count_marker(const char *text, unsigned *ret_frames)
{
	const char *marker = strstr(text, "[frames left out");

	*ret_frames = 1;
	for (const char *at = text; (at = strstr(at, " f:")); at++)
		++*ret_frames;
	return marker;
}

Test(unwind, truncates_ten_thousand_frames_in_the_middle)
{
	EACH_VERSION(w)
	{
		unsigned n;

		image_push(&w->t, w->main, 4);
		for (unsigned i = 0; i < 10000; i++)
			image_push(&w->t, w->f, i % 8);
		image_push(&w->t, w->g, 1);
		cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
		cr_expect(w->rig.out.truncated);
		cr_expect(count_marker(rig_stack(&w->rig), &n), "%s", w->version);
		cr_expect_eq(n, KEEP_ROOT + KEEP_LEAF - 1, "%s: %u", w->version, n);
		cr_expect_eq(strncmp(rig_stack(&w->rig), "main:5 f:100 f:101 f:102", 24), 0);
		cr_expect_str_eq(strrchr(rig_stack(&w->rig), ' '), " g:201");
		while (w->t.nframes > 3)
			image_pop(&w->t);
		expect_live(w, "main:5 f:100");
	}
}

Test(unwind, truncates_a_stack_of_more_bytes_than_are_copied)
{
	EACH_VERSION(w)
	{
		raddr fat = image_code(&w->im, &(struct image_code){ .name = "f",
								     .first_line = 100,
								     .locals = 100,
								     .stack = 20 });
		unsigned n;

		image_push(&w->t, w->main, 4);
		for (unsigned i = 0; i < 3000; i++)
			image_push(&w->t, fat, i % 8);
		image_push(&w->t, w->g, 1);
		cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
		cr_expect(w->rig.out.truncated);
		cr_expect(count_marker(rig_stack(&w->rig), &n), "%s", w->version);
		cr_expect_eq(strncmp(rig_stack(&w->rig), "main:5 f:100 f:101 f:102", 24), 0);
		cr_expect_str_eq(strrchr(rig_stack(&w->rig), ' '), " g:201");
	}
}

Test(unwind, uses_the_bytecode_copy_of_the_thread)
{
	static const enum table_id ids[] = { TABLE_3_14T, TABLE_3_15T };

	for (size_t i = 0; i < 2; i++) {
		struct world *w = world_make(ids[i]);
		raddr code = image_code(
			&w->im,
			&(struct image_code){ .name = "c", .first_line = 700, .copies = 3 });
		raddr frame, old, array;

		image_push(&w->t, w->main, 4);
		frame = image_push(&w->t, code, 5);
		expect_both(w, "main:5 c:705");
		image_use_copy(&w->im, frame, code, 2, 6);
		expect_both(w, "main:5 c:706");
		/* The array has grown meanwhile: it is read anew. */
		old = image_get(&w->im, code, F_CODE_TLBC);
		array = image_take(&w->im, 8 + 8 * 5);
		fake_put64(&w->im.fake, array, 5);
		for (int k = 0; k < 3; k++)
			fake_put64(&w->im.fake, array + 8 + 8 * (raddr)k,
				   fake_get64(&w->im.fake, old + 8 + 8 * (raddr)k));
		fake_put64(&w->im.fake, array + 8 + 8 * 4, image_take(&w->im, 64));
		image_set(&w->im, code, F_CODE_TLBC, array);
		image_use_copy(&w->im, frame, code, 4, 8);
		expect_both(w, "main:5 c:708");
		/* An index behind the array belongs to no frame of this code. */
		image_set(&w->im, frame, F_FRAME_TLBC_INDEX, 5);
		rig_deinit(&w->rig);
		cr_assert_eq(rig_init(&w->rig, &w->im, w->t.at), PS_OK);
		expect_live(w, "main:5");
		world_end(w);
	}
}

Test(unwind, a_tagged_executable_is_the_same_code)
{
	EACH_VERSION(w)
	{
		raddr frame;

		image_push(&w->t, w->main, 4);
		frame = image_push(&w->t, w->f, 2);
		for (raddr tag = 0; tag <= w->im.layout.tag_mask; tag++) {
			image_set(&w->im, frame, F_FRAME_EXECUTABLE, w->f | tag);
			expect_both(w, "main:5 f:102");
		}
	}
}
