/* SPDX-License-Identifier: MIT */
/* Which slots of the data stack hold a frame that lives, and which frames can have called which. */
#include "profiler/unwind.h"

#include "tests/support/unwind_world.h"

#include <criterion/criterion.h>
#include <string.h>

Test(unwind_dead, a_dying_frame_hides_behind_its_destructor)
{
	EACH_VERSION(w)
	{
		raddr dying;

		image_push(&w->t, w->main, 4);
		dying = image_push(&w->t, w->f, 31);
		/* Its locals are being cleared: __del__ is called, by C, while current_frame
		 * is already the caller, and the slots are not free yet. */
		image_set(&w->im, dying, F_FRAME_STACKTOP, 0);
		w->t.nframes--;
		image_push_shim(&w->t);
		w->t.top = dying + w->t.frame[2].bytes;
		image_push(&w->t, w->h, 2);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		/* 3.13 has no way to look beyond the dying frame without its size in doubt. */
		cr_expect(strcmp(rig_stack(&w->rig), "main:5 h:302") == 0 ||
				  (!w->im.layout.clears_executable &&
				   strcmp(rig_stack(&w->rig), "main:5") == 0),
			  "%s: %s", w->version, rig_stack(&w->rig));
		expect_stopped(w, "main:5 h:302");
	}
}

Test(unwind_dead, hides_the_shim_of_a_specialized_init)
{
	EACH_VERSION(w)
	{
		raddr shim = image_code(&w->im, &(struct image_code){ .name = "__init__",
								      .file = "__init__",
								      .units = 2,
								      .table = "\xf8",
								      .table_len = 1 });

		image_push(&w->t, w->main, 4);
		image_push(&w->t, shim, 0);
		image_push(&w->t, w->f, 2);
		expect_both(w, "main:5 f:102");
	}
}

Test(unwind_dead, a_3_13_frame_at_a_return_instruction_is_dead_once_its_stack_is_saved)
{
	for (int id = TABLE_3_13_0; id <= TABLE_3_13T; id++) {
		struct world *w = world_make(id);
		raddr top;

		image_push(&w->t, w->main, 4);
		top = image_push(&w->t, w->f, 31);
		expect_live(w, "main:5 f:131");
		image_set(&w->im, top, F_FRAME_STACKTOP, 2);
		expect_live(w, "main:5");
		world_end(w);
	}
}

Test(unwind_dead, what_a_dying_3_14_frame_calls_stands_on_its_caller)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world_make(id);
		raddr dying;

		image_push(&w->t, w->main, 4);
		dying = image_push(&w->t, w->f, 7);
		image_set(&w->im, dying, F_FRAME_STACKPOINTER,
			  dying + w->im.layout.frame_locals_at);
		image_push_shim(&w->t);
		image_push(&w->t, w->g, 1);
		expect_live(w, "main:5 g:201");
		world_end(w);
	}
}

Test(unwind_dead, a_3_14_frame_whose_locals_are_being_cleared_has_returned)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world_make(id);
		raddr top;

		image_push(&w->t, w->main, 4);
		/* Where C code calls, what was current does not tell. */
		image_push_shim(&w->t);
		top = image_push(&w->t, w->f, 7);
		expect_live(w, "main:5 f:107");
		expect_live(w, "main:5 f:107");
		cr_assert_eq(w->rig.capture.began, 0u);
		image_set(&w->im, top, F_FRAME_STACKPOINTER, top + w->im.layout.frame_locals_at);
		expect_live(w, "main:5");
		image_set(&w->im, top, F_FRAME_STACKPOINTER,
			  top + w->im.layout.frame_locals_at + 16);
		expect_live(w, "main:5 f:107");
		world_end(w);
	}
}

Test(unwind_dead, what_stands_on_a_frame_that_calls_nothing_is_left_out)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, IMAGE_WORKS);
		image_push(&w->t, w->g, 2);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 f:128", "%s: %s", w->version,
				 rig_stack(&w->rig));
		cr_expect(w->rig.out.cut, "%s", w->version);
	}
}

Test(unwind_dead, unless_it_is_read_again_and_again)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, IMAGE_WORKS);
		image_push(&w->t, w->g, 2);
		for (int i = 0; i < 3; i++) {
			cr_assert_eq(rig_sample(&w->rig), PS_OK);
			w->rig.thread.samples--; /* it is the same sample */
		}
		expect_live(w, "main:5 f:128 g:202");
		cr_expect_not(w->rig.out.cut, "%s", w->version);
	}
}

