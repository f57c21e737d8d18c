/* SPDX-License-Identifier: MIT */
#include "profiler/plan.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct world {
	struct image im;
	struct image_thread t;
	struct thread th;
	raddr f;
};

static struct world *world(uint32_t chunk_bytes, unsigned frames)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, TABLE_3_15_2);
	image_thread(&w->im, &w->t, 1, 1);
	w->t.chunk_bytes = chunk_bytes;
	w->f = image_code(&w->im, &(struct image_code){ .name = "f", .first_line = 1 });
	for (unsigned i = 0; i < frames; i++)
		image_push(&w->t, w->f, 1);
	thread_init(&w->th, w->t.at);
	return w;
}

static void end(struct world *w)
{
	thread_deinit(&w->th);
	image_thread_deinit(&w->t);
	image_deinit(&w->im);
	free(w);
}

static enum ps_status plan(struct world *w)
{
	return plan_chunks(&w->im.fake.target, &w->th, w->t.chunk);
}

/* The chunks as the target links them, the oldest first. */
static void expect_chain(struct world *w)
{
	raddr at = w->t.chunk;

	for (uint32_t i = w->th.nchunks; i > 0; i--) {
		cr_assert_eq(w->th.chunks[i - 1].at, at);
		cr_assert_leq(w->th.chunks[i - 1].window, w->th.chunks[i - 1].size);
		at = fake_get64(&w->im.fake, at);
	}
	cr_assert_eq(at, 0);
}

Test(plan, finds_all_chunks_the_oldest_first)
{
	struct world *w = world(1024, 100);

	cr_assert_eq(plan(w), PS_OK);
	cr_expect_gt(w->th.nchunks, 10);
	expect_chain(w);
	end(w);
}

Test(plan, reads_only_the_chunks_that_it_does_not_know)
{
	struct world *w = world(1024, 100);
	uint64_t reads;

	cr_assert_eq(plan(w), PS_OK);
	for (int i = 0; i < 10; i++)
		image_push(&w->t, w->f, 1);
	reads = w->im.fake.reads;
	cr_assert_eq(plan(w), PS_OK);
	cr_expect_leq(w->im.fake.reads - reads, 4);
	expect_chain(w);
	end(w);
}

Test(plan, a_stack_that_is_gone_leaves_no_chunks)
{
	struct world *w = world(1024, 100);

	cr_assert_eq(plan(w), PS_OK);
	while (w->t.nframes > 2)
		image_pop(&w->t);
	cr_assert_eq(plan(w), PS_OK);
	cr_expect_eq(w->th.nchunks, 1);
	expect_chain(w);
	cr_assert_eq(plan_chunks(&w->im.fake.target, &w->th, 0), PS_OK);
	cr_expect_eq(w->th.nchunks, 0);
	end(w);
}

Test(plan, what_makes_no_chain_leaves_the_plan_as_it_was)
{
	static const uint64_t sizes[] = { 0, 24, 32, (64 << 20) + 8, 1001, UINT64_MAX };
	struct world *w = world(1024, 100);
	uint32_t n;

	cr_assert_eq(plan(w), PS_OK);
	n = w->th.nchunks;
	for (int i = 0; i < 20; i++)
		image_push(&w->t, w->f, 1);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		fake_put64(&w->im.fake, w->t.chunk + 8, sizes[i]);
		cr_expect_eq(plan(w), PS_TORN);
		cr_expect_eq(w->th.nchunks, n);
	}
	fake_put64(&w->im.fake, w->t.chunk + 8, 1024);
	fake_put64(&w->im.fake, w->t.chunk, 4);
	cr_expect_eq(plan(w), PS_TORN, "misaligned");
	fake_put64(&w->im.fake, w->t.chunk, 0x7000);
	cr_expect_eq(plan(w), PS_FAULT, "not there");
	fake_put64(&w->im.fake, w->t.chunk, w->t.chunk);
	cr_expect_neq(plan(w), PS_OK, "a circle");
	cr_expect_eq(w->th.nchunks, n);
	end(w);
}

Test(plan, copies_at_most_so_much_of_a_stack_both_ends_of_it)
{
	struct world *w = world(16 * 1024, 30000);
	uint64_t sum = 0;

	cr_assert_eq(plan(w), PS_OK);
	expect_chain(w);
	for (uint32_t i = 0; i < w->th.nchunks; i++)
		sum += w->th.chunks[i].window;
	cr_expect_leq(sum, COPY_MAX);
	cr_expect_gt(sum, COPY_MAX / 2);
	cr_expect_gt(w->th.gap_to, w->th.gap_from);
	cr_expect_gt(w->th.chunks[0].window, 0);
	cr_expect_gt(w->th.chunks[w->th.nchunks - 1].window, 0);
	for (uint32_t i = 0; i < w->th.nchunks; i++)
		cr_expect_eq(w->th.chunks[i].window == 0, i >= w->th.gap_from && i < w->th.gap_to);
	end(w);
}

Test(plan, a_window_fits_what_is_live_and_falls_slowly)
{
	struct world *w = world(16 * 1024, 100);
	struct frame top = { .next = 128 };
	uint32_t high, last;

	cr_assert_eq(plan(w), PS_OK);
	cr_assert_eq(w->th.nchunks, 1);
	w->th.frames = malloc(sizeof top);
	w->th.frames_cap = w->th.nframes = 1;
	top.at = w->th.chunks[0].at + 12000;
	w->th.frames[0] = top;
	plan_windows(&w->th);
	high = w->th.chunks[0].window;
	cr_expect_geq(high, 12128);
	w->th.frames[0].at = w->th.chunks[0].at + 32;
	last = high;
	for (int i = 0; i < 2000; i++) {
		plan_windows(&w->th);
		cr_assert_leq(w->th.chunks[0].window, last);
		cr_assert_geq(w->th.chunks[0].window, 160);
		last = w->th.chunks[0].window;
	}
	cr_expect_lt(last, 3000);
	w->th.frames[0].at = w->th.chunks[0].at + 12000;
	plan_windows(&w->th);
	cr_expect_eq(w->th.chunks[0].window, high, "and rises at once");
	end(w);
}

Test(plan, widens_a_copy_that_was_too_short)
{
	struct world *w = world(16 * 1024, 100);
	struct capture c = { .ndata = 1 };

	cr_assert_eq(plan(w), PS_OK);
	c.data[0].at = w->th.chunks[0].at;
	w->th.chunks[0].used = 0;
	plan_widen(&w->th, &c, 0);
	cr_expect_eq(w->th.chunks[0].window, w->th.chunks[0].size);
	/* For what was not seen yet, not for good. */
	plan_windows(&w->th);
	cr_expect_lt(w->th.chunks[0].window, w->th.chunks[0].size);
	c.data[0].at = 0x7777000;
	plan_widen(&w->th, &c, 0);
	end(w);
}

Test(plan, survives_the_failure_of_any_read_and_allocation)
{
	enum ps_status st = PS_FAULT;
	struct world *w;

	for (uint64_t k = 1; st; k++) {
		w = world(1024, 60);
		w->im.fake.fail_at = k;
		st = plan(w);
		cr_assert(st == PS_OK || st == PS_FAULT);
		cr_expect(st == PS_OK || w->th.nchunks == 0);
		end(w);
	}
	st = PS_NOMEM;
	for (unsigned long k = 1; st; k++) {
		w = world(1024, 60);
		fail_alloc_at(k);
		st = plan(w);
		fail_alloc_at(0);
		cr_assert(st == PS_OK || st == PS_NOMEM);
		cr_expect(st == PS_OK || w->th.nchunks == 0);
		end(w);
	}
}
