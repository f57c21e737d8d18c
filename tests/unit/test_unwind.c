/* SPDX-License-Identifier: MIT */
/* Unwinding on images of every version; each test runs on all of them, and says which. */
#include "profiler/unwind.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { CO_GENERATOR = 0x20, SETTLES = 40 };

/* An image with one thread, and functions to call. */
struct world {
	struct image im;
	struct image_thread t;
	struct rig rig;
	raddr main, f, g, h, gen;
	const char *version;
};

static struct world *world(enum table_id id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, id);
	image_thread(&w->im, &w->t, 4242, 0x7f0000001000);
	w->main = image_code(&w->im, &(struct image_code){ .name = "main", .first_line = 1 });
	w->f = image_code(&w->im, &(struct image_code){ .name = "f", .first_line = 100 });
	w->g = image_code(&w->im, &(struct image_code){ .name = "g", .first_line = 200 });
	w->h = image_code(&w->im, &(struct image_code){ .name = "h", .first_line = 300 });
	w->gen = image_code(
		&w->im,
		&(struct image_code){ .name = "gen", .first_line = 400, .flags = CO_GENERATOR });
	cr_assert_eq(rig_init(&w->rig, &w->im, w->t.at), PS_OK);
	w->version = table_name(id);
	return w;
}

static void end(struct world *w)
{
	rig_deinit(&w->rig);
	image_thread_deinit(&w->t);
	image_deinit(&w->im);
	free(w);
}

/* What a plan did not foresee may take some samples until it is certain. They are cut to
 * what is certain, and never wrong. */
static void expect(struct world *w, const char *stack)
{
	for (int attempt = 0; attempt < SETTLES; attempt++) {
		enum ps_status st = rig_sample(&w->rig);
		const char *seen = rig_stack(&w->rig);

		cr_assert_eq(st, PS_OK, "%s: %s", w->version, ps_status_name(st));
		if (strcmp(seen, stack) == 0)
			return;
		cr_expect_eq(strncmp(seen, stack, strlen(seen)), 0, "%s: %s", w->version, seen);
	}
	cr_expect_str_eq(rig_stack(&w->rig), stack, "%s: %s", w->version, rig_stack(&w->rig));
}

static void expect_stopped(struct world *w, const char *stack)
{
	struct rig r;
	enum ps_status st;

	cr_assert_eq(rig_init(&r, &w->im, w->t.at), PS_OK);
	st = rig_sample_stopped(&r);
	cr_expect_eq(st, PS_OK, "%s: %s", w->version, ps_status_name(st));
	cr_expect_str_eq(rig_stack(&r), stack, "%s, stopped: %s", w->version, rig_stack(&r));
	rig_deinit(&r);
}

static void expect_both(struct world *w, const char *stack)
{
	expect(w, stack);
	expect_stopped(w, stack);
}

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world(id_); w; end(w), w = NULL)

Test(unwind, sees_a_plain_stack)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 2);
		image_push(&w->t, w->g, 7);
		expect_both(w, "main:5 f:102 g:207");
		expect(w, "main:5 f:102 g:207");
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
		expect(w, "main:5 f:102");
		image_push(&w->t, w->g, 0);
		expect(w, "main:5 f:102 g:200");
		image_pop(&w->t);
		expect(w, "main:5 f:102");
		image_step(&w->t, 9);
		expect(w, "main:5 f:109");
		image_pop(&w->t);
		image_push(&w->t, w->h, 1);
		expect(w, "main:5 h:301");
		image_pop(&w->t);
		image_pop(&w->t);
		expect(w, "");
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
		expect(w, "main:5 f:116 gen:403 g:202");
		expect(w, "main:5 f:116 gen:403 g:202");
		before = w->im.fake.reads;
		expect(w, "main:5 f:116 gen:403 g:202");
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
		expect(w, "main:5 f:100 f:101");
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
		expect(w, "main:5 f:100");
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

Test(unwind, a_dying_frame_hides_behind_its_destructor)
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

Test(unwind, hides_the_shim_of_a_specialized_init)
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

