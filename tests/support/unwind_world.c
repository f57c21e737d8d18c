/* SPDX-License-Identifier: MIT */
#include "tests/support/unwind_world.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { CO_GENERATOR = 0x20, SETTLES = 40 };

struct world *world_make(enum table_id id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, id);
	image_thread(&w->im, &w->t, 4242, 0x7f0000001000);
	w->main = image_code(&w->im, &(struct image_code){ .name = "main", .first_line = 1 });
	w->f = image_code(&w->im, &(struct image_code){ .name = "f", .first_line = 100 });
	w->g = image_code(&w->im, &(struct image_code){ .name = "g", .first_line = 200 });
	w->h = image_code(&w->im, &(struct image_code){ .name = "h", .first_line = 300 });
	w->gen = image_code(
		&w->im,
		&(struct image_code){ .name = "gen", .first_line = 400, .flags = CO_GENERATOR });
	cr_assert_eq(rig_init(&w->rig, &w->im, w->t.at), PS_OK);
	w->version = table_name(id);
	return w;
}

void world_end(struct world *w)
{
	rig_deinit(&w->rig);
	image_thread_deinit(&w->t);
	image_deinit(&w->im);
	free(w);
}

/* What a plan did not foresee may take some samples until it is certain. They are cut to
 * what is certain, and never wrong. */
void expect_live(struct world *w, const char *stack)
{
	for (int attempt = 0; attempt < SETTLES; attempt++) {
		enum ps_status st = rig_sample(&w->rig);
		const char *seen = rig_stack(&w->rig);

		cr_assert_eq(st, PS_OK, "%s: %s", w->version, ps_status_name(st));
		if (strcmp(seen, stack) == 0)
			return;
		cr_expect_eq(strncmp(seen, stack, strlen(seen)), 0, "%s: %s", w->version, seen);
	}
	cr_expect_str_eq(rig_stack(&w->rig), stack, "%s: %s", w->version, rig_stack(&w->rig));
}

void expect_stopped(struct world *w, const char *stack)
{
	struct rig r;
	enum ps_status st;

	cr_assert_eq(rig_init(&r, &w->im, w->t.at), PS_OK);
	st = rig_sample_stopped(&r);
	cr_expect_eq(st, PS_OK, "%s: %s", w->version, ps_status_name(st));
	cr_expect_str_eq(rig_stack(&r), stack, "%s, stopped: %s", w->version, rig_stack(&r));
	rig_deinit(&r);
}

void expect_both(struct world *w, const char *stack)
{
	expect_live(w, stack);
	expect_stopped(w, stack);
}
