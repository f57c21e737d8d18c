/* SPDX-License-Identifier: MIT */
/* Generators whose frames have become others' by the time they are copied. */
#include "profiler/unwind.h"

#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { CO_GENERATOR = 0x20, VERSION = 77 };

/* main calls user, which at line 117 loops over gen(), which calls f. */
struct world {
	struct image im;
	struct image_thread t;
	struct rig rig;
	raddr main, user, gen, other, f;
	raddr user_frame, gen_frame;
	const char *version;
};

static void put(struct world *w, unsigned unit, unsigned char low, unsigned char high)
{
	unsigned char bytes[2] = { low, high };

	fake_put(&w->im.fake, w->user + w->im.layout.code_units_at + 2 * (raddr)unit, bytes, 2);
}

/* A specialized call of gen right before the instruction that resumes what it made. */
static void write_call(struct world *w)
{
	static const unsigned char call[] = { [13] = 177, [14] = 161, [15] = 164 };
	static const unsigned char get_iter[] = { [13] = 19, [14] = 16, [15] = 70 };
	unsigned minor = layout_minor(&w->im.layout), at = IMAGE_RESUMES - (minor >= 15 ? 6 : 5);

	put(w, at, call[minor], 0);
	put(w, at + 1, 0, 0);
	put(w, at + 2, VERSION, 0);
	put(w, at + 3, 0, 0);
	put(w, at + 4, get_iter[minor], 0);
	if (minor >= 15)
		put(w, at + 5, 0, 0);
}

static raddr code(struct world *w, const char *name, unsigned line, unsigned flags)
{
	return image_code(&w->im,
			  &(struct image_code){ .name = name, .first_line = line, .flags = flags });
}

/* As the frame's value stack has it: the generator, and nothing above it. */
static void refer(struct world *w, raddr frame, raddr object)
{
	uint64_t locals = image_get(&w->im, w->user, F_CODE_NLOCALSPLUS);
	raddr slot = frame + w->im.layout.frame_locals_at + 8 * locals;

	fake_put64(&w->im.fake, slot, object);
	image_set(&w->im, frame, F_FRAME_STACKPOINTER, slot + 8);
	image_set(&w->im, frame, F_FRAME_STACKTOP, locals + 1);
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
	w->f = code(w, "f", 601, 0);
	image_set(&w->im, w->gen, F_CODE_VERSION, VERSION);
	/* Where gen stands, it calls nothing. */
	fake_put(&w->im.fake, w->gen + w->im.layout.code_units_at + 2 * 7, "\x1b", 2);
	write_call(w);
	cr_assert_eq(rig_init(&w->rig, &w->im, w->t.at), PS_OK);
	image_push(&w->t, w->main, 4);
	w->user_frame = image_push(&w->t, w->user, 3);
	w->gen_frame = image_push_generator(&w->t, w->gen, 7);
	refer(w, w->user_frame, w->gen_frame - w->im.layout.generator_frame_at);
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

/* Until all that this needs is foreseen and specialized sites have been looked at. */
static void settle(struct world *w, const char *stack)
{
	for (int i = 0; i < 100; i++)
		cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
	cr_assert_str_eq(rig_stack(&w->rig), stack, "%s: %s", w->version, rig_stack(&w->rig));
}

static void become_other(struct world *w)
{
	image_set(&w->im, w->gen_frame, F_FRAME_EXECUTABLE, w->other);
	image_set(&w->im, w->gen_frame, F_FRAME_INSTR,
		  w->other + w->im.layout.code_units_at + 2 * 9);
}

static void expect_told(struct world *w, const char *stack, bool told)
{
	cr_assert_eq(rig_sample(&w->rig), PS_OK, "%s", w->version);
	cr_expect_str_eq(rig_stack(&w->rig), stack, "%s: %s", w->version, rig_stack(&w->rig));
	cr_expect_eq(w->rig.out.told, told, "%s", w->version);
	cr_expect_not(w->rig.out.cut, "%s", w->version);
}

Test(unwind_told, a_generator_that_is_copied_in_time_is_as_copied)
{
	EACH_VERSION(w)
	{
		settle(w, "main:5 user:117 gen:408");
		expect_told(w, "main:5 user:117 gen:408", false);
	}
}

Test(unwind_told, one_that_has_become_another_is_told_by_the_loop_over_it)
{
	EACH_VERSION(w)
	{
		settle(w, "main:5 user:117 gen:408");
		become_other(w);
		expect_told(w, "main:5 user:117 gen:408", true);
	}
}

Test(unwind_told, what_it_calls_stands_on_it)
{
	EACH_VERSION(w)
	{
		settle(w, "main:5 user:117 gen:408");
		image_step(&w->t, 9);
		image_push(&w->t, w->f, 2);
		refer(w, w->user_frame, w->gen_frame - w->im.layout.generator_frame_at);
		settle(w, "main:5 user:117 gen:410 f:603");
	}
}

Test(unwind_told, a_generator_that_no_code_tells_is_cut_when_it_becomes_another)
{
	EACH_VERSION(w)
	{
		put(w, IMAGE_RESUMES - 3, 99, 0); /* another function's version */
		put(w, IMAGE_RESUMES - 4, 99, 0);
		settle(w, "main:5 user:117 gen:408");
		become_other(w);
		cr_assert_eq(rig_sample(&w->rig), PS_OK);
		cr_expect_not(w->rig.out.told, "%s", w->version);
	}
}

/* What user loops over has not been met; what is copied is another's, of a later moment. */
Test(unwind_told, a_generator_of_another_function_than_the_loop_uses_is_not_believed)
{
	for (int version = 0; version < 2; version++) {
		EACH_VERSION(w)
		{
			put(w, IMAGE_RESUMES - 3, 99, 0);
			put(w, IMAGE_RESUMES - 4, 99, 0);
			image_set(&w->im, w->gen, F_CODE_VERSION, version ? VERSION : 0);
			for (int i = 0; i < 20; i++)
				cr_assert_eq(rig_sample(&w->rig), PS_OK);
			cr_expect_str_eq(rig_stack(&w->rig),
					 version ? "main:5 user:117" : "main:5 user:117 gen:408",
					 "%s: %s", w->version, rig_stack(&w->rig));
			/* Versions are given anew, so that this does not go on for ever. */
			for (int i = 0; i < 300; i++)
				cr_assert_eq(rig_sample(&w->rig), PS_OK);
			cr_expect_str_eq(rig_stack(&w->rig), "main:5 user:117 gen:408", "%s: %s",
					 w->version, rig_stack(&w->rig));
		}
	}
}
