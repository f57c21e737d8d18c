/* SPDX-License-Identifier: MIT */
/* Ticks on an image of threads of which one has the GIL: who is read, and who is not. */
#include "profiler/keep.h"

#include "tests/support/sampled.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define MS (uint64_t)1000000

enum { THREADS = 6 };

struct world {
	struct image im;
	struct image_thread t[THREADS];
	struct sampler s;
	raddr main, f, g;
	uint64_t now;
	const char *version;
};

static void tick(struct world *w)
{
	enum ps_status st = sampler_tick(&w->s, w->now += MS, 1);

	cr_assert_eq(st, PS_OK, "%s: %s", w->version, ps_status_name(st));
}

static struct world *world(int id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	w->version = table_name((enum table_id)id);
	w->main = image_code(&w->im, &(struct image_code){ .name = "main", .first_line = 1 });
	w->f = image_code(&w->im, &(struct image_code){ .name = "f", .first_line = 100 });
	w->g = image_code(&w->im, &(struct image_code){ .name = "g", .first_line = 200 });
	for (unsigned i = 0; i < THREADS; i++) {
		image_thread(&w->im, &w->t[i], 10 + i, 100 + i);
		image_push(&w->t[i], w->main, 4);
		image_push(&w->t[i], w->f, 2);
		image_drop_gil(&w->t[i]);
	}
	sampled_init(&w->s, &w->im);
	sampler_keep_still(&w->s);
	return w;
}

static void end(struct world *w)
{
	struct profile *p = w->s.profile;

	sampler_close(&w->s);
	profile_destroy(p);
	for (unsigned i = 0; i < THREADS; i++)
		image_thread_deinit(&w->t[i]);
	image_deinit(&w->im);
	free(w);
}

#define EACH_GIL(w)                                                     \
	for (int id_ = 0; id_ < NTABLES; id_++)                         \
		for (struct world *w = world(id_); w; end(w), w = NULL) \
			if (layout_has(&w->im.layout, F_INTERP_GIL_SWITCHES))

static struct thread *thread_of(struct world *w, unsigned i)
{
	for (uint32_t k = 0; k < w->s.nthreads; k++) {
		if (w->s.threads[k].at == w->t[i].at)
			return &w->s.threads[k];
	}
	cr_assert_fail("not listed");
	return NULL;
}

/* Is that the innermost function of its last sample? */
static bool stands_in(struct world *w, unsigned i, const char *name)
{
	struct profile_stack st = profile_stack_at(w->s.profile, thread_of(w, i)->stack);
	struct profile_function f = profile_function_at(w->s.profile, st.function);

	return f.name.len == strlen(name) && memcmp(f.name.at, name, f.name.len) == 0;
}

/* The first has the GIL, and what was told of all others may be kept from now on. */
static void settle(struct world *w)
{
	tick(w);
	image_take_gil(&w->t[1]);
	tick(w);
	image_take_gil(&w->t[0]);
	tick(w);
	tick(w);
}

/* Into another function, which its words do not tell: so that it shows whether it is read. */
static void step_unseen(struct world *w, unsigned i)
{
	image_pop(&w->t[i]);
	image_push(&w->t[i], w->g, 3);
	image_drop_gil(&w->t[i]);
}

Test(keep, a_thread_that_stands_still_is_counted_and_not_read)
{
	EACH_GIL(w)
	{
		uint64_t before;

		settle(w);
		before = w->s.counts.consistent;
		step_unseen(w, 3);
		for (int i = 0; i < 5; i++)
			tick(w);
		cr_expect(stands_in(w, 3, "f"), "%s", w->version);
		cr_expect_eq(w->s.counts.consistent - before, 5 * THREADS, "%s: %lu", w->version,
			     (unsigned long)(w->s.counts.consistent - before));
	}
}

Test(keep, a_pool_that_only_waits_is_not_read_again)
{
	EACH_GIL(w)
	{
		image_set(&w->im, w->im.interpreter, F_INTERP_GIL_SWITCHES, THREADS);
		image_set(&w->im, w->im.interpreter, F_INTERP_GIL_HOLDER, w->t[0].at);
		for (int i = 0; i < 4; i++)
			tick(w);
		step_unseen(w, 3);
		tick(w);
		cr_expect(stands_in(w, 3, "f"), "%s", w->version);
	}
}

Test(keep, one_that_took_the_gil_is_read_at_once)
{
	EACH_GIL(w)
	{
		settle(w);
		image_take_gil(&w->t[3]);
		image_pop(&w->t[3]);
		image_push(&w->t[3], w->g, 3);
		tick(w);
		cr_expect(stands_in(w, 3, "g"), "%s", w->version);
		/* And as it let it go again. */
		image_pop(&w->t[3]);
		image_push(&w->t[3], w->f, 3);
		image_take_gil(&w->t[0]);
		tick(w);
		cr_expect(stands_in(w, 3, "f"), "%s", w->version);
		image_step(&w->t[0], 9);
		tick(w);
		cr_expect_neq(thread_of(w, 0)->settled_at, w->s.gil.looks, "%s: it is attached",
			      w->version);
	}
}

Test(keep, all_are_read_where_it_was_handed_on_too_often)
{
	EACH_GIL(w)
	{
		settle(w);
		step_unseen(w, 4);
		image_take_gil(&w->t[2]);
		image_take_gil(&w->t[3]);
		image_take_gil(&w->t[5]);
		tick(w);
		cr_expect(stands_in(w, 4, "g"), "%s", w->version);
	}
}

