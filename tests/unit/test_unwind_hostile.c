/* SPDX-License-Identifier: MIT */
/* Memory that lies, moves, cannot be read, or ends. */
#include "profiler/unwind.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/unwind_world.h"

#include <criterion/criterion.h>
#include <string.h>

/* --- lies --- */

Test(unwind_hostile, a_slot_that_lies_ends_the_stack)
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
			expect_live(w, "main:5");
			image_set(&w->im, frame, lies[i].field, truth);
			expect_live(w, "main:5 f:102");
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

Test(unwind_hostile, a_cycle_of_previous_ends)
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

Test(unwind_hostile, chunks_that_loop_end)
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

Test(unwind_hostile, chunk_sizes_that_lie_are_bounded)
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

Test(unwind_hostile, frame_sizes_that_lie_are_bounded)
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

Test(unwind_hostile, survives_the_failure_of_any_single_read)
{
	EACH_VERSION(w)
	{
		build(w);
		fail_each_read(w, false, PS_FAULT, false);
		fail_each_read(w, true, PS_FAULT, false);
	}
}

Test(unwind_hostile, survives_a_target_that_ends_at_any_read)
{
	EACH_VERSION(w)
	{
		build(w);
		fail_each_read(w, false, PS_GONE, true);
		fail_each_read(w, true, PS_GONE, true);
	}
}

Test(unwind_hostile, survives_the_failure_of_any_allocation)
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

Test(unwind_hostile, a_target_that_moves_gives_stacks_that_begin_right)
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
