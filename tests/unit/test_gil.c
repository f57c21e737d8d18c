/* SPDX-License-Identifier: MIT */
/* Who has certainly stood still, by what the words of the GIL say at two looks. */
#include "profiler/gil.h"

#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { THREADS = 4 };

struct world {
	struct image im;
	struct image_thread t[THREADS];
	struct thread thread[THREADS];
	struct gil g;
	uint32_t lived; /* as it is told */
	bool has_gil;
	const char *version;
};

static void look(struct world *w)
{
	enum ps_status st =
		gil_look(&w->g, &w->im.fake.target, &w->im.layout, w->im.interpreter, w->lived);

	cr_assert_eq(st, PS_OK, "%s: %s", w->version, ps_status_name(st));
}

static struct world *world(int id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	w->version = table_name((enum table_id)id);
	w->has_gil = layout_has(&w->im.layout, F_INTERP_GIL_SWITCHES);
	for (unsigned i = 0; i < THREADS; i++) {
		image_thread(&w->im, &w->t[i], 10 + i, 100 + i);
		image_drop_gil(&w->t[i]);
		thread_init(&w->thread[i], w->t[i].at);
		w->thread[i].interpreter = w->im.interpreter;
	}
	if (!w->has_gil)
		return w;
	/* It is seen to count, and then goes on with the first one. */
	look(w);
	image_take_gil(&w->t[1]);
	look(w);
	image_take_gil(&w->t[0]);
	look(w);
	return w;
}

static void end(struct world *w)
{
	for (unsigned i = 0; i < THREADS; i++) {
		image_thread_deinit(&w->t[i]);
		thread_deinit(&w->thread[i]);
	}
	image_deinit(&w->im);
	free(w);
}

#define EACH_GIL(w)                                                     \
	for (int id_ = 0; id_ < NTABLES; id_++)                         \
		for (struct world *w = world(id_); w; end(w), w = NULL) \
			if (w->has_gil)

/* Those who are said to have stood still, as digits. */
static int still(const struct world *w)
{
	int n = 0;

	for (int i = 0; i < THREADS; i++) {
		if (gil_stood_still(&w->g, &w->thread[i]))
			n = n * 10 + i + 1;
	}
	return n;
}

Test(gil, all_but_the_holder_stand_still_while_nobody_takes_it)
{
	EACH_GIL(w)
	{
		look(w);
		cr_expect_eq(still(w), 234, "%s: %d", w->version, still(w));
		image_drop_gil(&w->t[0]);
		look(w);
		cr_expect_eq(still(w), 234, "nor does it count that it let go");
		look(w);
		cr_expect_eq(still(w), 234);
	}
}

Test(gil, all_but_two_stand_still_when_it_was_handed_on_once)
{
	EACH_GIL(w)
	{
		look(w);
		image_take_gil(&w->t[2]);
		look(w);
		cr_expect_eq(still(w), 24, "%s: %d", w->version, still(w));
		look(w);
		cr_expect_eq(still(w), 124, "%s: %d", w->version, still(w));
	}
}

Test(gil, nobody_is_known_to_stand_still_when_it_was_handed_on_more_often)
{
	EACH_GIL(w)
	{
		look(w);
		image_take_gil(&w->t[2]);
		image_take_gil(&w->t[3]);
		look(w);
		cr_expect_eq(still(w), 0, "%s: %d", w->version, still(w));
		image_take_gil(&w->t[1]);
		image_take_gil(&w->t[3]);
		look(w);
		cr_expect_eq(still(w), 0, "the holder is the same, the count is not");
	}
}

