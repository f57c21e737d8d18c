/* SPDX-License-Identifier: MIT */
#include "profiler/capture.h"

#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { WINDOW = 256, BEFORE = 1, AFTER = 2 };

struct world {
	struct image im;
	struct thread th;
	struct chunk chunk;
	struct capture_batch *batch;
};

static void world_init(struct world *w, enum table_id id)
{
	*w = (struct world){ 0 };
	image_init(&w->im, id);
	w->chunk = (struct chunk){ .at = image_take_apart(&w->im, WINDOW),
				   .size = WINDOW,
				   .window = WINDOW };
	w->th = (struct thread){ .at = image_take_apart(&w->im, w->im.layout.span[S_THREAD]),
				 .chunks = &w->chunk,
				 .nchunks = 1 };
	fake_put64(&w->im.fake, w->chunk.at + 64, BEFORE);
	cr_assert_eq(capture_create(&w->im.fake.target, &w->im.layout, &w->batch), PS_OK);
}

static void world_deinit(struct world *w)
{
	capture_destroy(w->batch);
	image_deinit(&w->im);
}

/* What cannot be read ends a call; the target has moved on by the next one. */
static void move_on(struct fake_target *f, uint64_t nth, void *ctx)
{
	const struct world *w = ctx;

	if (nth == 2)
		fake_put64(f, w->chunk.at + 64, AFTER);
}

/* What of the data stack was copied, if the target moved on when its thread state was read. */
static uint64_t copied(struct world *w)
{
	struct capture *c = calloc(1, sizeof *c);
	uint64_t got;

	cr_assert(c);
	fake_unmap(&w->im.fake, w->th.at, w->im.layout.span[S_THREAD]);
	w->im.fake.reads = 0;
	w->im.fake.before_read = move_on;
	w->im.fake.ctx = w;
	capture_reset(w->batch, true);
	cr_assert(capture_add(w->batch, &w->th));
	cr_assert_eq(capture_read(w->batch), PS_OK);
	capture_get(w->batch, 0, c);
	cr_expect_null(c->state);
	cr_assert_eq(c->ndata, 1u);
	cr_assert_eq(c->data[0].len, (uint32_t)WINDOW);
	memcpy(&got, c->data[0].bytes + 64, sizeof got);
	free(c);
	return got;
}

/* Something that is called by C code. */
static void call_from_c(struct world *w)
{
	raddr at = image_take_apart(&w->im, w->im.layout.span[S_FRAME]);

	w->th.foreign[w->th.nforeign++] = (struct foreign){ .at = at };
}

Test(capture, reads_the_data_stack_before_the_thread_state_where_popped_frames_are_cleared)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world w;

		world_init(&w, (enum table_id)id);
		call_from_c(&w);
		cr_expect_eq(copied(&w), w.im.layout.clears_executable ? BEFORE : AFTER, "%s",
			     table_name(id));
		world_deinit(&w);
	}
}

Test(capture, reads_the_thread_state_first_where_generators_are_about_and_are_cleared)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world w;

		world_init(&w, (enum table_id)id);
		w.th.has_generators = true;
		cr_expect_eq(copied(&w), w.im.layout.clears_executable ? AFTER : BEFORE, "%s",
			     table_name(id));
		world_deinit(&w);
	}
}

/* Of what has ended something is left that tells its code. */
static bool tells(const struct layout *l)
{
	return l->clears_executable && !layout_has(l, F_CODE_TLBC);
}

/* An entry frame below the root, as 3.14 has one, is no matter. */
Test(capture, reads_the_thread_state_first_where_bytecode_alone_calls)
{
	for (int id = 0; id < NTABLES; id++) {
		for (int entered = 0; entered < 2; entered++) {
			struct world w;
			struct frame root = { .previous = 0 };

			world_init(&w, (enum table_id)id);
			if (entered) {
				call_from_c(&w);
				root.previous = w.th.foreign[0].at;
				w.th.frames = &root;
				w.th.nframes = 1;
			}
			cr_expect_eq(copied(&w) == AFTER,
				     !w.im.layout.clears_executable || tells(&w.im.layout), "%s %d",
				     table_name(id), entered);
			world_deinit(&w);
		}
	}
}

