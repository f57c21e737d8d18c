/* SPDX-License-Identifier: MIT */
/* The checks that what was found must pass, and finding it in memory; by file is for the
 * end-to-end tests. */
#include "profiler/locate.h"

#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
	struct image im;
	char maps[256];
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

/* --- finding it --- */

enum { HALF = FAKE_PAGES / 2 * FAKE_PAGE };

/* All memory is anonymous, in two pieces; the image is in the one that is searched last. */
static void show_memory(struct world *w)
{
	uint64_t middle = FAKE_BASE + HALF;

	fake_map(&w->im.fake, FAKE_BASE, 2 * HALF);
	cr_assert(w->im.runtime < middle);
	snprintf(w->maps, sizeof w->maps,
		 "%08" PRIx64 "-%08" PRIx64 " rw-p 00000000 00:00 0\n"
		 "%08" PRIx64 "-%08" PRIx64 " rw-p 00000000 00:00 0\n",
		 middle, middle + HALF, (uint64_t)FAKE_BASE, middle);
	w->im.fake.maps = w->maps;
}

static enum ps_status find(struct world *w, struct site *ret, struct ps_err *err)
{
	struct locate_how how = { .files_only = false };
	struct identity who;

	*err = (struct ps_err){ 0 };
	return locate_with(&w->im.fake.target, &how, ret, &who, err);
}

Test(locate, finds_the_table_in_memory_that_has_no_file)
{
	EACH_VERSION(w)
	{
		struct site site;
		struct ps_err err;

		show_memory(w);
		cr_assert_eq(find(w, &site, &err), PS_OK, "%s", err.msg);
		cr_expect_eq(site.runtime, w->im.runtime);
		cr_expect_str_eq(site.found_by, "memory scan");
		cr_expect_eq(site.layout.version, w->im.layout.version);
	}
}

Test(locate, says_what_keeps_what_it_found_from_being_read)
{
	EACH_VERSION(w)
	{
		raddr main_interp = image_get(&w->im, w->im.runtime, F_RUNTIME_INTERPRETERS_MAIN);
		struct site site;
		struct ps_err err;

		show_memory(w);
		image_set(&w->im, w->t[0].at, F_THREAD_NEXT, w->t[0].at);
		cr_expect_eq(find(w, &site, &err), PS_FORMAT);
		cr_expect(strstr(err.msg, "list of threads"), "%s", err.msg);
		image_set(&w->im, main_interp, F_INTERP_THREADS_HEAD, 0);
		cr_expect_eq(find(w, &site, &err), PS_NOT_READY);
		fake_put64(&w->im.fake, w->im.runtime, 0);
		cr_expect_eq(find(w, &site, &err), PS_NOT_PYTHON);
		cr_expect(strstr(err.msg, "not a Python"), "%s", err.msg);
		w->im.fake.ended = true;
		cr_expect_eq(find(w, &site, &err), PS_GONE);
	}
}

Test(locate, looks_on_behind_a_table_that_lies)
{
	EACH_VERSION(w)
	{
		struct site site;
		struct ps_err err;

		show_memory(w);
		fake_put(&w->im.fake, FAKE_BASE + HALF + 64, "xdebugpy", 8);
		cr_assert_eq(find(w, &site, &err), PS_OK, "%s", err.msg);
		cr_expect_eq(site.runtime, w->im.runtime);
	}
}

Test(locate, tables_without_end_are_given_up)
{
	EACH_VERSION(w)
	{
		unsigned char head[32];
		struct site site;
		struct ps_err err;

		show_memory(w);
		fake_get(&w->im.fake, w->im.runtime, head, sizeof head);
		for (unsigned i = 0; i < 1000; i++)
			fake_put(&w->im.fake, FAKE_BASE + HALF + i * sizeof head, head,
				 sizeof head);
		w->im.fake.reads = 0;
		cr_expect_neq(find(w, &site, &err), PS_OK, "the true one comes too late");
		cr_expect(err.msg[0]);
		cr_expect_lt(w->im.fake.reads, 20000);
	}
}

Test(locate, a_process_without_memory_is_not_ready_or_has_ended)
{
	EACH_VERSION(w)
	{
		struct site site;
		struct ps_err err;

		w->im.fake.no_maps = true;
		cr_expect_eq(find(w, &site, &err), PS_NOT_READY);
		cr_expect(strstr(err.msg, "no memory yet"), "%s", err.msg);
		w->im.fake.ended = true;
		cr_expect_eq(find(w, &site, &err), PS_GONE);
		w->im.fake.ended = w->im.fake.no_maps = false;
		w->im.fake.maps = "";
		cr_expect_eq(find(w, &site, &err), PS_NOT_PYTHON);
	}
}
