/* SPDX-License-Identifier: MIT */
#include "profiler/look.h"

#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { INTERPRETERS = 40 };

struct world {
	struct image im;
	struct sampler s;
};

static struct world *world(int id, uint32_t n)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	w->s.target = &w->im.fake.target;
	w->s.site = (struct site){ w->im.runtime, w->im.layout, "memory scan" };
	w->s.look_span = look_span(&w->im.layout);
	w->s.interpreters = calloc(n, sizeof *w->s.interpreters);
	cr_assert(w->s.interpreters);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			image_interpreter(&w->im);
		w->s.interpreters[i] = (struct interpreter){ .at = w->im.interpreter, .id = i };
	}
	w->s.ninterpreters = n;
	cr_assert_eq(profile_create(1 << 20, &w->s.profile), PS_OK);
	cr_assert_eq(code_cache_init(&w->s.codes, w->s.target, &w->im.layout, w->s.profile), PS_OK);
	cr_assert_eq(capture_create(w->s.target, &w->im.layout, &w->s.batch), PS_OK);
	return w;
}

static void end(struct world *w)
{
	capture_destroy(w->s.batch);
	code_cache_deinit(&w->s.codes);
	profile_destroy(w->s.profile);
	free(w->s.interpreters);
	image_deinit(&w->im);
	free(w);
}

static void look(struct world *w)
{
	uint32_t n;

	w->s.counts.ticks++;
	capture_reset(w->s.batch, true);
	n = look_plan(&w->s);
	cr_assert_eq(capture_read(w->s.batch), PS_OK);
	look_take(&w->s, n);
}

Test(look, one_piece_of_an_interpreter_holds_all_of_every_version)
{
	for (int id = 0; id < NTABLES; id++) {
		struct layout l = table_layout(id);
		struct look_span span = look_span(&l);
		static const enum layout_field fields[] = { F_INTERP_THREADS_HEAD,
							    F_INTERP_GENERATION,
							    F_INTERP_GC_COLLECTING,
							    F_INTERP_GC_FRAME };

		cr_expect(span.from % 8 == 0 && span.to % 8 == 0);
		cr_expect_leq(span.to - span.from, 1024, "%s", table_name(id));
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
			if (layout_has(&l, fields[i]))
				cr_expect(l.at[fields[i]] >= span.from && l.at[fields[i]] < span.to,
					  "%s of %s", layout_field_name(fields[i]), table_name(id));
		}
	}
}

Test(look, what_lies_too_far_away_is_left_out)
{
	struct world *w = world(TABLE_3_15_2, 1);
	struct layout *l = &w->s.site.layout;

	l->at[F_INTERP_GC_COLLECTING] = 3 << 20;
	l->at[F_INTERP_GC_FRAME] = 0;
	w->s.look_span = look_span(l);
	cr_expect_leq(w->s.look_span.to - w->s.look_span.from, 4096);
	cr_expect_geq(w->s.look_span.to, l->at[F_INTERP_GENERATION] + 8);
	image_set(&w->im, w->im.interpreter, F_INTERP_GENERATION, 5);
	look(w);
	cr_expect_eq(w->s.interpreters[0].generation, 5);
	cr_expect_not(w->s.any_collection);
	end(w);
}

Test(look, sees_collections_of_every_version_begin_and_end)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world *w = world(id, 2);
		struct collection *c = &w->s.interpreters[1].collection;

		look(w);
		cr_expect_not(w->s.any_collection);
		image_collect(&w->im, 0x7770);
		look(w);
		cr_expect(w->s.any_collection && c->running, "%s", table_name(id));
		cr_expect_not(w->s.interpreters[0].collection.running);
		cr_expect_eq(c->tick, w->s.counts.ticks);
		cr_expect_eq(c->frame, layout_minor(&w->im.layout) == 15 ? 0x7770 : 0);
		image_collect(&w->im, 0);
		look(w);
		cr_expect_not(w->s.any_collection || c->running);
		end(w);
	}
}

