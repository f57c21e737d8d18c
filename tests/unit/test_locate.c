/* SPDX-License-Identifier: MIT */
/* The checks that what was found must pass; finding it is for the end-to-end tests. */
#include "profiler/locate.h"

#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct world {
	struct image im;
	struct image_thread t[3];
	struct site site;
};

static struct world *world(int id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	image_thread(&w->im, &w->t[0], 10, 100);
	image_thread(&w->im, &w->t[1], 11, 101);
	image_interpreter(&w->im);
	image_thread(&w->im, &w->t[2], 12, 102);
	w->site = (struct site){ w->im.runtime, w->im.layout, "memory scan" };
	return w;
}

static void end(struct world *w)
{
	image_deinit(&w->im);
	free(w);
}

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world(id_); w; end(w), w = NULL)

static enum ps_status check(struct world *w)
{
	struct ps_err err = { 0 };
	enum ps_status st = locate_check(&w->im.fake.target, &w->site, &err);

	cr_expect(st == PS_OK || err.msg[0]);
	return st;
}

Test(locate, believes_interpreters_and_threads_that_hang_together)
{
	EACH_VERSION(w)
	{
		cr_expect_eq(check(w), PS_OK);
	}
}

Test(locate, waits_for_an_interpreter_that_has_not_started)
{
	EACH_VERSION(w)
	{
		raddr main_interp = image_get(&w->im, w->im.runtime, F_RUNTIME_INTERPRETERS_MAIN);

		image_set(&w->im, main_interp, F_INTERP_THREADS_HEAD, 0);
		cr_expect_eq(check(w), PS_NOT_READY);
		image_set(&w->im, w->im.runtime, F_RUNTIME_INTERPRETERS_HEAD, 0);
		cr_expect_eq(check(w), PS_NOT_READY);
	}
}

Test(locate, does_not_believe_contradictions)
{
	EACH_VERSION(w)
	{
		raddr head = w->im.interpreter;
		raddr main_interp = image_get(&w->im, w->im.runtime, F_RUNTIME_INTERPRETERS_MAIN);

		image_set(&w->im, w->t[0].at, F_THREAD_INTERP, head);
		cr_expect_eq(check(w), PS_FORMAT, "a thread of another interpreter");
		image_set(&w->im, w->t[0].at, F_THREAD_INTERP, main_interp);
		image_set(&w->im, w->t[0].at, F_THREAD_NEXT, w->t[1].at);
		cr_expect_eq(check(w), PS_FORMAT, "threads in a circle");
		image_set(&w->im, w->t[0].at, F_THREAD_NEXT, 0);
		image_set(&w->im, main_interp, F_INTERP_NEXT, head);
		cr_expect_eq(check(w), PS_FORMAT, "interpreters in a circle");
		image_set(&w->im, main_interp, F_INTERP_NEXT, 0);
		image_set(&w->im, head, F_INTERP_ID, UINT64_MAX);
		cr_expect_eq(check(w), PS_FORMAT, "a negative id");
		image_set(&w->im, head, F_INTERP_ID, 0);
		cr_expect_eq(check(w), PS_FORMAT, "two main interpreters");
		image_set(&w->im, head, F_INTERP_ID, 1);
		image_set(&w->im, main_interp, F_INTERP_ID, 5);
		cr_expect_eq(check(w), PS_FORMAT, "no main interpreter");
		image_set(&w->im, main_interp, F_INTERP_ID, 0);
		cr_expect_eq(check(w), PS_OK);
	}
}

Test(locate, survives_the_failure_of_any_read)
{
	EACH_VERSION(w)
	{
		uint64_t total;

		cr_assert_eq(check(w), PS_OK);
		total = w->im.fake.reads;
		for (uint64_t k = 1; k <= total; k++) {
			w->im.fake.reads = 0;
			w->im.fake.fail_at = k;
			cr_expect_eq(check(w), PS_FAULT);
		}
		w->im.fake.fail_at = 0;
		cr_expect_eq(check(w), PS_OK);
	}
}
