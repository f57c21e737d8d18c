/* SPDX-License-Identifier: MIT */
/* The target moves on between the look at what is current and the copy of the data stack: of many
 * pages, which takes a read by itself, and of few, where all is called by bytecode. */
#include "tests/support/unwind_world.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Functions whose frames are nearly a page, so that four of them fill a chunk. */
struct deep {
	struct world *w;
	raddr a, b, c;
	void (*move)(struct deep *d);
	uint64_t at; /* the read before which the target moves */
};

static raddr big(struct world *w, const char *name, unsigned line)
{
	return image_code(&w->im,
			  &(struct image_code){
				  .name = name, .first_line = line, .locals = 400, .stack = 4 });
}

static void move_once(struct fake_target *f, uint64_t nth, void *ctx)
{
	struct deep *d = ctx;

	if (nth == d->at && d->move)
		d->move(d);
	(void)f;
}

static void begin(struct deep *d, int id)
{
	*d = (struct deep){ .w = world_make((enum table_id)id) };
	d->a = big(d->w, "a", 500);
	d->b = big(d->w, "b", 600);
	d->c = big(d->w, "c", 700);
	image_push(&d->w->t, d->w->main, 4);
	image_push(&d->w->t, d->a, 3);
	image_push(&d->w->t, d->b, 5);
	image_push(&d->w->t, d->c, 2);
}

static void end(struct deep *d)
{
	world_end(d->w);
}

/* One sample, of which the first read is that of what is current. */
static const char *moved(struct deep *d, void (*move)(struct deep *d))
{
	struct world *w = d->w;

	d->move = move;
	d->at = 2;
	w->im.fake.reads = 0;
	w->im.fake.before_read = move_once;
	w->im.fake.ctx = d;
	cr_assert_eq(rig_sample(&w->rig), PS_OK);
	w->im.fake.before_read = NULL;
	return rig_stack(&w->rig);
}

/* b and c have been seen; then the target moves, and the sample shows this. */
static void expect_moved(struct deep *d, void (*move)(struct deep *d), const char *stack)
{
	expect_live(d->w, "main:5 a:503 b:605 c:702");
	cr_expect_str_eq(moved(d, move), stack, "%s: %s", d->w->version, rig_stack(&d->w->rig));
}

#define SINCE_3_14(d)                                                             \
	for (int id_ = TABLE_3_14_10; id_ < NTABLES; id_++)                       \
		for (struct deep d, *once_ = &d; once_ && (begin(&d, id_), true); \
		     end(&d), once_ = NULL)

static void call_another(struct deep *d)
{
	image_push(&d->w->t, d->a, 1);
}

Test(unwind_moment, what_was_called_since_is_left_out)
{
	SINCE_3_14(d)
	{
		expect_live(d.w, "main:5 a:503 b:605 c:702");
		cr_expect_not(d.w->rig.out.moved);
		cr_expect_str_eq(moved(&d, call_another), "main:5 a:503 b:605 c:702", "%s",
				 d.w->version);
		cr_expect(d.w->rig.out.moved && !d.w->rig.out.ended, "%s", d.w->version);
		expect_live(d.w, "main:5 a:503 b:605 c:702 a:501");
	}
}

/* An exception: who is left by it stands where it called, for good. */
static void leave_twice(struct deep *d)
{
	struct image_thread *t = &d->w->t;
	raddr caller = t->frame[t->nframes - 2].at;
	uint64_t called_at = image_get(&d->w->im, caller, F_FRAME_INSTR);

	image_pop(t);
	image_pop(t);
	image_set(&d->w->im, caller, F_FRAME_INSTR, called_at);
}

Test(unwind_moment, what_has_ended_since_is_put_back)
{
	SINCE_3_14(d)
	{
		/* Where it stood when it ended is where it stands. */
		expect_moved(&d, leave_twice, "main:5 a:503 b:605 c:731");
		cr_expect(d.w->rig.out.ended, "%s", d.w->version);
		expect_live(d.w, "main:5 a:503");
		cr_expect_not(d.w->rig.out.ended, "%s", d.w->version);
	}
}

static void step_below(struct deep *d)
{
	image_pop(&d->w->t);
	image_pop(&d->w->t);
	image_step(&d->w->t, 9);
	image_push(&d->w->t, d->b, 6);
}