/* The words may show a holder who has not been counted yet, or the other way round. */
Test(gil, who_took_it_once_is_known_only_if_both_were_seen_to_execute)
{
	EACH_GIL(w)
	{
		look(w);
		image_take_gil(&w->t[2]);
		image_drop_gil(&w->t[2]);
		look(w);
		cr_expect_eq(still(w), 0, "%s: the second was not: %d", w->version, still(w));
		image_take_gil(&w->t[1]);
		look(w);
		cr_expect_eq(still(w), 0, "%s: the first was not: %d", w->version, still(w));
		image_take_gil(&w->t[2]);
		look(w);
		cr_expect_eq(still(w), 14, "%s: %d", w->version, still(w));
	}
}

/* It stays active, and its state can be read, for as long as its memory is not another's. */
Test(gil, a_holder_that_has_ended_is_not_proved)
{
	EACH_GIL(w)
	{
		uint64_t status;

		look(w);
		image_take_gil(&w->t[2]);
		status = image_get(&w->im, w->t[2].at, F_THREAD_STATUS);
		image_set(&w->im, w->t[2].at, F_THREAD_STATUS, status | w->im.layout.status_gone);
		look(w);
		cr_expect_eq(still(w), 0, "%s: %d", w->version, still(w));
		image_take_gil(&w->t[1]);
		look(w);
		cr_expect_eq(still(w), 0, "%s: %d", w->version, still(w));
	}
}

/* At the second read of a look, the one for the new holder's status. */
static void count_on(struct fake_target *fake, uint64_t nth, void *ctx)
{
	struct world *w = ctx;

	(void)fake;
	if (nth % 2 == 0)
		image_set(&w->im, w->im.interpreter, F_INTERP_GIL_SWITCHES, 1000 + nth);
}

Test(gil, a_holder_is_not_proved_while_the_count_goes_on)
{
	EACH_GIL(w)
	{
		look(w);
		image_take_gil(&w->t[2]);
		w->im.fake.reads = 0;
		w->im.fake.before_read = count_on;
		w->im.fake.ctx = w;
		look(w);
		w->im.fake.before_read = NULL;
		cr_expect_eq(w->im.fake.reads, 2);
		cr_expect_eq(still(w), 0, "%s: %d", w->version, still(w));
		look(w);
		cr_expect_eq(still(w), 0, "%s: %d", w->version, still(w));
	}
}

Test(gil, a_look_that_is_left_out_leaves_nobody_standing)
{
	EACH_GIL(w)
	{
		look(w);
		gil_pass(&w->g);
		cr_expect_eq(still(w), 0);
		look(w);
		cr_expect_eq(still(w), 0, "there is none before it");
		look(w);
		cr_expect_eq(still(w), 234, "%s: %d", w->version, still(w));
	}
}

Test(gil, is_not_believed_before_it_was_seen_to_count)
{
	EACH_GIL(w)
	{
		w->g = (struct gil){ 0 };
		for (int i = 0; i < 3; i++) {
			look(w);
			cr_expect_eq(still(w), 0);
		}
		image_set(&w->im, w->im.interpreter, F_INTERP_GIL_HOLDER, w->t[2].at);
		look(w);
		look(w);
		cr_expect_eq(still(w), 0, "%s: another holder, and the same count", w->version);
		image_take_gil(&w->t[3]);
		look(w);
		look(w);
		cr_expect_eq(still(w), 123, "%s: %d", w->version, still(w));
	}
}

Test(gil, is_believed_unseen_if_it_counts_all_who_must_have_had_it)
{
	EACH_GIL(w)
	{
		w->g = (struct gil){ 0 };
		w->lived = THREADS;
		image_set(&w->im, w->im.interpreter, F_INTERP_GIL_SWITCHES, THREADS);
		look(w);
		look(w);
		cr_expect_eq(still(w), 234, "%s: %d", w->version, still(w));
	}
}

