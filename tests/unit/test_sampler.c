/* SPDX-License-Identifier: MIT */
/* Whole ticks on an image: what the stages of a sample do together. */
#include "profiler/sampler.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/sampled.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define MS (uint64_t)1000000

/* Two threads, or the second alone, which stands in main and f. */
struct world {
	struct image im;
	struct image_thread t[2];
	struct sampler s;
	raddr main, f;
	uint64_t now;
	const char *version;
};

static struct world *world_of(enum table_id id, unsigned nthreads)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, id);
	if (nthreads > 1)
		image_thread(&w->im, &w->t[0], 10, 100);
	image_thread(&w->im, &w->t[1], 11, 101);
	w->main = image_code(&w->im, &(struct image_code){ .name = "main", .first_line = 1 });
	w->f = image_code(&w->im, &(struct image_code){ .name = "f", .first_line = 100 });
	image_push(&w->t[1], w->main, 4);
	image_push(&w->t[1], w->f, 2);
	w->version = table_name(id);
	sampled_init(&w->s, &w->im);
	return w;
}

static struct world *world(enum table_id id)
{
	return world_of(id, 2);
}

static void end(struct world *w)
{
	struct profile *p = w->s.profile;

	sampler_close(&w->s);
	profile_destroy(p);
	image_thread_deinit(&w->t[0]);
	image_thread_deinit(&w->t[1]);
	image_deinit(&w->im);
	free(w);
}

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world(id_); w; end(w), w = NULL)

static void tick(struct world *w)
{
	enum ps_status st = sampler_tick(&w->s, w->now += MS, 1);

	cr_assert_eq(st, PS_OK, "%s: %s", w->version, ps_status_name(st));
}

static uint64_t usable(const struct world *w)
{
	uint64_t n = w->s.counts.consistent;

	for (int i = 0; i < REPAIR_NREASONS; i++)
		n += w->s.counts.repaired[i];
	return n;
}

static uint64_t lost(const struct world *w)
{
	uint64_t n = 0;

	for (int i = 0; i < LOST_NREASONS; i++)
		n += w->s.counts.lost[i];
	return n;
}

/* The name of the innermost function of the second thread's last usable sample. */
static bool stands_in(const struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->s.nthreads; i++) {
		struct profile_stack st;
		struct profile_function f;

		if (w->s.threads[i].at != w->t[1].at || !w->s.threads[i].stack.v)
			continue;
		st = profile_stack_at(w->s.profile, w->s.threads[i].stack);
		f = profile_function_at(w->s.profile, st.function);
		return f.name.len == strlen(name) && memcmp(f.name.at, name, f.name.len) == 0;
	}
	return false;
}

Test(sampler, counts_a_sample_of_each_thread_that_has_frames)
{
	EACH_VERSION(w)
	{
		for (int i = 0; i < 10; i++)
			tick(w);
		cr_expect_eq(w->s.counts.ticks, 10);
		cr_expect_eq(usable(w), 10, "%s: %lu", w->version, (unsigned long)usable(w));
		cr_expect_eq(lost(w), 0);
		cr_expect(stands_in(w, "f"), "%s", w->version);
	}
}

/* A program that makes code for ever meets the cache's bound: a sample or two are lost to
 * it, and the rest goes on with the right names. */
Test(sampler, goes_on_when_the_code_cache_is_full)
{
	enum { FUNCTIONS = 400 };

	EACH_VERSION(w)
	{
		uint32_t generation;

		tick(w);
		generation = w->s.codes.generation;
		w->s.codes.mem.max = 32 * 1024;
		for (int i = 0; i < FUNCTIONS; i++) {
			char name[16];
			raddr code;

			snprintf(name, sizeof name, "f%d", i);
			code = image_code(&w->im,
					  &(struct image_code){ .name = name, .first_line = 9 });
			image_pop(&w->t[1]);
			image_push(&w->t[1], code, 2);
			tick(w);
			if (!stands_in(w, name))
				tick(w);
			cr_expect(stands_in(w, name), "%s: %s", w->version, name);
		}
		cr_expect_gt(w->s.codes.generation, generation, "it was filled");
		cr_expect_leq(w->s.codes.mem.used, w->s.codes.mem.max);
		cr_expect_eq(lost(w), w->s.codes.generation - generation, "%s: %lu", w->version,
			     (unsigned long)lost(w));
		cr_expect_geq(usable(w), FUNCTIONS);
	}
}

/* Code objects are freed all the time. */
static void free_some(struct fake_target *fake, uint64_t nth, void *ctx)
{
	struct world *w = ctx;

	(void)fake;
	image_set(&w->im, w->im.interpreter, F_INTERP_GENERATION, 1000 + nth);
}

Test(sampler, leaves_out_what_was_replaced_and_what_stands_on_it)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world(id);

		tick(w);
		tick(w);
		cr_assert(stands_in(w, "f"), "%s", w->version);
		image_code_at(&w->im, w->f, &(struct image_code){ .name = "g", .first_line = 9 });
		w->im.fake.before_read = free_some;
		w->im.fake.ctx = w;
		tick(w);
		w->im.fake.before_read = NULL;
		cr_expect(stands_in(w, "main"), "%s", w->version);
		cr_expect_eq(w->s.counts.repaired[REPAIR_CUT], 1, "%s", w->version);
		cr_expect_eq(lost(w), 0, "%s", w->version);
		/* It is known now, and nothing is freed any more. */
		tick(w);
		tick(w);
		cr_expect(stands_in(w, "g"), "%s", w->version);
		end(w);
	}
}