Test(unwind, a_3_13_frame_at_a_return_instruction_is_dead_once_its_stack_is_saved)
{
	for (int id = TABLE_3_13_0; id <= TABLE_3_13T; id++) {
		struct world *w = world(id);
		raddr top;

		image_push(&w->t, w->main, 4);
		top = image_push(&w->t, w->f, 31);
		expect(w, "main:5 f:131");
		image_set(&w->im, top, F_FRAME_STACKTOP, 2);
		expect(w, "main:5");
		end(w);
	}
}

Test(unwind, what_a_dying_3_14_frame_calls_stands_on_its_caller)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world(id);
		raddr dying;

		image_push(&w->t, w->main, 4);
		dying = image_push(&w->t, w->f, 7);
		image_set(&w->im, dying, F_FRAME_STACKPOINTER,
			  dying + w->im.layout.frame_locals_at);
		image_push_shim(&w->t);
		image_push(&w->t, w->g, 1);
		expect(w, "main:5 g:201");
		end(w);
	}
}

Test(unwind, a_3_14_frame_whose_locals_are_being_cleared_has_returned)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world(id);
		raddr top;

		image_push(&w->t, w->main, 4);
		top = image_push(&w->t, w->f, 7);
		expect(w, "main:5 f:107");
		image_set(&w->im, top, F_FRAME_STACKPOINTER, top + w->im.layout.frame_locals_at);
		expect(w, "main:5");
		image_set(&w->im, top, F_FRAME_STACKPOINTER,
			  top + w->im.layout.frame_locals_at + 16);
		expect(w, "main:5 f:107");
		end(w);
	}
}

Test(unwind, what_stands_on_a_frame_that_calls_nothing_is_left_out)
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

Test(unwind, unless_it_is_read_again_and_again)
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
		expect(w, "main:5 f:128 g:202");
		cr_expect_not(w->rig.out.cut, "%s", w->version);
	}
}

Test(unwind, or_the_instruction_has_been_specialized_since)
{
	static const unsigned char call[] = { [13] = 53, [14] = 52, [15] = 50 };

	EACH_VERSION(w)
	{
		unsigned char unit[2] = { call[layout_minor(&w->im.layout)], 0 };

		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, IMAGE_WORKS);
		expect(w, "main:5 f:128");
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

Test(unwind, nor_is_a_function_believed_that_another_is_called_there)
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
		expect(w, "main:5 f:104 g:202");
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

Test(unwind, unless_the_call_has_been_specialized_for_it_since)
{
	EACH_VERSION(w)
	{
		image_set(&w->im, w->g, F_CODE_VERSION, 71);
		image_set(&w->im, w->h, F_CODE_VERSION, 72);
		write_call(w, 4, 71);
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 4);
		image_push(&w->t, w->g, 2);
		expect(w, "main:5 f:104 g:202");
		write_call(w, 4, 72);
		image_pop(&w->t);
		image_push(&w->t, w->h, 2);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 f:104 h:302", "%s: %s", w->version,
				 rig_stack(&w->rig));
		cr_expect_not(w->rig.out.cut, "%s", w->version);
	}
}

/* C code calls Python from the same place of the C stack for many a frame. */
Test(unwind, an_entry_frame_that_is_anothers_by_now_takes_nothing_away)
{
	EACH_VERSION(w)
	{
		raddr bottom, shim;

		bottom = image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 3);
		shim = image_push_shim(&w->t);
		image_push(&w->t, w->g, 2);
		image_set(&w->im, shim, F_FRAME_PREVIOUS, bottom);
		expect(w, "main:5 f:103 g:202");
	}
}

Test(unwind, a_frame_is_not_dead_by_the_code_that_was_at_its_address_before)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->gen, 3);
		expect(w, "main:5");
		image_code_at(&w->im, w->gen,
			      &(struct image_code){ .name = "late", .first_line = 9 });
		code_next_epoch(&w->rig.codes);
		expect(w, "main:5 late:12");
	}
}

Test(unwind, a_code_object_that_is_gone_does_not_make_a_frame_alive)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->gen, 3);
		expect(w, "main:5");
		image_set(&w->im, w->gen, F_CODE_TYPE, w->im.none);
		code_next_epoch(&w->rig.codes);
		expect(w, "main:5");
		expect(w, "main:5");
	}
}

