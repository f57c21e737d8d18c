/* SPDX-License-Identifier: MIT */
#include "profiler/collection.h"

#include "profiler/sampler.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct world {
	struct image im;
	struct image_thread t;
	struct rig r;
	struct sampler s;
	struct interpreter in;
	raddr code[3];
	bool collects;
};

/* A thread in main > f. */
static struct world *world(int id)
{
	static const char *const names[] = { "main", "f", "g" };
	static const char gc[] = "<GC>";
	struct profile_function marker = { .name = { gc, 4 }, .kind = FUNCTION_GC };
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	image_thread(&w->im, &w->t, 1, 1);
	for (unsigned i = 0; i < 3; i++)
		w->code[i] = image_code(
			&w->im, &(struct image_code){ .name = names[i], .first_line = 10 * i });
	image_push(&w->t, w->code[0], 1);
	image_push(&w->t, w->code[1], 1);
	cr_assert_eq(rig_init(&w->r, &w->im, w->t.at), PS_OK);
	w->in.at = w->r.thread.interpreter = w->im.interpreter;
	w->s = (struct sampler){ .profile = w->r.profile,
				 .interpreters = &w->in,
				 .ninterpreters = 1,
				 .threads = &w->r.thread,
				 .nthreads = 1,
				 .any_collection = true };
	w->s.site.layout = w->im.layout;
	cr_assert_eq(profile_function(w->r.profile, &marker, &w->s.collecting), PS_OK);
	return w;
}

static void end(struct world *w)
{
	rig_deinit(&w->r);
	image_thread_deinit(&w->t);
	image_deinit(&w->im);
	free(w);
}

static raddr top(const struct world *w)
{
	return w->t.frame[w->t.nframes - 1].at;
}

static bool tells(const struct world *w)
{
	return layout_has(&w->im.layout, F_INTERP_GC_FRAME);
}

/* One tick; look: the interpreter is looked at, and a collection stands on frame (0: none
 * runs). */
static const char *sample(struct world *w, bool attached, bool look, raddr frame)
{
	w->s.counts.ticks++;
	if (look)
		collection_note(&w->in.collection, frame != 0, tells(w) ? &frame : NULL,
				w->s.counts.ticks);
	cr_assert_eq(rig_sample(&w->r), PS_OK);
	w->r.thread.status = attached ? w->im.layout.gil_holder : 0;
	cr_assert_eq(collection_mark(&w->s, &w->r.thread, !w->r.out.cut, &w->collects), PS_OK);
	return rig_stack(&w->r);
}

Test(collection, stands_on_the_frame_that_was_current_in_every_version)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world(id);

		cr_expect_str_eq(sample(w, true, true, 0), "main:1 f:11");
		cr_expect_not(w->collects);
		cr_expect_str_eq(sample(w, true, true, top(w)), "main:1 f:11 <GC>:0", "%s",
				 table_name(id));
		cr_expect(w->collects);
		cr_expect_str_eq(sample(w, true, true, top(w)), "main:1 f:11 <GC>:0");
		cr_expect_str_eq(sample(w, true, true, 0), "main:1 f:11");
		end(w);
	}
}

/* A finalizer is called by C code, and so stands above the collection. */
Test(collection, has_its_finalizers_on_top)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world(id);
		raddr f = top(w);

		sample(w, true, true, f);
		image_push_shim(&w->t);
		image_push(&w->t, w->code[2], 1);
		cr_expect_str_eq(sample(w, true, true, f), "main:1 f:11 <GC>:0 g:21", "%s",
				 table_name(id));
		image_push(&w->t, w->code[1], 2);
		cr_expect_str_eq(sample(w, true, true, f), "main:1 f:11 <GC>:0 g:21 f:12");
		cr_expect_str_eq(sample(w, false, true, f), "main:1 f:11 <GC>:0 g:21 f:12",
				 "%s: it let the GIL go", table_name(id));
		image_pop(&w->t);
		image_pop(&w->t);
		cr_expect_str_eq(sample(w, true, true, f), "main:1 f:11 <GC>:0");
		end(w);
	}
}

