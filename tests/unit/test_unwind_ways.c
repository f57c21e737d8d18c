/* SPDX-License-Identifier: MIT */
/* Generators that have moved on by the time they are copied, told by how they were met at
 * other samples. */
#include "profiler/unwind.h"

#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { CO_GENERATOR = 0x20, VERSION = 77, CALLS_AT = 5 };

/* main calls user, which runs gen, which runs inner; inner may call f. Which generator user
 * runs, its bytecode does not tell. */
struct world {
	struct image im;
	struct image_thread t;
	struct rig rig;
	raddr main, user, gen, other, inner, f;
	raddr user_frame, gen_frame, inner_frame;
	const char *version;
};

static raddr code(struct world *w, const char *name, unsigned line, unsigned flags)
{
	return image_code(&w->im,
			  &(struct image_code){ .name = name, .first_line = line, .flags = flags });
}

static struct world *world(int id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	image_thread(&w->im, &w->t, 4242, 0x7f0000001000);
	w->version = table_name((enum table_id)id);
	w->main = code(w, "main", 1, 0);
	w->user = code(w, "user", 101, 0);
	w->gen = code(w, "gen", 401, CO_GENERATOR);
	w->other = code(w, "other", 501, CO_GENERATOR);
	w->inner = code(w, "inner", 601, CO_GENERATOR);
	w->f = code(w, "f", 701, 0);
	cr_assert_eq(rig_init(&w->rig, &w->im, w->t.at), PS_OK);
	image_push(&w->t, w->main, 4);
	w->user_frame = image_push(&w->t, w->user, 3);
	return w;
}

static void end(struct world *w)
{
	rig_deinit(&w->rig);
	image_thread_deinit(&w->t);
	image_deinit(&w->im);
	free(w);
}

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world(id_); w; end(w), w = NULL)

static void run(struct world *w, raddr gen)
{
	w->gen_frame = image_push_generator(&w->t, gen, 7);
	w->inner_frame = image_push_generator(&w->t, w->inner, 7);
}

/* Until all that this needs is foreseen. */
static void settle(struct world *w, const char *stack)
{
	for (int i = 0; i < 60; i++)
		cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
	cr_assert_str_eq(rig_stack(&w->rig), stack, "%s: %s", w->version, rig_stack(&w->rig));
}

/* By the time that they are copied, both have yielded. */
static void suspend(struct world *w)
{
	image_set(&w->im, w->gen_frame, F_FRAME_PREVIOUS, 0);
	image_set(&w->im, w->inner_frame, F_FRAME_PREVIOUS, 0);
}

static void expect_told(struct world *w, const char *stack, bool told)
{
	cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
	cr_expect_str_eq(rig_stack(&w->rig), stack, "%s: %s", w->version, rig_stack(&w->rig));
	cr_expect_eq(w->rig.out.told, told, "%s", w->version);
	cr_expect_not(w->rig.out.cut, "%s", w->version);
}

Test(unwind_ways, what_a_generator_called_stands_on_those_that_ran_it_before)
{
	EACH_VERSION(w)
	{
		run(w, w->gen);
		image_push(&w->t, w->f, 2);
		settle(w, "main:5 user:117 gen:417 inner:608 f:703");
		suspend(w);
		expect_told(w, "main:5 user:117 gen:417 inner:608 f:703", true);
	}
}

Test(unwind_ways, the_generator_that_is_current_stands_on_those_that_ran_it_before)
{
	EACH_VERSION(w)
	{
		run(w, w->gen);
		settle(w, "main:5 user:117 gen:417 inner:608");
		suspend(w);
		expect_told(w, "main:5 user:117 gen:417 inner:608", true);
	}
}

Test(unwind_ways, so_does_one_that_has_just_called_what_is_current)
{
	EACH_VERSION(w)
	{
		raddr pushed;

		run(w, w->gen);
		pushed = image_push(&w->t, w->f, 2);
		settle(w, "main:5 user:117 gen:417 inner:608 f:703");
		image_pop(&w->t);
		settle(w, "main:5 user:117 gen:417 inner:608");
		suspend(w);
		image_set(&w->im, w->t.at, F_THREAD_FRAME, pushed);
		expect_told(w, "main:5 user:117 gen:417 inner:608", true);
	}
}