/* What was current before the data stack was copied, as the sample says; 0: it does not. */
static raddr began(struct world *w, bool paused)
{
	struct capture *c = calloc(1, sizeof *c);
	raddr ret;

	cr_assert(c);
	image_set(&w->im, w->th.at, F_THREAD_FRAME, w->chunk.at + 32);
	capture_reset(w->batch, paused);
	cr_assert(capture_add(w->batch, &w->th));
	w->im.fake.reads = 0;
	cr_assert_eq(capture_read(w->batch), PS_OK);
	capture_get(w->batch, 0, c);
	ret = c->began;
	free(c);
	return ret;
}

Test(capture, says_where_a_sample_began_if_bytecode_alone_calls)
{
	for (int id = 0; id < NTABLES; id++) {
		struct world w;

		world_init(&w, (enum table_id)id);
		cr_expect_eq(began(&w, true), tells(&w.im.layout) ? w.chunk.at + 32 : 0, "%s",
			     table_name(id));
		cr_expect_eq(began(&w, false), 0u);
		call_from_c(&w);
		cr_expect_eq(began(&w, true), 0u);
		w.th.nforeign = 0;
		w.th.has_generators = true;
		cr_expect_eq(began(&w, true), 0u);
		world_deinit(&w);
	}
}

/* Before the thread state, so that the read breaks there if it cannot be had. */
Test(capture, goes_to_the_data_stack_before_all_else_if_the_thread_moves)
{
	struct world w;

	world_init(&w, TABLE_3_15_2);
	fake_unmap(&w.im.fake, w.chunk.at, WINDOW);
	w.th.samples = 1000;
	began(&w, true);
	cr_expect_eq(w.im.fake.reads, 1u, "it has never moved");
	w.th.moved_at = 900;
	began(&w, true);
	cr_expect_eq(w.im.fake.reads, 2u);
	w.th.moved_at = 1;
	began(&w, true);
	cr_expect_eq(w.im.fake.reads, 1u, "it moved long ago");
	w.th.moved_at = 900;
	w.th.nchunks = 0;
	began(&w, true);
	cr_expect_eq(w.im.fake.reads, 1u, "there is none");
	world_deinit(&w);
}

/* What that memory beside a thread was, if the target moved on when its thread state was read. */
static uint64_t extra_copied(struct world *w, bool after)
{
	uint64_t got;

	fake_map(&w->im.fake, FAKE_BASE, 4096);
	capture_reset(w->batch, true);
	cr_assert(capture_add_extra(w->batch, FAKE_BASE, 8, after));
	cr_assert(capture_add(w->batch, &w->th));
	cr_assert_eq(capture_read(w->batch), PS_OK);
	cr_assert_not_null(capture_extra(w->batch, 0));
	memcpy(&got, capture_extra(w->batch, 0), sizeof got);
	return got;
}

static void note_read(struct fake_target *f, uint64_t nth, void *ctx)
{
	fake_put64(f, FAKE_BASE, nth);
	(void)ctx;
}

Test(capture, what_is_beside_the_threads_is_copied_before_or_after_them)
{
	for (int after = 0; after < 2; after++) {
		struct world w;

		world_init(&w, TABLE_3_15_2);
		fake_unmap(&w.im.fake, w.th.at, w.im.layout.span[S_THREAD]);
		w.im.fake.before_read = note_read;
		cr_expect_eq(extra_copied(&w, after), after ? 2u : 1u);
		world_deinit(&w);
	}
}

/* By how much a copy lies ahead of its source, as a processor sees it that looks at their
 * places within a page first. */