/* b stands at another line by then, and of another line of a. */
Test(unwind_moment, callers_of_another_moment_are_not_made_up)
{
	SINCE_3_14(d)
	{
		expect_moved(&d, step_below, "main:5 a:509 b:606");
	}
}

static void give_back_chunk(struct deep *d)
{
	struct image_thread *t = &d->w->t;
	raddr gone = t->chunk;

	image_pop(t);
	image_pop(t);
	cr_assert_neq(t->chunk, gone);
	fake_unmap(&d->w->im.fake, gone, t->chunk_bytes);
	/* The sampler keeps its plan for a while; the rig would make another. */
	image_set(&d->w->im, t->at, F_THREAD_CHUNK, gone);
}

Test(unwind_moment, of_a_chunk_that_is_gone_what_was_seen_in_it_is_put_back)
{
	SINCE_3_14(d)
	{
		image_push(&d.w->t, d.a, 1);
		image_push(&d.w->t, d.b, 2);
		image_push(&d.w->t, d.c, 3);
		expect_live(d.w, "main:5 a:503 b:605 c:702 a:501 b:602 c:703");
		cr_expect_str_eq(moved(&d, give_back_chunk),
				 "main:5 a:503 b:605 c:702 a:501 b:602 c:703", "%s: %s",
				 d.w->version, rig_stack(&d.w->rig));
		cr_expect(d.w->rig.out.ended, "%s", d.w->version);
	}
}

static void another_size(struct deep *d)
{
	struct image_thread *t = &d->w->t;

	image_pop(t);
	image_pop(t);
	image_push(t, d->w->f, 7);
}

/* f, whose frame is small, has b's place and has called c at other times; but this c did not stand
 * where f's callee does. */
Test(unwind_moment, what_does_not_lie_behind_its_caller_is_not_put_on_it)
{
	SINCE_3_14(d)
	{
		image_pop(&d.w->t);
		image_pop(&d.w->t);
		image_push(&d.w->t, d.w->f, 7);
		image_push(&d.w->t, d.c, 2);
		image_push(&d.w->t, d.a, 1);
		expect_live(d.w, "main:5 a:503 f:107 c:702 a:501");
		image_pop(&d.w->t);
		image_pop(&d.w->t);
		image_pop(&d.w->t);
		image_push(&d.w->t, d.b, 5);
		image_push(&d.w->t, d.c, 2);
		expect_moved(&d, another_size, "main:5 a:503 f:107");
	}
}

static void go_round(struct deep *d)
{
	struct image_frame *f = d->w->t.frame + d->w->t.nframes - 2;

	/* The two at the top name each other. */
	image_set(&d->w->im, f[0].at, F_FRAME_PREVIOUS, f[1].at);
	for (unsigned i = 0; i < 2; i++)
		image_set(&d->w->im, f[i].at, F_FRAME_EXECUTABLE, 0);
}

Test(unwind_moment, a_chain_that_goes_round_ends, .timeout = 60)
{
	SINCE_3_14(d)
	{
		expect_moved(&d, go_round, "main:5 a:503");
	}
}

/* --- few pages --- */

struct shallow {
	struct world *w;
	void (*move)(struct world *w);
	bool looked, moved;
};

static void move_before_data(struct fake_target *f, raddr at, void *ctx)
{
	struct shallow *s = ctx;

	s->looked |= at == s->w->rig.thread.at;
	if (s->looked && at == s->w->rig.thread.chunks[0].at && !s->moved) {
		s->moved = true;
		s->move(s->w);
	}
	(void)f;
}

/* The sample shows this if the target moves so after what was current is read. */
static void expect_shallow(struct world *w, void (*move)(struct world *w), const char *stack,
			   bool ended)
{
	struct shallow s = { w, move, false, false };

	w->im.fake.before_element = move_before_data;
	w->im.fake.ctx = &s;
	cr_assert_eq(rig_sample(&w->rig), PS_OK);
	w->im.fake.before_element = NULL;
	cr_assert(s.moved);
	cr_expect_str_eq(rig_stack(&w->rig), stack, "%s: %s", w->version, rig_stack(&w->rig));
	cr_expect_eq(w->rig.out.ended, ended, "%s", w->version);
}