/* As the frame's value stack has it: what it gives to C code. */
static void refer(struct world *w, raddr frame, raddr object)
{
	uint64_t locals = image_get(&w->im, w->user, F_CODE_NLOCALSPLUS);
	raddr slot = frame + w->im.layout.frame_locals_at + 8 * locals;

	fake_put64(&w->im.fake, slot, object);
	image_set(&w->im, frame, F_FRAME_STACKPOINTER, slot + 8);
}

Test(unwind_ways, under_c_code_it_is_told_of_what_the_frame_has_given_it)
{
	for (int given = 0; given < 2; given++) {
		EACH_VERSION(w)
		{
			image_push_shim(&w->t);
			run(w, w->gen);
			if (given)
				refer(w, w->user_frame,
				      w->gen_frame - w->im.layout.generator_frame_at);
			image_push(&w->t, w->f, 2);
			settle(w, "main:5 user:104 gen:417 inner:608 f:703");
			suspend(w);
			if (given) {
				expect_told(w, "main:5 user:104 gen:417 inner:608 f:703", true);
				continue;
			}
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
			cr_expect_str_eq(rig_stack(&w->rig), "main:5 user:104", "%s: %s",
					 w->version, rig_stack(&w->rig));
		}
	}
}

/* As context managers do: user runs gen, which calls user, which runs inner. Returns the frame of the
 * second user. */
static raddr enter_one_another(struct world *w)
{
	raddr object = w->im.layout.generator_frame_at, second;

	image_push_shim(&w->t);
	w->gen_frame = image_push_generator(&w->t, w->gen, 7);
	refer(w, w->user_frame, w->gen_frame - object);
	second = image_push(&w->t, w->user, 3);
	image_push_shim(&w->t);
	w->inner_frame = image_push_generator(&w->t, w->inner, 7);
	refer(w, second, w->inner_frame - object);
	settle(w, "main:5 user:104 gen:408 user:104 inner:608");
	return second;
}

Test(unwind_ways, what_another_frame_of_the_same_code_runs_is_not_told_of_this_one)
{
	EACH_VERSION(w)
	{
		raddr second = enter_one_another(w);

		/* The data stack was copied before the second call, and gen has gone on. */
		image_set(&w->im, second, F_FRAME_EXECUTABLE, 0);
		image_set(&w->im, w->gen_frame, F_FRAME_INSTR,
			  w->gen + w->im.layout.code_units_at + 2 * 9);
		expect_told(w, "main:5 user:104 gen:410", false);
	}
}

/* Not even if the generator that this one runs has ended, and its object is that of the other's by
 * the time that it is copied. */
Test(unwind_ways, nor_if_its_object_is_the_others_by_now)
{
	EACH_VERSION(w)
	{
		raddr second = enter_one_another(w);

		image_set(&w->im, second, F_FRAME_EXECUTABLE, 0);
		refer(w, w->user_frame, w->inner_frame - w->im.layout.generator_frame_at);
		image_set(&w->im, w->gen_frame, F_FRAME_EXECUTABLE, 0);
		suspend(w);
		for (unsigned i = 0; i < 3; i++) {
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
			cr_expect_str_eq(rig_stack(&w->rig), "main:5 user:104", "%s: %s",
					 w->version, rig_stack(&w->rig));
		}
	}
}

Test(unwind_ways, without_having_been_seen_nothing_is_told)
{
	EACH_VERSION(w)
	{
		run(w, w->gen);
		image_push(&w->t, w->f, 2);
		suspend(w);
		settle(w, "main:5 user:117");
		cr_expect(w->rig.out.cut, "%s", w->version);
		cr_expect_not(w->rig.out.told, "%s", w->version);
	}
}

Test(unwind_ways, of_two_ways_that_is_told_which_the_copies_show)
{
	EACH_VERSION(w)
	{
		raddr gen_frame;

		run(w, w->gen);
		image_push(&w->t, w->f, 2);
		settle(w, "main:5 user:117 gen:417 inner:608 f:703");
		gen_frame = w->gen_frame;
		for (int i = 0; i < 3; i++)
			image_pop(&w->t);
		run(w, w->other);
		image_push(&w->t, w->f, 2);
		settle(w, "main:5 user:117 other:517 inner:608 f:703");
		suspend(w);
		expect_told(w, "main:5 user:117 other:517 inner:608 f:703", true);
		/* What ran inner has become something else, and gen is there, and has yielded. */
		image_set(&w->im, w->gen_frame, F_FRAME_EXECUTABLE, w->f);
		image_set(&w->im, gen_frame, F_FRAME_EXECUTABLE, w->gen);
		image_set(&w->im, gen_frame, F_FRAME_OWNER, OWNER_GENERATOR);
		image_set(&w->im, gen_frame, F_FRAME_INSTR,
			  w->gen + w->im.layout.code_units_at + 2 * (IMAGE_RESUMES + 3));
		expect_told(w, "main:5 user:117 gen:417 inner:608 f:703", true);
	}
}