Test(keep, only_who_asked_for_it_has_it)
{
	EACH_GIL(w)
	{
		w->s.keeps_still = false;
		settle(w);
		step_unseen(w, 3);
		tick(w);
		cr_expect(stands_in(w, 3, "g"), "%s", w->version);
	}
}

Test(keep, a_gil_that_lies_is_found_out)
{
	enum { MORE_THAN_A_CHECK = 600 };

	EACH_GIL(w)
	{
		settle(w);
		step_unseen(w, 3);
		for (int i = 0; i < MORE_THAN_A_CHECK && !w->s.gil.off; i++)
			tick(w);
		cr_expect(w->s.gil.off, "%s", w->version);
		cr_expect(stands_in(w, 3, "g"), "%s", w->version);
		step_unseen(w, 4);
		tick(w);
		cr_expect(stands_in(w, 4, "g"), "%s: all are read again", w->version);
	}
}

/* --- other code objects at the addresses of those that are gone --- */

enum { OWN = 3, SOON = 25 /* ms: 3.13 believes a record for 20 */ };

static raddr make_own(struct world *w)
{
	return image_code(&w->im, &(struct image_code){ .name = "own", .first_line = 300 });
}

static void replace(struct world *w, raddr own)
{
	image_code_at(&w->im, own, &(struct image_code){ .name = "other", .first_line = 400 });
	if (layout_has(&w->im.layout, F_INTERP_GENERATION))
		image_set(&w->im, w->im.interpreter, F_INTERP_GENERATION, 77);
}

/* Soon, and then for good. */
static void expect_other(struct world *w, uint64_t step)
{
	unsigned wrong = 0;

	for (uint64_t soon = w->now + SOON * MS; w->now < soon;)
		cr_assert_eq(sampler_tick(&w->s, w->now += step, 1), PS_OK);
	for (unsigned i = 0; i < 300; i++) {
		cr_assert_eq(sampler_tick(&w->s, w->now += step, 1), PS_OK);
		wrong += !stands_in(w, OWN, "other");
	}
	cr_expect_eq(wrong, 0, "%s: %u", w->version, wrong);
	cr_expect_not(w->s.gil.off, "%s: no word of the GIL was wrong", w->version);
}

static void stand_in_what_was_replaced(struct world *w, uint64_t step)
{
	raddr own = make_own(w);

	settle(w);
	for (unsigned i = 0; i < SOON; i++)
		tick(w);
	image_take_gil(&w->t[OWN]);
	image_pop(&w->t[OWN]);
	image_push(&w->t[OWN], own, 3);
	tick(w);
	image_pop(&w->t[OWN]);
	replace(w, own);
	image_push(&w->t[OWN], own, 3);
	image_take_gil(&w->t[0]);
	expect_other(w, step);
}

Test(keep, what_was_told_by_the_record_of_another_is_not_kept)
{
	EACH_GIL(w)
	{
		stand_in_what_was_replaced(w, MS);
	}
}

/* Interpreters are not looked at in each tick then. */
Test(keep, nor_at_a_high_rate)
{
	EACH_GIL(w)
	{
		stand_in_what_was_replaced(w, MS / 200);
	}
}

static void renew_by_a_dead_slot(struct world *w, bool of_its_own)
{
	raddr own = make_own(w);

	w->s.keeps_still = false;
	tick(w);
	if (!of_its_own) {
		image_push(&w->t[OWN + 2], own, 3);
		image_pop(&w->t[OWN + 2]);
	}
	image_push(&w->t[OWN], own, 3);
	if (of_its_own) {
		image_push(&w->t[OWN], own, 3);
		image_step(&w->t[OWN], 31);
		image_pop(&w->t[OWN]);
	}
	image_drop_gil(&w->t[OWN]);
	for (unsigned i = 0; i < 3; i++)
		tick(w);
	replace(w, own);
	expect_other(w, MS);
}

/* By whomever: no sample of any thread goes on by what was told before. */
Test(keep, a_record_that_a_dead_frame_renewed_is_not_taken_for_verified)
{
	EACH_GIL(w)
	{
		renew_by_a_dead_slot(w, true);
	}
	EACH_GIL(w)
	{
		renew_by_a_dead_slot(w, false);
	}
}

Test(keep, one_that_stands_still_is_not_taken_for_a_lie)
{
	enum { MORE_THAN_A_CHECK = 600 };

	EACH_GIL(w)
	{
		settle(w);
		for (int i = 0; i < MORE_THAN_A_CHECK; i++)
			tick(w);
		cr_expect_not(w->s.gil.off, "%s", w->version);
		cr_expect_eq(w->s.counts.consistent, (uint64_t)w->s.counts.ticks * THREADS, "%s",
			     w->version);
	}
}

Test(keep, a_collection_is_marked_on_one_that_is_kept)
{
	struct world *w = world(TABLE_3_15_2);

	settle(w);
	image_collect(&w->im, w->t[3].frame[w->t[3].nframes - 1].at);
	for (int i = 0; i < 3; i++) {
		tick(w);
		cr_expect(stands_in(w, 3, "<GC>"));
	}
	image_collect(&w->im, 0);
	for (int i = 0; i < 3; i++) {
		tick(w);
		cr_expect(stands_in(w, 3, "f"));
	}
	end(w);
}
