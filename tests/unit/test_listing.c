/* SPDX-License-Identifier: MIT */
#include "profiler/listing.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct world {
	struct image im;
	struct image_thread t[4];
	struct sampler s;
};

/* Two interpreters: threads 0 and 1 of the first, 2 of the second. */
static struct world *world(int id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	image_thread(&w->im, &w->t[0], 10, 100);
	image_thread(&w->im, &w->t[1], 11, 101);
	image_interpreter(&w->im);
	image_thread(&w->im, &w->t[2], 12, 102);
	w->s.target = &w->im.fake.target;
	w->s.site = (struct site){ w->im.runtime, w->im.layout, "memory scan" };
	cr_assert_eq(profile_create(1 << 20, &w->s.profile), PS_OK);
	return w;
}

static void end(struct world *w)
{
	for (uint32_t i = 0; i < w->s.nthreads; i++)
		thread_deinit(&w->s.threads[i]);
	free(w->s.threads);
	free(w->s.interpreters);
	profile_destroy(w->s.profile);
	image_deinit(&w->im);
	free(w);
}

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world(id_); w; end(w), w = NULL)

static struct thread *find(struct world *w, raddr at)
{
	for (uint32_t i = 0; i < w->s.nthreads; i++) {
		if (w->s.threads[i].at == at)
			return &w->s.threads[i];
	}
	return NULL;
}

Test(listing, has_all_threads_of_all_interpreters)
{
	EACH_VERSION(w)
	{
		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		cr_expect_eq(w->s.ninterpreters, 2);
		cr_expect_eq(w->s.nthreads, 3);
		for (int i = 0; i < 3; i++) {
			const struct thread *t = find(w, w->t[i].at);

			cr_assert(t);
			cr_expect_eq(t->ident, 100 + (uint64_t)i);
			cr_expect_eq(t->inner_tid, 10 + (uint64_t)i);
			cr_expect_eq(profile_thread_at(w->s.profile, t->id).interpreter, i == 2);
		}
	}
}

Test(listing, what_is_known_of_a_thread_stays)
{
	EACH_VERSION(w)
	{
		thread_id id;

		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		id = find(w, w->t[1].at)->id;
		find(w, w->t[1].at)->samples = 77;
		image_thread(&w->im, &w->t[3], 13, 103);
		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		cr_expect_eq(w->s.nthreads, 4);
		cr_expect_eq(find(w, w->t[1].at)->samples, 77);
		cr_expect_eq(find(w, w->t[1].at)->id.v, id.v);
		cr_expect_eq(profile_nthreads(w->s.profile), 4);
	}
}

Test(listing, another_thread_at_the_same_address_is_another)
{
	EACH_VERSION(w)
	{
		thread_id id;

		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		id = find(w, w->t[1].at)->id;
		image_set(&w->im, w->t[1].at, F_THREAD_TID, 99);
		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		cr_expect_eq(w->s.nthreads, 3);
		cr_expect_neq(find(w, w->t[1].at)->id.v, id.v);
	}
}

Test(listing, a_thread_that_is_not_there_yet_is_left_out)
{
	EACH_VERSION(w)
	{
		image_set(&w->im, w->t[1].at, F_THREAD_STATUS, 0);
		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		cr_expect_eq(w->s.nthreads, 2);
	}
}

Test(listing, lists_that_contradict_themselves_leave_it_as_it_was)
{
	EACH_VERSION(w)
	{
		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		image_set(&w->im, w->t[0].at, F_THREAD_NEXT, w->t[1].at);
		cr_expect_eq(listing_refresh(&w->s), PS_TORN, "threads in a circle");
		cr_expect_eq(w->s.nthreads, 3);
		image_set(&w->im, w->t[0].at, F_THREAD_NEXT, 0);
		image_set(&w->im, w->t[0].at, F_THREAD_INTERP, 8);
		cr_expect_eq(listing_refresh(&w->s), PS_TORN, "a thread of nobody");
		cr_expect_eq(w->s.nthreads, 3);
		image_set(&w->im, w->im.interpreter, F_INTERP_NEXT, w->im.interpreter);
		cr_expect_eq(listing_refresh(&w->s), PS_TORN, "interpreters in a circle");
		cr_expect(find(w, w->t[0].at)->alive);
	}
}

/* They are not listed, so that no bound on what is listed ends the walk. */
Test(listing, a_circle_of_threads_that_are_not_there_yet_ends, .timeout = 30)
{
	EACH_VERSION(w)
	{
		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		for (int i = 0; i < 2; i++)
			image_set(&w->im, w->t[i].at, F_THREAD_STATUS, 0);
		image_set(&w->im, w->t[0].at, F_THREAD_NEXT, w->t[1].at);
		w->im.fake.reads = 0;
		cr_expect_eq(listing_refresh(&w->s), PS_TORN);
		cr_expect_lt(w->im.fake.reads, 20000, "%lu reads", (unsigned long)w->im.fake.reads);
		cr_expect_eq(w->s.nthreads, 3);
	}
}

Test(listing, survives_the_failure_of_any_read)
{
	EACH_VERSION(w)
	{
		uint64_t total;

		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		w->im.fake.reads = 0;
		cr_assert_eq(listing_refresh(&w->s), PS_OK);
		total = w->im.fake.reads;
		for (uint64_t k = 1; k <= total; k++) {
			w->im.fake.reads = 0;
			w->im.fake.fail_at = k;
			cr_expect_eq(listing_refresh(&w->s), PS_FAULT);
			cr_expect_eq(w->s.nthreads, 3);
		}
		w->im.fake.fail_at = 0;
		cr_expect_eq(listing_refresh(&w->s), PS_OK);
		cr_expect_eq(profile_nthreads(w->s.profile), 3, "nobody was met twice");
	}
}

Test(listing, survives_the_failure_of_any_allocation)
{
	EACH_VERSION(w)
	{
		enum ps_status st = PS_NOMEM;

		for (unsigned long k = 1; st; k++) {
			fail_alloc_at(k);
			st = listing_refresh(&w->s);
			fail_alloc_at(0);
			cr_assert(st == PS_OK || st == PS_NOMEM);
			cr_assert_lt(k, 100);
		}
		cr_expect_eq(listing_refresh(&w->s), PS_OK);
		cr_expect_eq(w->s.nthreads, 3);
		for (int i = 0; i < 3; i++)
			cr_expect_lt(find(w, w->t[i].at)->id.v, profile_nthreads(w->s.profile));
	}
}