static unsigned ahead(const unsigned char *copy, raddr source)
{
	return (unsigned)((uintptr_t)copy - source) % 4096;
}

/* Whatever lies before them in the buffer. */
Test(capture, copies_nothing_to_where_it_would_follow_its_source_closely)
{
	for (uint32_t before = 0; before < 4096; before += 8) {
		struct capture *c = calloc(1, sizeof *c);
		struct world w;

		cr_assert(c);
		world_init(&w, TABLE_3_15_2);
		fake_map(&w.im.fake, FAKE_BASE, 4096);
		capture_reset(w.batch, true);
		cr_assert(capture_add_extra(w.batch, FAKE_BASE, before, false));
		cr_assert(capture_add(w.batch, &w.th));
		cr_assert_eq(capture_read(w.batch), PS_OK);
		capture_get(w.batch, 0, c);
		for (unsigned i = 0; i < 2; i++) {
			unsigned by =
				i ? ahead(c->data[0].bytes, w.chunk.at) : ahead(c->state, w.th.at);

			cr_assert(by == 0 || by >= 512, "%u bytes before: %u", before, by);
		}
		cr_assert_eq(c->data[0].bytes[64], BEFORE);
		world_deinit(&w);
		free(c);
	}
}

/* --- threads that are looked at first --- */

enum { CHUNK = 16384, TOP = 5000 };

struct chunks {
	struct world w;
	struct chunk chunk[2];
	struct capture *c;
};

static void chunks_begin(struct chunks *d, int id)
{
	world_init(&d->w, (enum table_id)id);
	for (unsigned i = 0; i < 2; i++)
		d->chunk[i] = (struct chunk){ .at = image_take_apart(&d->w.im, CHUNK),
					      .size = CHUNK,
					      .window = CHUNK };
	d->w.th.chunks = d->chunk;
	d->w.th.nchunks = 2;
	d->c = calloc(1, sizeof *d->c);
	cr_assert(d->c);
}

static void chunks_read(struct chunks *d, raddr current)
{
	image_set(&d->w.im, d->w.th.at, F_THREAD_FRAME, current);
	capture_reset(d->w.batch, true);
	cr_assert(capture_add(d->w.batch, &d->w.th));
	d->w.im.fake.reads = 0;
	cr_assert_eq(capture_read(d->w.batch), PS_OK);
	capture_get(d->w.batch, 0, d->c);
}

static void chunks_end(struct chunks *d)
{
	free(d->c);
	world_deinit(&d->w);
}

Test(capture, of_many_pages_only_what_is_below_the_current_frame_is_copied)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct chunks d;
		uint32_t frame;

		chunks_begin(&d, id);
		frame = (d.w.im.layout.span[S_FRAME] + 7u) / 8 * 8;
		chunks_read(&d, d.chunk[0].at + TOP);
		cr_expect_eq(d.c->began, d.chunk[0].at + TOP);
		cr_assert_eq(d.c->ndata, 1u, "%s", table_name(id));
		cr_expect_eq(d.c->data[0].len, TOP + frame);
		cr_expect_eq(d.c->data[0].size, TOP + frame);
		cr_expect_eq(d.w.im.fake.reads, 2u);
		chunks_read(&d, d.chunk[1].at + TOP);
		cr_assert_eq(d.c->ndata, 2u);
		cr_expect_eq(d.c->data[0].len, (uint32_t)CHUNK);
		cr_expect_eq(d.c->data[1].at, d.chunk[1].at);
		cr_expect_eq(d.c->data[1].len, TOP + frame);
		chunks_end(&d);
	}
}

