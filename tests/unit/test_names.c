/* SPDX-License-Identifier: MIT */
#include "profiler/names.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static const struct image_name threads[] = { { 0x7f0011223344, "MainThread" },
					     { 0x7fffffffffff, "worker-1" },
					     { 42, "x" } };
static const char expected[] = "7f0011223344=MainThread 7fffffffffff=worker-1 2a=x ";

static void note(uint64_t ident, struct profile_text name, void *ctx)
{
	char *text = ctx;
	size_t len = strlen(text);

	snprintf(text + len, 500 - len, "%lx=%.*s ", (unsigned long)ident, (int)name.len, name.at);
}

static struct image *image_with(int id, bool in_dict)
{
	struct image *im = calloc(1, sizeof *im);

	cr_assert(im);
	image_init(im, (enum table_id)id);
	image_names(im, threads, 3, in_dict);
	return im;
}

static void drop(struct image *im)
{
	image_deinit(im);
	free(im);
}

static struct names reader(struct image *im)
{
	return (struct names){ &im->fake.target, &im->layout, im->interpreter, 0 };
}

Test(names, reads_inline_values_and_dicts)
{
	for (int id = 0; id < NTABLES; id++) {
		for (int in_dict = 0; in_dict < 2; in_dict++) {
			struct image *im = image_with(id, in_dict);
			struct names n = reader(im);
			char text[500] = "";
			uint64_t reads;

			cr_expect_eq(names_read(&n, note, text), PS_OK, "%s", table_name(id));
			cr_expect_str_eq(text, expected, "%s: %s", table_name(id), text);
			cr_expect_neq(n.active, 0);
			reads = im->fake.reads;
			text[0] = '\0';
			cr_expect_eq(names_read(&n, note, text), PS_OK);
			cr_expect_str_eq(text, expected);
			cr_expect_lt(im->fake.reads - reads, reads, "the dict is known");
			drop(im);
		}
	}
}

Test(names, without_threading_tries_again_later)
{
	for (int id = 0; id < NTABLES; id++) {
		struct image *im = image_with(id, false);
		struct image_pair sys = { image_str(im, "sys"), im->none };
		struct names n = reader(im);
		char text[500] = "";

		image_set(im, im->interpreter, F_INTERP_MODULES, image_dict(im, &sys, 1, false));
		cr_expect_eq(names_read(&n, note, text), PS_TORN);
		image_set(im, im->interpreter, F_INTERP_MODULES, 0);
		cr_expect_eq(names_read(&n, note, text), PS_FAULT);
		cr_expect_str_empty(text);
		drop(im);
	}
}

Test(names, survives_the_failure_of_any_read_and_allocation)
{
	for (int id = 0; id < NTABLES; id++) {
		for (int in_dict = 0; in_dict < 2; in_dict++) {
			struct image *im = image_with(id, in_dict);
			struct names n = reader(im);
			char text[500] = "";
			uint64_t total;

			cr_assert_eq(names_read(&n, note, text), PS_OK);
			total = im->fake.reads;
			for (uint64_t k = 1; k <= total; k++) {
				n = reader(im);
				text[0] = '\0';
				im->fake.reads = 0;
				im->fake.fail_at = k;
				(void)!names_read(&n, note, text);
				im->fake.fail_at = 0;
				text[0] = '\0';
				fail_alloc_at(k);
				(void)!names_read(&n, note, text);
				fail_alloc_at(0);
				text[0] = '\0';
				n = reader(im);
				cr_expect_eq(names_read(&n, note, text), PS_OK);
				cr_expect_str_eq(text, expected);
			}
			drop(im);
		}
	}
}

/* Each word of the image in turn is something else: no crash, and an end. */
Test(names, survives_any_word_that_lies, .timeout = 120)
{
	static const uint64_t lies[] = { 0, 1, UINT64_MAX, 0x7fffffff, FAKE_BASE + 64 };

	for (int id = TABLE_3_13T; id < NTABLES; id += 2) {
		struct image *im = image_with(id, id % 2);
		raddr from = im->interpreter + im->layout.at[F_INTERP_MODULES];

		for (raddr at = from; at + 8 <= im->next; at += 8) {
			uint64_t truth = fake_get64(&im->fake, at);

			for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
				struct names n = reader(im);
				char text[500] = "";

				fake_put64(&im->fake, at, lies[i]);
				(void)!names_read(&n, note, text);
			}
			fake_put64(&im->fake, at, truth);
		}
		drop(im);
	}
}