Test(unwind, a_3_13_frame_of_absurd_stacktop_is_dead)
{
	static const int32_t bad[] = { 0, 1, -2, INT32_MIN, 100, INT32_MAX };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct world *w = world(TABLE_3_13_18);
		raddr top;

		image_push(&w->t, w->main, 4);
		top = image_push(&w->t, w->f, 3);
		image_set(&w->im, top, F_FRAME_STACKTOP, (uint32_t)bad[i]);
		expect(w, "main:5");
		end(w);
	}
}

Test(unwind, above_a_3_13_frame_that_executes_is_what_it_called_before)
{
	struct world *w = world(TABLE_3_13_0);
	raddr stale;

	image_push(&w->t, w->main, 4);
	image_push(&w->t, w->f, 3);
	stale = image_push(&w->t, w->g, 3);
	image_pop(&w->t);
	/* As it was when it ran, but for f, which has gone on since. */
	image_set(&w->im, stale, F_FRAME_STACKTOP, (uint32_t)-1);
	image_set(&w->im, stale, F_FRAME_INSTR, w->g + w->im.layout.code_units_at + 6);
	expect(w, "main:5 f:103");
	end(w);
}

Test(unwind, a_3_13_stack_that_an_exception_left_ends_at_what_is_current)
{
	for (int id = TABLE_3_13_0; id <= TABLE_3_13T; id++) {
		struct world *w = world(id);
		raddr caught, top;

		image_push(&w->t, w->main, 4);
		caught = image_push(&w->t, w->f, 3);
		image_push(&w->t, w->g, 2);
		top = image_push(&w->t, w->h, 7);
		expect(w, "main:5 f:103 g:202 h:307");
		/* Nothing executes, as far as the copy says: its upper part is of a later moment. */
		image_set(&w->im, top, F_FRAME_STACKTOP, 2);
		expect(w, "main:5 f:103 g:202 h:307");
		image_set(&w->im, w->t.at, F_THREAD_FRAME, caught);
		expect(w, "main:5 f:103");
		/* If one does, it is the top. */
		image_set(&w->im, top, F_FRAME_STACKTOP, (uint32_t)-1);
		expect(w, "main:5 f:103 g:202 h:307");
		end(w);
	}
}