Test(unwind_ways, a_frame_that_is_current_has_no_generator_on_top)
{
	EACH_VERSION(w)
	{
		run(w, w->gen);
		settle(w, "main:5 user:117 gen:417 inner:608");
		image_set(&w->im, w->t.at, F_THREAD_FRAME, w->user_frame);
		expect_told(w, "main:5 user:117", false);
	}
}

Test(unwind_ways, a_frame_that_stands_where_it_runs_none_has_none_on_top)
{
	EACH_VERSION(w)
	{
		run(w, w->gen);
		settle(w, "main:5 user:117 gen:417 inner:608");
		image_set(&w->im, w->user_frame, F_FRAME_INSTR,
			  w->user + w->im.layout.code_units_at + 2 * 3);
		expect_told(w, "main:5 user:104", false);
	}
}

Test(unwind_ways, one_whose_object_is_another_generators_by_now_is_left_out)
{
	EACH_VERSION(w)
	{
		run(w, w->gen);
		image_push(&w->t, w->f, 2);
		settle(w, "main:5 user:117 gen:417 inner:608 f:703");
		/* One that stands where it calls nothing. */
		image_set(&w->im, w->inner_frame, F_FRAME_EXECUTABLE, w->other);
		image_set(&w->im, w->inner_frame, F_FRAME_INSTR,
			  w->other + w->im.layout.code_units_at + 2 * IMAGE_WORKS);
		cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 user:117", "%s: %s", w->version,
				 rig_stack(&w->rig));
		cr_expect(w->rig.out.cut, "%s", w->version);
	}
}

/* What runs other sometimes, and inner, which calls f. */
Test(unwind_ways, what_was_never_seen_to_be_called_by_a_generator_is_not_told_of_it)
{
	EACH_VERSION(w)
	{
		raddr object = w->im.layout.generator_frame_at;

		image_push_shim(&w->t);
		w->gen_frame = image_push_generator(&w->t, w->other, 7);
		refer(w, w->user_frame, w->gen_frame - object);
		settle(w, "main:5 user:104 other:508");
		image_pop(&w->t);
		image_push_shim(&w->t);
		w->inner_frame = image_push_generator(&w->t, w->inner, 7);
		refer(w, w->user_frame, w->inner_frame - object);
		image_push(&w->t, w->f, 2);
		settle(w, "main:5 user:104 inner:608 f:703");
		/* The object is another generator's by now. */
		image_set(&w->im, w->inner_frame, F_FRAME_EXECUTABLE, w->other);
		image_set(&w->im, w->inner_frame, F_FRAME_INSTR,
			  w->other + w->im.layout.code_units_at + 2 * 7);
		image_set(&w->im, w->inner_frame, F_FRAME_PREVIOUS, 0);
		cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 user:104", "%s: %s", w->version,
				 rig_stack(&w->rig));
		cr_expect(w->rig.out.cut, "%s", w->version);
	}
}

/* A call that is specialized for the function of that version. */
static void write_call(struct world *w, raddr caller, unsigned unit, unsigned char version)
{
	static const unsigned char call[] = { [13] = 177, [14] = 161, [15] = 164 };
	unsigned char bytes[8] = { call[layout_minor(&w->im.layout)], 0, 0, 0, version };

	fake_put(&w->im.fake, caller + w->im.layout.code_units_at + 2 * (raddr)unit, bytes,
		 sizeof bytes);
}

Test(unwind_ways, a_generator_stands_where_its_code_calls_what_is_above_it)
{
	EACH_VERSION(w)
	{
		image_set(&w->im, w->f, F_CODE_VERSION, VERSION);
		write_call(w, w->inner, CALLS_AT, VERSION);
		run(w, w->gen);
		image_push(&w->t, w->f, 2);
		/* It is copied at unit 7, when it has gone on. */
		settle(w, "main:5 user:117 gen:417 inner:606 f:703");
	}
}

/* It was met, but not when it had called f. Which it does, by its bytecode; or does not; or there
 * is no later copy, or that is of another generator. */