/* --- dicts without measure --- */

static struct image_pair *many_pairs(size_t n, struct image_pair pair)
{
	struct image_pair *pairs = calloc(n, sizeof *pairs);

	cr_assert(pairs);
	for (size_t i = 0; i < n; i++)
		pairs[i] = pair;
	return pairs;
}

/* A dict of n times the same pair. */
static raddr huge_dict(struct image *im, size_t n, const char *key, raddr value, bool general)
{
	struct image_pair *pairs = many_pairs(n, (struct image_pair){ image_str(im, key), value });
	raddr dict = image_dict(im, pairs, n, general);

	free(pairs);
	return dict;
}

static void expect_few_reads(struct image *im, struct names *n, enum ps_status wanted, uint64_t max)
{
	char text[500] = "";
	uint64_t before = im->fake.reads;
	enum ps_status st = names_read(n, note, text);

	cr_expect_eq(st, wanted, "%s", ps_status_name(st));
	cr_expect_str_empty(text);
	cr_expect_leq(im->fake.reads - before, max, "%lu reads",
		      (unsigned long)(im->fake.reads - before));
}

Test(names, more_modules_than_there_can_be_are_not_searched, .timeout = 60)
{
	for (int id = 0; id < NTABLES; id++) {
		struct image *im = image_with(id, false);
		struct names n = reader(im);

		image_set(im, im->interpreter, F_INTERP_MODULES,
			  huge_dict(im, (1 << 17) + 1, "module", im->none, false));
		expect_few_reads(im, &n, PS_TORN, 4);
		drop(im);
	}
}

Test(names, more_threads_than_there_can_be_are_not_gone_through, .timeout = 60)
{
	for (int id = 0; id < NTABLES; id++) {
		struct image *im = image_with(id, false);
		struct names n = reader(im);
		char text[500] = "";

		cr_assert_eq(names_read(&n, note, text), PS_OK);
		n.active = huge_dict(im, 8193, "x", im->none, true);
		expect_few_reads(im, &n, PS_TORN, 4);
		drop(im);
	}
}

/* The keys of a general dict, behind its header and index as make_keys() writes them. */
static raddr first_value(struct image *im, raddr dict)
{
	return fake_get64(&im->fake, image_get(im, dict, F_DICT_KEYS) + 32 + 16 + 16);
}

Test(names, a_thread_of_too_many_attributes_is_passed_over, .timeout = 60)
{
	for (int id = 0; id < NTABLES; id++) {
		struct image *im = image_with(id, true);
		struct names n = reader(im);
		char text[500] = "";
		raddr thread, name = image_str(im, "late");

		cr_assert_eq(names_read(&n, note, text), PS_OK);
		thread = first_value(im, n.active);
		fake_put64(&im->fake, thread - (im->layout.free_threaded ? 8 : 24),
			   huge_dict(im, 300, "_name", name, false));
		text[0] = '\0';
		cr_assert_eq(names_read(&n, note, text), PS_OK);
		cr_expect_str_eq(text, strchr(expected, ' ') + 1, "the others: %s", text);
		drop(im);
	}
}

static bool has_main_behind(size_t others)
{
	struct image *im = image_with(0, false);
	struct image_pair *pair = calloc(others + 1, sizeof *pair);
	struct names n = reader(im);
	bool found;

	cr_assert(pair);
	for (size_t i = 0; i <= others; i++) {
		char name[32];

		snprintf(name, sizeof name, "module_%zu", i);
		pair[i] = (struct image_pair){ image_str(im, i == others ? "__main__" : name),
					       im->none };
	}
	image_set(im, im->interpreter, F_INTERP_MODULES, image_dict(im, pair, others + 1, false));
	found = names_has_module(&n, "__main__");
	free(pair);
	drop(im);
	return found;
}

Test(names, a_module_is_looked_for_among_the_first_ones_only)
{
	cr_expect(has_main_behind(0));
	cr_expect(has_main_behind(300));
	cr_expect_not(has_main_behind(1024));
}