Test(unwind, uses_the_bytecode_copy_of_the_thread)
{
	static const enum table_id ids[] = { TABLE_3_14T, TABLE_3_15T };

	for (size_t i = 0; i < 2; i++) {
		struct world *w = world(ids[i]);
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
		expect(w, "main:5");
		end(w);
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

/* --- lies --- */

Test(unwind, a_slot_that_lies_ends_the_stack)
{
	static const struct {
		enum layout_field field;
		uint64_t lie;
	} lies[] = { { F_FRAME_EXECUTABLE, 0 },
		     { F_FRAME_EXECUTABLE, 8 },
		     { F_FRAME_EXECUTABLE, UINT64_MAX },
		     { F_FRAME_EXECUTABLE, FAKE_BASE },
		     { F_FRAME_EXECUTABLE, FAKE_BASE + 4 },
		     { F_FRAME_INSTR, 0 },
		     { F_FRAME_INSTR, UINT64_MAX },
		     { F_FRAME_OWNER, 2 },
		     { F_FRAME_OWNER, 3 },
		     { F_FRAME_OWNER, 255 },
		     { F_FRAME_PREVIOUS, 0 },
		     { F_FRAME_PREVIOUS, 3 } };

	EACH_VERSION(w)
	{
		raddr frame;

		image_push(&w->t, w->main, 4);
		frame = image_push(&w->t, w->f, 2);
		for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
			uint64_t truth = image_get(&w->im, frame, lies[i].field);

			image_set(&w->im, frame, lies[i].field, lies[i].lie);
			rig_deinit(&w->rig);
			cr_assert_eq(rig_init(&w->rig, &w->im, w->t.at), PS_OK);
			expect(w, "main:5");
			image_set(&w->im, frame, lies[i].field, truth);
			expect(w, "main:5 f:102");
		}
	}
}

/* Any stack will do, if it is closed, and soon. */
static void expect_an_end(struct world *w)
{
	struct rig r;

	w->im.fake.reads = 0;
	(void)!rig_sample(&w->rig);
	cr_assert_eq(rig_init(&r, &w->im, w->t.at), PS_OK);
	(void)!rig_sample(&r);
	rig_deinit(&r);
	cr_assert_eq(rig_init(&r, &w->im, w->t.at), PS_OK);
	(void)!rig_sample_stopped(&r);
	rig_deinit(&r);
	cr_expect_lt(w->im.fake.reads, 300000, "%s: %lu reads", w->version,
		     (unsigned long)w->im.fake.reads);
}

Test(unwind, a_cycle_of_previous_ends)
{
	EACH_VERSION(w)
	{
		raddr a, b, gen, shim;

		a = image_push(&w->t, w->main, 4);
		b = image_push(&w->t, w->f, 2);
		gen = image_push_generator(&w->t, w->gen, 3);
		shim = image_push_shim(&w->t);
		image_set(&w->im, a, F_FRAME_PREVIOUS, b);
		expect_an_end(w);
		image_set(&w->im, a, F_FRAME_PREVIOUS, a);
		expect_an_end(w);
		image_set(&w->im, gen, F_FRAME_PREVIOUS, gen);
		expect_an_end(w);
		image_set(&w->im, gen, F_FRAME_PREVIOUS, shim);
		expect_an_end(w);
		image_set(&w->im, w->t.at, F_THREAD_FRAME, shim);
		image_set(&w->im, shim, F_FRAME_PREVIOUS, shim);
		expect_an_end(w);
	}
}

Test(unwind, chunks_that_loop_end)
{
	EACH_VERSION(w)
	{
		raddr newest, below;

		w->t.chunk_bytes = 1024;
		for (int i = 0; i < 40; i++)
			image_push(&w->t, w->f, 2);
		newest = w->t.chunk;
		below = fake_get64(&w->im.fake, newest);
		fake_put64(&w->im.fake, newest, newest);
		expect_an_end(w);
		fake_put64(&w->im.fake, newest, below);
		fake_put64(&w->im.fake, below, newest);
		expect_an_end(w);
		fake_put64(&w->im.fake, below, below);
		expect_an_end(w);
		fake_put64(&w->im.fake, below, 1);
		expect_an_end(w);
	}
}

Test(unwind, chunk_sizes_that_lie_are_bounded)
{
	static const uint64_t lies[] = { 0,          1,          24,
					 25,         40,         4096,
					 1 << 20,    64 << 20,   (64 << 20) + 8,
					 UINT64_MAX, 1ull << 32, (1ull << 32) + 1024 };

	EACH_VERSION(w)
	{
		for (int i = 0; i < 40; i++)
			image_push(&w->t, w->f, 2);
		for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
			fake_put64(&w->im.fake, w->t.chunk + 8, lies[i]);
			expect_an_end(w);
		}
	}
}

Test(unwind, frame_sizes_that_lie_are_bounded)
{
	EACH_VERSION(w)
	{
		image_push(&w->t, w->main, 4);
		image_push(&w->t, w->f, 2);
		for (unsigned shift = 0; shift < 32; shift++) {
			image_set(&w->im, w->main, F_CODE_FRAMESIZE, 1u << shift);
			expect_an_end(w);
		}
		/* So large that its child would lie above 4 GiB, and consistent. */
		image_set(&w->im, w->main, F_CODE_NLOCALSPLUS, 8 << 20);
		image_set(&w->im, w->main, F_CODE_STACKSIZE, 8 << 20);
		image_set(&w->im, w->main, F_CODE_FRAMESIZE,
			  (16 << 20) + w->im.layout.frame_locals_at / 8);
		expect_an_end(w);
	}
}

/* --- failing reads and allocations --- */

static void build(struct world *w)
{
	w->t.chunk_bytes = 1024;
	image_push_shim(&w->t);
	image_push(&w->t, w->main, 4);
	for (int i = 0; i < 12; i++)
		image_push(&w->t, w->f, 1);
	image_push_generator(&w->t, w->gen, 3);
	image_push_shim(&w->t);
	image_push(&w->t, w->g, 2);
}

