/* SPDX-License-Identifier: MIT */
#include "profiler/exceptions.h"

#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { EXCEPTION = 0x5550, CO_GENERATOR = 0x20 };

struct world {
	struct image im;
	struct image_thread t;
	struct rig r;
	struct exceptions e;
	raddr f, gen;
};

/* A thread with one frame. */
static struct world *world(int id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	image_thread(&w->im, &w->t, 1, 1);
	w->f = image_code(&w->im, &(struct image_code){ .name = "f", .first_line = 1 });
	w->gen = image_code(&w->im, &(struct image_code){ .name = "gen", .flags = CO_GENERATOR });
	image_push(&w->t, w->f, 1);
	cr_assert_eq(rig_init(&w->r, &w->im, w->t.at), PS_OK);
	w->e = (struct exceptions){ .target = &w->im.fake.target, .layout = &w->im.layout };
	return w;
}

static void end(struct world *w)
{
	rig_deinit(&w->r);
	image_thread_deinit(&w->t);
	image_deinit(&w->im);
	free(w);
}

/* As of the second sample from now: by then generators are copied along. */
static enum exception_state now(struct world *w)
{
	for (int i = 0; i < 2; i++)
		cr_assert_eq(rig_sample(&w->r), PS_OK);
	return exceptions_of(&w->e, &w->r.thread, &w->r.capture, false);
}

Test(exceptions, raised_and_handled_are_told_of_every_version)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world(id);

		cr_expect_eq(now(w), EXCEPTION_NONE, "%s", table_name(id));
		image_raise(&w->t, EXCEPTION);
		cr_expect_eq(now(w), EXCEPTION_RAISED, "%s", table_name(id));
		image_raise(&w->t, 0);
		image_handle(&w->t, EXCEPTION);
		cr_expect_eq(now(w), EXCEPTION_HANDLED, "%s", table_name(id));
		image_handle(&w->t, 0);
		cr_expect_eq(now(w), EXCEPTION_NONE, "%s", table_name(id));
		end(w);
	}
}

Test(exceptions, a_generator_handles_what_only_its_own_item_holds)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world(id);

		cr_expect_eq(now(w), EXCEPTION_NONE);
		image_push_generator(&w->t, w->gen, 1);
		cr_expect_eq(now(w), EXCEPTION_NONE, "%s", table_name(id));
		image_handle(&w->t, EXCEPTION);
		cr_expect_eq(now(w), EXCEPTION_HANDLED, "%s", table_name(id));
		image_push_generator(&w->t, w->gen, 1);
		cr_expect_eq(now(w), EXCEPTION_HANDLED, "%s: by the one below", table_name(id));
		image_pop(&w->t);
		image_pop(&w->t);
		cr_expect_eq(now(w), EXCEPTION_NONE, "%s", table_name(id));
		end(w);
	}
}

Test(exceptions, what_called_the_generator_handles_it_too)
{
	struct world *w = world(TABLE_3_15_2);

	image_handle(&w->t, EXCEPTION);
	image_push_generator(&w->t, w->gen, 1);
	image_push_generator(&w->t, w->gen, 1);
	now(w);
	cr_expect_eq(now(w), EXCEPTION_HANDLED);
	end(w);
}

Test(exceptions, items_are_copied_along_and_cost_no_call)
{
	struct world *w = world(TABLE_3_14_10);
	uint64_t reads;

	image_push_generator(&w->t, w->gen, 1);
	image_push_generator(&w->t, w->gen, 1);
	image_handle(&w->t, EXCEPTION);
	now(w);
	reads = w->im.fake.reads;
	cr_expect_eq(exceptions_of(&w->e, &w->r.thread, &w->r.capture, true), EXCEPTION_HANDLED);
	cr_expect_eq(w->im.fake.reads, reads);
	end(w);
}

Test(exceptions, items_that_were_not_copied_are_fetched_if_allowed)
{
	struct world *w = world(TABLE_3_14_10);

	now(w);
	image_push_generator(&w->t, w->gen, 1);
	image_handle(&w->t, EXCEPTION);
	cr_assert_eq(rig_sample(&w->r), PS_OK);
	cr_expect_eq(exceptions_of(&w->e, &w->r.thread, &w->r.capture, false), EXCEPTION_NONE);
	cr_expect_eq(exceptions_of(&w->e, &w->r.thread, &w->r.capture, true), EXCEPTION_HANDLED);
	w->im.fake.fail_at = w->im.fake.reads + 1;
	w->im.fake.fail_with = PS_FAULT;
	cr_expect_eq(exceptions_of(&w->e, &w->r.thread, &w->r.capture, true), EXCEPTION_NONE);
	end(w);
}

/* Places that are not where they are thought to be must not make exceptions. */
Test(exceptions, nothing_is_told_before_the_places_are_proved)
{
	struct world *w = world(TABLE_3_13_18);

	image_set(&w->im, w->t.at, F_THREAD_EXC_INFO, 0x1234560);
	image_raise(&w->t, EXCEPTION);
	image_set(&w->im, w->t.at, F_THREAD_EXC_VALUE, EXCEPTION);
	cr_expect_eq(now(w), EXCEPTION_NONE);
	cr_expect_eq(exceptions_of(&w->e, &w->r.thread, &w->r.capture, true), EXCEPTION_NONE);
	image_set(&w->im, w->t.at, F_THREAD_EXC_INFO, 0);
	cr_expect_eq(now(w), EXCEPTION_NONE);
	image_set(&w->im, w->t.at, F_THREAD_EXC_INFO,
		  w->t.at + w->im.layout.at[F_THREAD_EXC_STATE]);
	cr_expect_eq(now(w), EXCEPTION_RAISED);
	end(w);
}

Test(exceptions, generators_prove_the_places_if_they_lead_to_the_thread)
{
	struct world *w = world(TABLE_3_13_18);

	image_push_generator(&w->t, w->gen, 1);
	image_handle(&w->t, EXCEPTION);
	cr_expect_eq(now(w), EXCEPTION_HANDLED);
	cr_expect(w->e.proved);
	end(w);
}

Test(exceptions, an_endless_chain_ends, .timeout = 10)
{
	struct world *w = world(TABLE_3_15_2);
	raddr a = image_push_generator(&w->t, w->gen, 1) - w->im.layout.exc_before_frame;
	raddr b = image_push_generator(&w->t, w->gen, 1) - w->im.layout.exc_before_frame;

	image_set(&w->im, a, F_EXC_PREVIOUS, b);
	cr_expect_eq(now(w), EXCEPTION_NONE);
	cr_expect_eq(exceptions_of(&w->e, &w->r.thread, &w->r.capture, true), EXCEPTION_NONE);
	cr_expect_not(w->e.proved);
	end(w);
}