Test(unwind_ways, a_generator_has_called_what_its_code_calls)
{
	enum { CALLS, CALLS_NOT, UNSEEN, ANOTHER, NCASES };

	for (int which = 0; which < NCASES; which++) {
		EACH_VERSION(w)
		{
			image_set(&w->im, w->f, F_CODE_VERSION, VERSION);
			if (which != CALLS_NOT)
				write_call(w, w->inner, CALLS_AT, VERSION);
			run(w, w->gen);
			settle(w, "main:5 user:117 gen:417 inner:608");
			image_push(&w->t, w->f, 2);
			suspend(w);
			w->rig.looks_once = which == UNSEEN;
			w->rig.later_code = which == ANOTHER ? w->gen : 0;
			if (which == CALLS) {
				expect_told(w, "main:5 user:117 gen:417 inner:606 f:703", true);
				continue;
			}
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
			cr_expect(w->rig.out.cut, "%s: %s", w->version, rig_stack(&w->rig));
		}
	}
}

/* A call of inner right before gen resumes what it made. */
static void await_inner(struct world *w)
{
	static const unsigned char get_iter[] = { [13] = 19, [14] = 16, [15] = 70 };
	unsigned minor = layout_minor(&w->im.layout), at = IMAGE_RESUMES - (minor >= 15 ? 6 : 5);
	unsigned char bytes[4] = { get_iter[minor] };

	image_set(&w->im, w->inner, F_CODE_VERSION, VERSION);
	write_call(w, w->gen, at, VERSION);
	fake_put(&w->im.fake, w->gen + w->im.layout.code_units_at + 2 * (raddr)(at + 4), bytes,
		 minor >= 15 ? 4 : 2);
}

/* Never do both copies show the same. But gen uses one of inner's where it stands. */
Test(unwind_ways, what_the_bytecode_tells_of_a_way_need_not_stand_still_to_be_learnt)
{
	for (int told = 0; told < 2; told++) {
		EACH_VERSION(w)
		{
			w->rig.looks_once = true;
			if (told)
				await_inner(w);
			run(w, w->gen);
			settle(w, "main:5 user:117 gen:417 inner:608");
			suspend(w);
			if (told) {
				expect_told(w, "main:5 user:117 gen:417 inner:608", true);
				continue;
			}
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
			cr_expect_str_eq(rig_stack(&w->rig), "main:5 user:117", "%s: %s",
					 w->version, rig_stack(&w->rig));
		}
	}
}

/* For what stands on a frame may be generators. */
static void know_generators(struct world *w)
{
	run(w, w->gen);
	settle(w, "main:5 user:117 gen:417 inner:608");
	image_pop(&w->t);
	image_pop(&w->t);
	image_step(&w->t, 3);
}

/* The generator may be one of a later call, which came by at the same addresses. Once its
 * copies are foreseen. */
static void let_c_run(struct world *w)
{
	know_generators(w);
	image_push_shim(&w->t);
	image_push_generator(&w->t, w->other, 7);
	cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
	w->rig.thread.samples += 2;
	cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
	cr_expect(w->rig.out.cut && w->rig.out.doubted, "%s: %s", w->version, rig_stack(&w->rig));
}

Test(unwind_ways, what_c_code_runs_of_its_own_is_believed_if_it_is_met_again)
{
	for (int later = 0; later < 3; later++) {
		EACH_VERSION(w)
		{
			let_c_run(w);
			/* By further reads of the same sample, in the next ones, or later. */
			for (int i = 0; i < 2; i++) {
				w->rig.thread.samples += (uint32_t)later - 1;
				cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
				cr_expect(i || w->rig.out.cut, "%s: not yet", w->version);
			}
			cr_expect_str_eq(rig_stack(&w->rig),
					 later < 2 ? "main:5 user:104 other:508"
						   : "main:5 user:104",
					 "%s: %s", w->version, rig_stack(&w->rig));
			cr_expect_eq(w->rig.out.cut, later == 2, "%s", w->version);
		}
	}
}

Test(unwind_ways, or_if_it_is_steady)
{
	EACH_VERSION(w)
	{
		let_c_run(w);
		for (int i = 0; i < 40; i++) {
			w->rig.thread.samples += 2;
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
		}
		cr_expect_str_eq(rig_stack(&w->rig), "main:5 user:104 other:508", "%s: %s",
				 w->version, rig_stack(&w->rig));
	}
}