static enum ps_status sample_with(struct world *w, struct rig *r, bool stopped)
{
	enum ps_status st = rig_init(r, &w->im, w->t.at);

	if (st)
		return st;
	st = stopped ? rig_sample_stopped(r) : rig_sample(r);
	return st ? st : (stopped ? rig_sample_stopped(r) : rig_sample(r));
}

static void fail_each_read(struct world *w, bool stopped, enum ps_status with, bool all_after)
{
	uint64_t total;
	struct rig r;

	w->im.fake.reads = w->im.fake.fail_at = 0;
	w->im.fake.fail_on = all_after;
	w->im.fake.fail_with = with;
	cr_assert_eq(sample_with(w, &r, stopped), PS_OK);
	rig_deinit(&r);
	total = w->im.fake.reads;
	cr_assert_gt(total, 10);
	for (uint64_t k = 1; k <= total; k++) {
		enum ps_status st;

		w->im.fake.reads = 0;
		w->im.fake.fail_at = k;
		st = sample_with(w, &r, stopped);
		cr_assert(st == PS_OK || st == PS_FAULT || st == PS_TORN || st == with,
			  "%s, read %lu: %s", w->version, (unsigned long)k, ps_status_name(st));
		/* It recovers: the next ones are right. */
		w->im.fake.fail_at = 0;
		for (int i = 0; i < 4; i++) {
			st = stopped ? rig_sample_stopped(&r) : rig_sample(&r);
			cr_assert_eq(st, PS_OK);
		}
		cr_expect(strstr(rig_stack(&r), " gen:403 g:202"), "%s, read %lu: %s", w->version,
			  (unsigned long)k, rig_stack(&r));
		rig_deinit(&r);
	}
}

Test(unwind, survives_the_failure_of_any_single_read)
{
	EACH_VERSION(w)
	{
		build(w);
		fail_each_read(w, false, PS_FAULT, false);
		fail_each_read(w, true, PS_FAULT, false);
	}
}

Test(unwind, survives_a_target_that_ends_at_any_read)
{
	EACH_VERSION(w)
	{
		build(w);
		fail_each_read(w, false, PS_GONE, true);
		fail_each_read(w, true, PS_GONE, true);
	}
}

Test(unwind, survives_the_failure_of_any_allocation)
{
	EACH_VERSION(w)
	{
		build(w);
		for (int stopped = 0; stopped < 2; stopped++) {
			struct rig r;
			enum ps_status st = PS_NOMEM;

			for (unsigned long k = 1; st; k++) {
				fail_alloc_at(k);
				st = sample_with(w, &r, stopped);
				fail_alloc_at(0);
				cr_assert(st == PS_OK || st == PS_NOMEM, "%s, allocation %lu: %s",
					  w->version, k, ps_status_name(st));
				if (r.im)
					rig_deinit(&r);
				cr_assert_lt(k, 1000);
			}
		}
	}
}

/* A target that pops and pushes while it is read, at each of the reads. */
static void move_on(struct fake_target *f, uint64_t nth, void *ctx)
{
	struct world *w = ctx;

	(void)f;
	if (nth % 3 == 0 && w->t.nframes > 6)
		image_pop(&w->t);
	else if (nth % 3 == 1)
		image_push(&w->t, nth % 2 ? w->f : w->g, 2);
}

Test(unwind, a_target_that_moves_gives_stacks_that_begin_right)
{
	EACH_VERSION(w)
	{
		build(w);
		w->im.fake.before_read = move_on;
		w->im.fake.ctx = w;
		for (int i = 0; i < 200; i++) {
			enum ps_status st = rig_sample(&w->rig);

			cr_assert(st == PS_OK || st == PS_TORN || st == PS_FAULT, "%s: %s",
				  w->version, ps_status_name(st));
			if (st == PS_OK)
				cr_expect_eq(strncmp(rig_stack(&w->rig), "main:5 f:101 f:101", 18),
					     0, "%s: %s", w->version, rig_stack(&w->rig));
		}
		w->im.fake.before_read = NULL;
	}
}