Test(gil, a_word_that_cannot_be_the_count_has_to_be_seen_to_grow)
{
	static const struct {
		uint64_t word;
		uint32_t lived;
	} cases[] = { { THREADS - 1, THREADS }, { 0, THREADS }, { 0x7f0012345678, THREADS },
		      { UINT64_MAX, THREADS },  { 2, 1 },       { 1000, THREADS - 1 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		EACH_GIL(w)
		{
			w->g = (struct gil){ 0 };
			w->lived = cases[i].lived;
			image_set(&w->im, w->im.interpreter, F_INTERP_GIL_SWITCHES, cases[i].word);
			look(w);
			look(w);
			cr_expect_eq(still(w), 0, "%s, case %zu: %d", w->version, i, still(w));
		}
	}
}

Test(gil, threads_of_other_interpreters_are_not_known)
{
	EACH_GIL(w)
	{
		look(w);
		w->thread[2].interpreter += 8;
		cr_expect_eq(still(w), 24, "%s: %d", w->version, still(w));
	}
}

Test(gil, another_main_interpreter_is_another_gil)
{
	EACH_GIL(w)
	{
		raddr other = image_take(&w->im, w->im.layout.span[S_INTERP]);

		look(w);
		cr_expect_eq(gil_look(&w->g, &w->im.fake.target, &w->im.layout, other, 0), PS_OK);
		cr_expect_eq(still(w), 0);
		cr_expect_eq(gil_look(&w->g, &w->im.fake.target, &w->im.layout, 0, 0), PS_OK);
		cr_expect_eq(still(w), 0);
	}
}

Test(gil, a_holder_whose_state_is_gone_is_not_proved)
{
	EACH_GIL(w)
	{
		raddr gone = image_take_apart(&w->im, 4096);

		image_set(&w->im, w->im.interpreter, F_INTERP_GIL_HOLDER, gone);
		image_set(&w->im, w->im.interpreter, F_INTERP_GIL_SWITCHES, 77);
		fake_unmap(&w->im.fake, gone, 4096);
		look(w);
		look(w);
		cr_expect_eq(still(w), 1234, "%s: %d", w->version, still(w));
		image_set(&w->im, w->im.interpreter, F_INTERP_GIL_SWITCHES, 78);
		look(w);
		cr_expect_eq(still(w), 0, "%s: %d", w->version, still(w));
	}
}

Test(gil, what_cannot_be_read_is_no_failure_unless_the_target_ended)
{
	EACH_GIL(w)
	{
		look(w);
		w->im.fake.fail_at = w->im.fake.reads + 1;
		w->im.fake.fail_with = PS_FAULT;
		look(w);
		cr_expect_eq(still(w), 0);
		look(w);
		cr_expect_eq(still(w), 0);
		w->im.fake.fail_at = w->im.fake.reads + 1;
		w->im.fake.fail_with = PS_GONE;
		cr_expect_eq(gil_look(&w->g, &w->im.fake.target, &w->im.layout, w->im.interpreter,
				      w->lived),
			     PS_GONE);
	}
}

Test(gil, a_free_threaded_build_has_none_that_tells_anything)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world(id);

		cr_expect_eq(w->has_gil, !w->im.layout.free_threaded, "%s", w->version);
		if (!w->has_gil) {
			look(w);
			look(w);
			cr_expect_eq(still(w), 0);
			cr_expect_eq(w->im.fake.reads, 0);
		}
		end(w);
	}
}

Test(gil, one_that_lies_is_not_believed_again)
{
	EACH_GIL(w)
	{
		/* It ran, but only after the look. */
		look(w);
		gil_doubt(&w->g, &w->thread[2]);
		image_take_gil(&w->t[2]);
		look(w);
		gil_settle_doubt(&w->g, &w->thread[2]);
		look(w);
		gil_settle_doubt(&w->g, &w->thread[2]);
		cr_expect_eq(still(w), 124, "%s: %d", w->version, still(w));
		/* It did not. */
		gil_doubt(&w->g, &w->thread[1]);
		look(w);
		gil_settle_doubt(&w->g, &w->thread[1]);
		cr_expect(w->g.off);
		look(w);
		look(w);
		cr_expect_eq(still(w), 0, "%s: %d", w->version, still(w));
	}
}