Test(sampler, loses_a_sample_of_which_all_was_replaced)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world(id);

		tick(w);
		tick(w);
		image_code_at(&w->im, w->main,
			      &(struct image_code){ .name = "g", .first_line = 9 });
		w->im.fake.before_read = free_some;
		w->im.fake.ctx = w;
		tick(w);
		w->im.fake.before_read = NULL;
		cr_expect_eq(w->s.counts.lost[LOST_REUSED], 1, "%s", w->version);
		end(w);
	}
}

/* Another function and back: what a program does once all of it was seen. */
static void take_turns(struct world *w, int times, uint64_t apart)
{
	for (int i = 0; i < times; i++) {
		image_pop(&w->t[1]);
		image_push(&w->t[1], i % 2 ? w->f : w->main, 2);
		w->now += apart - MS;
		tick(w);
	}
}

/* Between two listings of the threads, which are half a second apart. */
Test(sampler, asks_for_no_memory_once_everything_was_seen)
{
	enum { SEEN = 50, TURNS = 20000 };

	EACH_VERSION(w)
	{
		take_turns(w, SEEN, MS);
		fail_alloc_at(0);
		take_turns(w, TURNS, MS / 1000);
		cr_expect_eq(fail_alloc_count(), 0, "%s: %lu", w->version, fail_alloc_count());
		cr_expect_eq(usable(w), SEEN + TURNS, "%s", w->version);
	}
}

/* --- as fast as it goes --- */

/* Returns how many ticks it was, and that there was a sample of each is expected. */
static uint64_t burst(struct world *w, uint64_t *ret_reads)
{
	uint64_t ticks = w->s.counts.ticks, reads = w->im.fake.reads, samples = usable(w);
	enum ps_status st = sampler_burst(&w->s, w->now += 1000, 1000);

	cr_assert_eq(st, PS_OK, "%s: %s", w->version, ps_status_name(st));
	*ret_reads = w->im.fake.reads - reads;
	ticks = w->s.counts.ticks - ticks;
	cr_expect_eq(usable(w) - samples, ticks * w->s.nthreads, "%s", w->version);
	return ticks;
}

enum { LOOKS = 8, STEADY = 2048 };

Test(sampler, looks_several_times_in_one_call_at_what_has_been_steady)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world_of(id, 1);
		uint64_t reads, depth = 0;

		for (int i = 0; i < STEADY; i++)
			cr_assert_eq(burst(w, &reads), 1, "%s: not yet", w->version);
		cr_expect_eq(burst(w, &reads), LOOKS, "%s", w->version);
		cr_expect_eq(reads, 1, "%s: %lu", w->version, (unsigned long)reads);
		cr_expect(stands_in(w, "f"), "%s", w->version);
		/* More than was foreseen: the others of the burst would be of the old plan. */
		for (; depth < 100; depth++)
			image_push(&w->t[1], w->main, 2);
		cr_expect_eq(burst(w, &reads), 1, "%s", w->version);
		cr_expect_gt(reads, 1, "%s", w->version);
		cr_expect(stands_in(w, "main"), "%s", w->version);
		cr_expect_eq(burst(w, &reads), 1, "%s: not yet again", w->version);
		end(w);
	}
}

Test(sampler, looks_once_at_several_threads_or_at_a_generator)
{
	EACH_VERSION(w)
	{
		struct world *one = world_of(id_, 1);
		raddr gen = image_code(
			&one->im,
			&(struct image_code){ .name = "gen", .first_line = 9, .flags = 0x20 });
		uint64_t reads;

		image_push_generator(&one->t[1], gen, 7);
		for (int i = 0; i < 2 * STEADY; i++) {
			cr_assert_eq(sampler_burst(&w->s, w->now += 1000, 1000), PS_OK);
			cr_assert_eq(burst(one, &reads), 1, "%s", w->version);
		}
		cr_expect_eq(w->s.counts.ticks, 2 * STEADY, "%s", w->version);
		end(one);
	}
}

/* The code object of f is another's from the copies of a burst on, and was read after them: no
 * look of that burst may take its name. */
Test(sampler, drops_what_was_copied_before_a_code_object_was_read)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world_of(id, 1);
		uint64_t reads, before;
		raddr g;

		for (int i = 0; i < STEADY; i++)
			cr_assert_eq(burst(w, &reads), 1, "%s: not yet", w->version);
		g = image_code(&w->im, &(struct image_code){ .name = "g", .first_line = 9 });
		image_pop(&w->t[1]);
		image_push(&w->t[1], g, 2);
		before = w->s.codes.reads;
		cr_expect_eq(burst(w, &reads), 1, "%s", w->version);
		cr_expect_gt(w->s.codes.reads, before, "%s", w->version);
		cr_expect(stands_in(w, "g"), "%s", w->version);
		cr_expect_eq(burst(w, &reads), LOOKS, "%s: known now", w->version);
		end(w);
	}
}