Test(capture, all_is_copied_if_the_current_frame_is_not_on_the_data_stack_or_beyond_the_plan)
{
	static const raddr beyond[] = { 0, 8, UINT64_MAX, 0x7fff12345678 };

	for (unsigned i = 0; i < 6; i++) {
		struct chunks d;

		chunks_begin(&d, TABLE_3_15_2);
		chunks_read(&d, i < 4 ? beyond[i] : d.chunk[1].at + CHUNK - (i == 4 ? 8 : 0));
		cr_assert_eq(d.c->ndata, 2u, "%u", i);
		cr_expect_eq(d.c->data[1].len, (uint32_t)CHUNK);
		cr_expect_eq(d.c->data[1].size, (uint32_t)CHUNK);
		chunks_end(&d);
	}
}

Test(capture, few_pages_generators_and_3_13_are_not_looked_at_first)
{
	struct chunks d;

	chunks_begin(&d, TABLE_3_15_2);
	d.w.th.has_generators = true;
	chunks_read(&d, d.chunk[0].at + TOP);
	cr_expect_eq(d.c->began, 0u);
	cr_expect_eq(d.c->ndata, 2u);
	d.w.th.has_generators = false;
	d.chunk[0].window = 1024;
	d.chunk[1].window = 1024;
	chunks_read(&d, d.chunk[0].at + TOP);
	cr_expect_eq(d.w.im.fake.reads, 1u);
	cr_expect_eq(d.c->ndata, 2u);
	chunks_end(&d);
	chunks_begin(&d, TABLE_3_13_0);
	chunks_read(&d, d.chunk[0].at + TOP);
	cr_expect_eq(d.c->began, 0u);
	chunks_end(&d);
}

/* --- many threads in a batch --- */

Test(capture, a_hundred_plain_threads_fit_one_batch)
{
	enum { MANY = 100 };
	struct world w;
	struct thread *th = calloc(MANY, sizeof *th);
	struct capture *c = calloc(1, sizeof *c);

	cr_assert(th && c);
	world_init(&w, TABLE_3_15_2);
	capture_reset(w.batch, true);
	for (unsigned i = 0; i < MANY; i++) {
		th[i] = w.th;
		cr_assert(capture_add(w.batch, &th[i]), "%u", i);
	}
	w.im.fake.reads = 0;
	cr_assert_eq(capture_read(w.batch), PS_OK);
	cr_expect_eq(w.im.fake.reads, 1u);
	capture_get(w.batch, MANY - 1, c);
	cr_assert_not_null(c->state);
	cr_expect_eq(c->data[0].bytes[64], BEFORE);
	free(th);
	free(c);
	world_deinit(&w);
}

/* Looked at first, and beside memory of others. */
Test(capture, several_deep_threads_are_looked_at_in_one_call)
{
	enum { SEVERAL = 3 };
	struct chunks d;
	struct thread th[SEVERAL];

	chunks_begin(&d, TABLE_3_15_2);
	image_set(&d.w.im, d.w.th.at, F_THREAD_FRAME, d.chunk[0].at + TOP);
	fake_map(&d.w.im.fake, FAKE_BASE, 4096);
	fake_put64(&d.w.im.fake, FAKE_BASE + 8, AFTER);
	capture_reset(d.w.batch, true);
	cr_assert(capture_add_extra(d.w.batch, FAKE_BASE, 16, true));
	for (unsigned i = 0; i < SEVERAL; i++) {
		th[i] = d.w.th;
		cr_assert(capture_add(d.w.batch, &th[i]));
	}
	d.w.im.fake.reads = 0;
	cr_assert_eq(capture_read(d.w.batch), PS_OK);
	cr_expect_eq(d.w.im.fake.reads, 2u);
	for (unsigned i = 0; i < SEVERAL; i++) {
		capture_get(d.w.batch, i, d.c);
		cr_expect_eq(d.c->began, d.chunk[0].at + TOP);
		cr_assert_eq(d.c->ndata, 1u);
		cr_expect_eq(d.c->data[0].bytes[0], 0);
	}
	cr_assert_not_null(capture_extra(d.w.batch, 0));
	cr_expect_eq(capture_extra(d.w.batch, 0)[8], AFTER);
	chunks_end(&d);
}