/* With a GIL; without one, what is left does not tell the code. */
static const enum table_id telling[] = { TABLE_3_14_10, TABLE_3_15_2 };

#define SHALLOW_SINCE_3_14(w)                                            \
	for (size_t i_ = 0; i_ < sizeof telling / sizeof *telling; i_++) \
		for (struct world *w = world_make(telling[i_]); w; world_end(w), w = NULL)

static void push_three(struct world *w)
{
	image_push(&w->t, w->main, 4);
	image_push(&w->t, w->f, 7);
	image_push(&w->t, w->g, 3);
	expect_live(w, "main:5 f:107 g:203");
}

static void push_h(struct world *w)
{
	image_push(&w->t, w->h, 1);
}

/* By an exception, so that they stand where they called, for good; and something else is called. */
static void leave(struct world *w, unsigned n)
{
	struct image_thread *t = &w->t;

	for (; n > 0; n--) {
		raddr left = t->frame[t->nframes - 1].at;
		uint64_t stood_at = image_get(&w->im, left, F_FRAME_INSTR);

		image_pop(t);
		image_set(&w->im, left, F_FRAME_INSTR, stood_at);
	}
}

static void leave_one(struct world *w)
{
	leave(w, 1);
}

static void leave_two(struct world *w)
{
	leave(w, 2);
}

Test(unwind_moment, of_few_pages_too_what_was_current_is_the_top)
{
	SHALLOW_SINCE_3_14(w)
	{
		push_three(w);
		expect_shallow(w, push_h, "main:5 f:107 g:203", false);
	}
}

Test(unwind_moment, of_few_pages_too_what_has_ended_is_put_back)
{
	SHALLOW_SINCE_3_14(w)
	{
		push_three(w);
		expect_shallow(w, leave_two, "main:5 f:107 g:203", true);
	}
}

/* What is above main is noted when the target moves on while it is copied. */
static void call_four(struct world *w, raddr second, unsigned unit, const char *stack)
{
	image_push(&w->t, second, unit);
	image_push(&w->t, w->g, 3);
	push_h(w);
	image_push(&w->t, w->f, 2);
	expect_shallow(w, leave_one, stack, false);
}

static void push_wide(struct world *w)
{
	raddr wide = image_code(
		&w->im, &(struct image_code){
				.name = "wide", .first_line = 900, .locals = 40, .stack = 4 });

	leave(w, 3);
	image_push(&w->t, wide, 2);
}

/* f's place is another's by then, whose callees would lie elsewhere. */
Test(unwind_moment, what_had_called_it_when_it_was_seen_is_remembered)
{
	SHALLOW_SINCE_3_14(w)
	{
		image_push(&w->t, w->main, 4);
		expect_live(w, "main:5");
		call_four(w, w->f, 7, "main:5 f:107 g:203 h:301");
		expect_shallow(w, push_wide, "main:5 f:107 g:203 h:301", true);
	}
}

/* Unless something else has called it there, too. */
Test(unwind_moment, of_several_callers_none_is_made_up)
{
	SHALLOW_SINCE_3_14(w)
	{
		image_push(&w->t, w->main, 4);
		expect_live(w, "main:5");
		call_four(w, w->h, 2, "main:5 h:302 g:203 h:301");
		leave(w, 3);
		call_four(w, w->f, 7, "main:5 f:107 g:203 h:301");
		expect_shallow(w, push_wide, "main:5 wide:902", false);
	}
}

/* f was never called by g, so that nothing is put back, and all is as it was. */
Test(unwind_moment, a_stack_that_was_never_met_is_not_put_together)
{
	SHALLOW_SINCE_3_14(w)
	{
		image_push(&w->t, w->main, 4);
		expect_live(w, "main:5");
		call_four(w, w->f, 7, "main:5 f:107 g:203 h:301");
		image_pop(&w->t);
		image_push(&w->t, w->f, 2);
		expect_shallow(w, push_wide, "main:5 wide:902", false);
		expect_live(w, "main:5 wide:902");
		call_four(w, w->g, 1, "main:5 wide:902 g:201 g:203 h:301");
	}
}
