/* SPDX-License-Identifier: MIT */
#include "profiler/reuse.h"

#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { CODES = 5 };

/* Records of five code objects, the root's first, as of a stack. */
struct world {
	struct image im;
	struct profile *profile;
	struct code_cache codes;
	raddr at[CODES];
	uint32_t code[CODES], reads;
};

static struct world *world(void)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, TABLE_3_15_2);
	cr_assert_eq(profile_create(16 << 20, &w->profile), PS_OK);
	cr_assert_eq(code_cache_init(&w->codes, &w->im.fake.target, &w->im.layout, w->profile),
		     PS_OK);
	for (int i = 0; i < CODES; i++) {
		w->at[i] =
			image_code(&w->im, &(struct image_code){ .name = "f",
								 .first_line = 10 + (unsigned)i });
		cr_assert_eq(code_find(&w->codes, w->at[i], &w->code[i]), PS_OK);
	}
	w->reads = w->codes.reads;
	code_next_epoch(&w->codes);
	return w;
}

static void end(struct world *w)
{
	code_cache_deinit(&w->codes);
	profile_destroy(w->profile);
	image_deinit(&w->im);
	free(w);
}

static uint32_t certain(struct world *w)
{
	uint32_t n;

	cr_assert_eq(reuse_certain(&w->codes, w->code, CODES, w->reads, &n), PS_OK);
	return n;
}

static void replace(struct world *w, int i)
{
	image_code_at(&w->im, w->at[i], &(struct image_code){ .name = "other", .first_line = 99 });
}

Test(reuse, all_is_certain_that_holds)
{
	struct world *w = world();

	cr_expect_eq(certain(w), CODES);
	end(w);
}

Test(reuse, what_lies_below_a_replaced_one_is_certain)
{
	for (int i = 0; i < CODES; i++) {
		struct world *w = world();

		replace(w, i);
		cr_expect_eq(certain(w), i);
		/* It has a record by now, but one of after the sample. */
		cr_expect_eq(certain(w), i);
		end(w);
	}
}

Test(reuse, what_was_read_after_the_sample_is_not)
{
	struct world *w = world();
	raddr fresh = image_code(&w->im, &(struct image_code){ .name = "fresh" });

	cr_assert_eq(code_find(&w->codes, fresh, &w->code[3]), PS_OK);
	cr_expect_eq(certain(w), 3);
	end(w);
}

Test(reuse, what_lies_below_one_that_is_gone_is_certain)
{
	for (int i = 0; i < CODES; i++) {
		struct world *w = world();

		image_set(&w->im, w->at[i], F_CODE_TYPE, 8);
		cr_expect_eq(certain(w), i);
		end(w);
	}
}

Test(reuse, a_target_that_ends_is_no_answer)
{
	struct world *w = world();
	uint32_t n = 7;

	w->im.fake.reads = 0;
	w->im.fake.fail_at = 1;
	w->im.fake.fail_on = true;
	w->im.fake.fail_with = PS_GONE;
	cr_expect_eq(reuse_certain(&w->codes, w->code, CODES, w->reads, &n), PS_GONE);
	end(w);
}