Test(look, lists_and_code_objects_that_changed_are_noticed)
{
	struct world *w = world(TABLE_3_14_10, 1);
	struct image_thread t;
	uint32_t epoch = w->s.codes.epoch;

	look(w);
	cr_expect_not(w->s.relist);
	cr_expect_eq(w->s.codes.epoch, epoch);
	image_thread(&w->im, &t, 1, 1);
	image_set(&w->im, w->im.interpreter, F_INTERP_GENERATION, 1);
	look(w);
	cr_expect(w->s.relist);
	cr_expect_neq(w->s.codes.epoch, epoch);
	image_thread_deinit(&t);
	end(w);
}

/* The place of the look among what is read: before or after the thread. */
struct order {
	raddr interpreter, thread;
	unsigned n, looked, copied;
};

static void note_order(struct fake_target *f, raddr at, void *ctx)
{
	struct order *o = ctx;

	o->n++;
	if (at == o->thread)
		o->copied = o->n;
	else if (at == o->interpreter)
		o->looked = o->n;
	(void)f;
}

/* Beside a thread; is it read after that? */
static bool looks_after(struct world *w, const struct thread *t)
{
	struct order o = { .interpreter = w->s.interpreters[0].at + w->s.look_span.from,
			   .thread = t->at };
	uint32_t n;

	w->im.fake.before_element = note_order;
	w->im.fake.ctx = &o;
	capture_reset(w->s.batch, true);
	n = look_plan(&w->s);
	cr_assert(capture_add(w->s.batch, t));
	cr_assert_eq(capture_read(w->s.batch), PS_OK);
	look_take(&w->s, n);
	w->im.fake.before_element = NULL;
	cr_assert(o.looked && o.copied);
	return o.looked > o.copied;
}

/* The first look, those while code objects are freed, and again when that is over. */
Test(look, comes_last_unless_code_objects_are_freed)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct world *w = world(id, 1);
		raddr interpreter = w->s.interpreters[0].at;
		struct thread t = { .interpreter = interpreter,
				    .at = image_take_apart(&w->im, w->im.layout.span[S_THREAD]) };

		if (!layout_has(&w->im.layout, F_INTERP_GENERATION)) {
			end(w);
			continue;
		}
		image_set(&w->im, interpreter, F_INTERP_GENERATION, 5);
		cr_expect_not(looks_after(w, &t));
		cr_expect(looks_after(w, &t), "what was at first is nothing new");
		cr_expect(look_generation_stands(&w->s, &t));
		image_set(&w->im, interpreter, F_INTERP_GENERATION, 7);
		cr_expect_not(look_generation_stands(&w->s, &t));
		cr_expect(looks_after(w, &t));
		/* It is known now, but not whether it was so when the thread was copied. */
		cr_expect_not(look_generation_stands(&w->s, &t));
		look_take(&w->s, 0);
		cr_expect(look_generation_stands(&w->s, &t), "threads that were copied later");
		cr_expect_not(looks_after(w, &t));
		cr_expect(look_generation_stands(&w->s, &t));
		image_set(&w->im, interpreter, F_INTERP_GENERATION, 8);
		cr_expect_not(looks_after(w, &t));
		cr_expect(look_generation_stands(&w->s, &t));
		w->s.now += 2000000000;
		cr_expect(looks_after(w, &t));
		end(w);
	}
}

Test(look, comes_first_where_it_cannot_be_told_whether_code_objects_were_freed)
{
	struct world *w = world(TABLE_3_13_0, 1);
	struct thread t = { .interpreter = w->s.interpreters[0].at,
			    .at = image_take_apart(&w->im, w->im.layout.span[S_THREAD]) };

	for (unsigned i = 0; i < 3; i++)
		cr_expect_not(looks_after(w, &t));
	end(w);
}

Test(look, an_interpreter_that_is_gone_asks_for_a_new_list)
{
	struct world *w = world(TABLE_3_15_2, 1);

	w->s.interpreters[0].at = 0x10;
	look(w);
	cr_expect(w->s.relist);
	end(w);
}

Test(look, of_many_interpreters_each_has_its_turn)
{
	struct world *w = world(TABLE_3_15_2, INTERPRETERS);

	for (uint32_t i = 0; i < INTERPRETERS; i++)
		image_set(&w->im, w->s.interpreters[i].at, F_INTERP_GENERATION, 9);
	for (unsigned i = 0; i < INTERPRETERS; i++)
		look(w);
	for (uint32_t i = 0; i < INTERPRETERS; i++)
		cr_expect_eq(w->s.interpreters[i].generation, 9, "%u", i);
	end(w);
}