/* A frame that stands where it calls nothing. */
Test(unwind_ways, but_not_steady_alone_where_nothing_is_given_to_c_code)
{
	EACH_VERSION(w)
	{
		let_c_run(w);
		image_set(&w->im, w->user_frame, F_FRAME_INSTR,
			  w->user + w->im.layout.code_units_at + 2 * IMAGE_WORKS);
		for (int i = 0; i < 40; i++) {
			w->rig.thread.samples += 2;
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
			cr_expect_str_eq(rig_stack(&w->rig), "main:5 user:129", "%s: %s",
					 w->version, rig_stack(&w->rig));
		}
	}
}

/* user has C code call f; by the time that its entry frame is copied, another call's is there. */
static void call_by_c(struct world *w)
{
	raddr shim = image_push_shim(&w->t);

	image_push(&w->t, w->f, 2);
	image_set(&w->im, shim, F_FRAME_PREVIOUS, w->t.frame[0].at);
}

Test(unwind_ways, what_c_code_has_called_with_nothing_in_between_it_has_called_again)
{
	for (int seen = 0; seen < 2; seen++) {
		EACH_VERSION(w)
		{
			know_generators(w);
			if (seen) {
				image_push_shim(&w->t);
				image_push(&w->t, w->f, 2);
				settle(w, "main:5 user:104 f:703");
				image_pop(&w->t);
			}
			settle(w, "main:5 user:104");
			call_by_c(w);
			if (seen) {
				expect_told(w, "main:5 user:104 f:703", true);
				continue;
			}
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
			cr_expect(w->rig.out.cut, "%s: %s", w->version, rig_stack(&w->rig));
		}
	}
}

/* A second object, right above the first. */
static void refer_also(struct world *w, raddr frame, raddr object)
{
	uint64_t locals = image_get(&w->im, w->user, F_CODE_NLOCALSPLUS);
	raddr slot = frame + w->im.layout.frame_locals_at + 8 * (locals + 1);

	fake_put64(&w->im.fake, slot, object);
	image_set(&w->im, frame, F_FRAME_STACKPOINTER, slot + 8);
}

/* user has given gen to C code, and f was called by it: so says the data stack. The copies come
 * when gen has yielded, or when its memory is no generator's any more; or there is another one
 * that could have run it. */
Test(unwind_ways, a_generator_that_the_data_stack_links_stands_there)
{
	enum { AGREE, GONE, ANOTHER, NCASES };

	for (int which = 0; which < NCASES; which++) {
		EACH_VERSION(w)
		{
			raddr object = w->im.layout.generator_frame_at, known;

			know_generators(w);
			known = w->inner_frame;
			image_push_shim(&w->t);
			w->gen_frame = image_push_generator(&w->t, w->gen, 7);
			refer(w, w->user_frame, w->gen_frame - object);
			settle(w, "main:5 user:104 gen:408");
			image_push(&w->t, w->f, 2);
			image_set(&w->im, w->gen_frame, F_FRAME_PREVIOUS, 0);
			if (which == GONE)
				image_set(&w->im, w->gen_frame, F_FRAME_EXECUTABLE, w->f);
			if (which == ANOTHER)
				refer_also(w, w->user_frame, known - object);
			if (which == AGREE) {
				expect_told(w, "main:5 user:104 gen:408 f:703", true);
				continue;
			}
			cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
			cr_expect(w->rig.out.cut, "%s: %s", w->version, rig_stack(&w->rig));
		}
	}
}

/* It has called f for user before, with nothing in between; but now there is a generator. */
Test(unwind_ways, a_generator_that_called_is_not_left_out_for_c_code_once_called_directly)
{
	EACH_VERSION(w)
	{
		know_generators(w);
		image_push_shim(&w->t);
		image_push(&w->t, w->f, 2);
		settle(w, "main:5 user:104 f:703");
		image_pop(&w->t);
		image_push_shim(&w->t);
		w->gen_frame = image_push_generator(&w->t, w->gen, 7);
		settle(w, "main:5 user:104 gen:408");
		image_push(&w->t, w->f, 2);
		image_set(&w->im, w->gen_frame, F_FRAME_PREVIOUS, 0);
		cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
		cr_expect(w->rig.out.cut, "%s: %s", w->version, rig_stack(&w->rig));
		cr_expect_not(w->rig.out.told, "%s", w->version);
	}
}