/* Between looks a collection may end. */
Test(collection, is_over_if_its_frame_has_moved_on_since_the_last_look)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world(id);

		sample(w, true, true, top(w));
		cr_expect_str_eq(sample(w, true, false, 0), "main:1 f:11 <GC>:0", "%s",
				 table_name(id));
		image_step(&w->t, 2);
		cr_expect_str_eq(sample(w, true, false, 0), "main:1 f:12", "%s", table_name(id));
		cr_expect_not(w->collects);
		end(w);
	}
}

Test(collection, is_over_if_its_frame_has_called_another)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world(id);

		sample(w, true, true, top(w));
		image_push(&w->t, w->code[2], 1);
		cr_expect_str_eq(sample(w, true, false, 0), "main:1 f:11 g:21", "%s",
				 table_name(id));
		end(w);
	}
}

Test(collection, of_a_frame_that_is_not_there_is_not_shown)
{
	struct world *w = world(TABLE_3_15_2);

	cr_expect_str_eq(sample(w, true, true, 0x7770), "main:1 f:11");
	cr_expect_not(w->collects);
	end(w);
}

/* Before 3.15 it is the thread that executes Python. */
Test(collection, is_guessed_of_the_attached_thread_only)
{
	struct world *w = world(TABLE_3_14_10);

	cr_expect_str_eq(sample(w, false, true, 1), "main:1 f:11");
	cr_expect_str_eq(sample(w, true, false, 1), "main:1 f:11", "only after a look");
	cr_expect_str_eq(sample(w, true, true, 1), "main:1 f:11 <GC>:0");
	cr_expect_str_eq(sample(w, false, true, 1), "main:1 f:11", "it waits for the GIL");
	end(w);
}

Test(collection, that_waits_in_a_finalizer_is_not_anothers)
{
	struct world *w = world(TABLE_3_14_10);
	struct thread both[2];
	bool collects;
	raddr f = top(w);

	sample(w, true, true, f);
	image_push_shim(&w->t);
	image_push(&w->t, w->code[2], 1);
	cr_expect_str_eq(sample(w, false, true, f), "main:1 f:11 <GC>:0 g:21");
	both[0] = w->r.thread;
	both[1] = w->r.thread;
	both[1].at += 4096; /* has the same frames, but it is not the one that collects */
	both[1].status = w->im.layout.gil_holder;
	w->s.threads = both;
	w->s.nthreads = 2;
	cr_assert_eq(collection_mark(&w->s, &both[1], true, &collects), PS_OK);
	cr_expect_not(collects);
	/* Where the first has come out of it, the second has one of its own. */
	both[0].nframes--;
	cr_assert_eq(collection_mark(&w->s, &both[1], true, &collects), PS_OK);
	cr_expect(collects);
	end(w);
}

Test(collection, of_another_interpreter_is_not_shown)
{
	struct world *w = world(TABLE_3_14_10);

	w->r.thread.interpreter += 8;
	cr_expect_str_eq(sample(w, true, true, 1), "main:1 f:11");
	end(w);
}

Test(collection, on_a_cut_stack_is_not_guessed)
{
	struct world *w = world(TABLE_3_14_10);
	bool collects;

	sample(w, true, true, 0);
	w->s.counts.ticks++;
	collection_note(&w->in.collection, true, NULL, w->s.counts.ticks);
	w->r.thread.status = w->im.layout.gil_holder;
	cr_assert_eq(collection_mark(&w->s, &w->r.thread, false, &collects), PS_OK);
	cr_expect_not(collects);
	end(w);
}

Test(collection, allocates_nothing_once_it_was_seen)
{
	struct world *w = world(TABLE_3_15_2);
	size_t bytes;

	sample(w, true, true, top(w));
	bytes = profile_bytes(w->r.profile);
	for (int i = 0; i < 100; i++)
		sample(w, true, true, top(w));
	cr_expect_eq(profile_bytes(w->r.profile), bytes);
	end(w);
}