Test(unwind_dead, or_the_instruction_has_been_specialized_since)
{
	static const unsigned char call[] = { [13] = 53, [14] = 52, [15] = 50 };

	EACH_VERSION(w)
	{
		unsigned char unit[2] = { call[layout_minor(&w->im.layout)], 0 };

		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, IMAGE_WORKS);
		expect_live(w, "main:5 f:128");
		fake_put(&w->im.fake, w->f + w->im.layout.code_units_at + 2 * IMAGE_WORKS, unit, 2);
		image_push(&w->t, w->g, 2);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 f:128 g:202", "%s: %s", w->version,
				 rig_stack(&w->rig));
	}
}

/* A call that is specialized for a function of that version. */
static void write_call(struct world *w, unsigned unit, unsigned char version)
{
	static const unsigned char call[] = { [13] = 177, [14] = 161, [15] = 164 };
	unsigned char bytes[8] = { call[layout_minor(&w->im.layout)], 0, 0, 0, version };

	fake_put(&w->im.fake, w->f + w->im.layout.code_units_at + 2 * (raddr)unit, bytes,
		 sizeof bytes);
}

Test(unwind_dead, nor_is_a_function_believed_that_another_is_called_there)
{
	EACH_VERSION(w)
	{
		image_set(&w->im, w->g, F_CODE_VERSION, 71);
		image_set(&w->im, w->h, F_CODE_VERSION, 72);
		write_call(w, 4, 71);
		write_call(w, 10, 72);
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 4);
		image_push(&w->t, w->g, 2);
		expect_live(w, "main:5 f:104 g:202");
		image_pop(&w->t);
		image_push(&w->t, w->h, 2);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 f:104", "%s: %s", w->version,
				 rig_stack(&w->rig));
		cr_expect(w->rig.out.cut, "%s", w->version);
		/* f has gone on to where it calls h. */
		image_pop(&w->t);
		image_step(&w->t, 10);
		image_push(&w->t, w->h, 2);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 f:110 h:302", "%s: %s", w->version,
				 rig_stack(&w->rig));
		cr_expect_not(w->rig.out.cut, "%s", w->version);
	}
}

Test(unwind_dead, unless_the_call_has_been_specialized_for_it_since)
{
	EACH_VERSION(w)
	{
		image_set(&w->im, w->g, F_CODE_VERSION, 71);
		image_set(&w->im, w->h, F_CODE_VERSION, 72);
		write_call(w, 4, 71);
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 4);
		image_push(&w->t, w->g, 2);
		expect_live(w, "main:5 f:104 g:202");
		write_call(w, 4, 72);
		image_pop(&w->t);
		image_push(&w->t, w->h, 2);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 f:104 h:302", "%s: %s", w->version,
				 rig_stack(&w->rig));
		cr_expect_not(w->rig.out.cut, "%s", w->version);
	}
}

struct c_call {
	raddr bottom, shim;
};

/* main has called f, and that g by C code. */
static struct c_call push_c_call(struct world *w)
{
	struct c_call call = { .bottom = image_push(&w->t, w->main, 4) };

	image_push(&w->t, w->f, 3);
	call.shim = image_push_shim(&w->t);
	image_push(&w->t, w->g, 2);
	return call;
}

/* C code calls Python from the same place of the C stack for many a frame. */
Test(unwind_dead, an_entry_frame_that_is_anothers_by_now_takes_nothing_away)
{
	EACH_VERSION(w)
	{
		struct c_call call = push_c_call(w);

		expect_live(w, "main:5 f:103 g:202");
		image_set(&w->im, call.shim, F_FRAME_PREVIOUS, call.bottom);
		w->rig.thread.nframes = 0; /* seen anew */
		expect_live(w, "main:5 f:103 g:202");
	}
}

Test(unwind_dead, but_what_was_never_seen_to_be_called_there_is_read_again)
{
	EACH_VERSION(w)
	{
		struct c_call call = push_c_call(w);

		image_set(&w->im, call.shim, F_FRAME_PREVIOUS, call.bottom);
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(rig_sample(&w->rig), PS_OK);
			cr_expect_str_eq(rig_stack(&w->rig), "main:5 f:103", "%s: %s", w->version,
					 rig_stack(&w->rig));
			cr_expect(w->rig.out.cut && w->rig.out.doubted, "%s", w->version);
			w->rig.thread.samples--; /* it is the same sample */
		}
		expect_live(w, "main:5 f:103 g:202");
		w->rig.thread.nframes = 0; /* and now it is known */
		expect_live(w, "main:5 f:103 g:202");
	}
}

/* What its destructors call stands on its caller, which the entry frame alone tells. */
Test(unwind_dead, nothing_stands_on_a_3_14_frame_that_returns_unless_its_entry_frame_says_so)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world_make(id);
		raddr returns, shim, nothing = image_take(&w->im, 256);

		image_push(&w->t, w->main, 4);
		returns = image_push(&w->t, w->f, 31);
		shim = image_push_shim(&w->t);
		image_push(&w->t, w->g, 2);
		image_set(&w->im, nothing, F_FRAME_OWNER, 99);
		image_set(&w->im, shim, F_FRAME_PREVIOUS, nothing);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 f:131", "%s: %s", w->version,
				 rig_stack(&w->rig));
		cr_expect(w->rig.out.cut, "%s", w->version);
		image_set(&w->im, shim, F_FRAME_PREVIOUS, returns);
		expect_live(w, "main:5 f:131 g:202");
		world_end(w);
	}
}

Test(unwind_dead, what_an_entry_frame_leads_to_that_is_no_frame_is_not_read_along)
{
	EACH_VERSION(w)
	{
		raddr shim, nothing = image_take(&w->im, 256);

		image_push(&w->t, w->main, 3);
		shim = image_push_shim(&w->t);
		image_push(&w->t, w->f, 2);
		image_set(&w->im, nothing, F_FRAME_OWNER, 99);
		image_set(&w->im, shim, F_FRAME_PREVIOUS, nothing);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
		for (unsigned i = 0; i < w->rig.thread.nforeign; i++)
			cr_expect_neq(w->rig.thread.foreign[i].at, nothing, "%s", w->version);
		cr_expect_geq(w->rig.thread.nforeign, 1, "%s", w->version);
	}
}

Test(unwind_dead, a_frame_is_not_dead_by_the_code_that_was_at_its_address_before)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->gen, 3);
		expect_live(w, "main:5");
		image_code_at(&w->im, w->gen,
			      &(struct image_code){ .name = "late", .first_line = 9 });
		code_next_epoch(&w->rig.codes);
		expect_live(w, "main:5 late:12");
	}
}

Test(unwind_dead, a_code_object_that_is_gone_does_not_make_a_frame_alive)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->gen, 3);
		expect_live(w, "main:5");
		image_set(&w->im, w->gen, F_CODE_TYPE, w->im.none);
		code_next_epoch(&w->rig.codes);
		expect_live(w, "main:5");
		expect_live(w, "main:5");
	}
}

Test(unwind_dead, a_3_13_frame_of_absurd_stacktop_is_dead)
{
	static const int32_t bad[] = { 0, 1, -2, INT32_MIN, 100, INT32_MAX };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct world *w = world_make(TABLE_3_13_18);
		raddr top;

		image_push(&w->t, w->main, 4);
		top = image_push(&w->t, w->f, 3);
		image_set(&w->im, top, F_FRAME_STACKTOP, (uint32_t)bad[i]);
		expect_live(w, "main:5");
		world_end(w);
	}
}

Test(unwind_dead, above_a_3_13_frame_that_executes_is_what_it_called_before)
{
	struct world *w = world_make(TABLE_3_13_0);
	raddr stale;

	image_push(&w->t, w->main, 4);
	image_push(&w->t, w->f, 3);
	stale = image_push(&w->t, w->g, 3);
	image_pop(&w->t);
	/* As it was when it ran, but for f, which has gone on since. */
	image_set(&w->im, stale, F_FRAME_STACKTOP, (uint32_t)-1);
	image_set(&w->im, stale, F_FRAME_INSTR, w->g + w->im.layout.code_units_at + 6);
	expect_live(w, "main:5 f:103");
	world_end(w);
}

Test(unwind_dead, a_3_13_stack_that_an_exception_left_ends_at_what_is_current)
{
	for (int id = TABLE_3_13_0; id <= TABLE_3_13T; id++) {
		struct world *w = world_make(id);
		raddr caught, top;

		image_push(&w->t, w->main, 4);
		caught = image_push(&w->t, w->f, 3);
		image_push(&w->t, w->g, 2);
		top = image_push(&w->t, w->h, 7);
		expect_live(w, "main:5 f:103 g:202 h:307");
		/* Nothing executes, as far as the copy says: its upper part is of a later moment. */
		image_set(&w->im, top, F_FRAME_STACKTOP, 2);
		expect_live(w, "main:5 f:103 g:202 h:307");
		image_set(&w->im, w->t.at, F_THREAD_FRAME, caught);
		expect_live(w, "main:5 f:103");
		/* If one does, it is the top. */
		image_set(&w->im, top, F_FRAME_STACKTOP, (uint32_t)-1);
		expect_live(w, "main:5 f:103 g:202 h:307");
		world_end(w);
	}
}
