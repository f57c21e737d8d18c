/* SPDX-License-Identifier: MIT */
#include "profiler/code.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/image.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct world {
	struct image im;
	struct profile *profile;
	struct code_cache codes;
	const char *version;
};

static struct world *world(int id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, (enum table_id)id);
	w->version = table_name((enum table_id)id);
	cr_assert_eq(profile_create(16 << 20, &w->profile), PS_OK);
	cr_assert_eq(code_cache_init(&w->codes, &w->im.fake.target, &w->im.layout, w->profile),
		     PS_OK);
	return w;
}

static void end(struct world *w)
{
	code_cache_deinit(&w->codes);
	profile_destroy(w->profile);
	image_deinit(&w->im);
	free(w);
}

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world(id_); w; end(w), w = NULL)

static bool is_named(struct world *w, uint32_t code, const char *name)
{
	struct profile_function f = profile_function_at(w->profile, w->codes.codes[code].function);

	return f.name.len == strlen(name) && memcmp(f.name.at, name, f.name.len) == 0;
}

static raddr plain(struct world *w, const char *name)
{
	return image_code(&w->im, &(struct image_code){ .name = name, .first_line = 10 });
}

Test(code, reads_all_of_an_object_once)
{
	EACH_VERSION(w)
	{
		raddr at = image_code(&w->im, &(struct image_code){ .name = "Class.method",
								    .file = "/srv/app.py",
								    .first_line = 77,
								    .locals = 5,
								    .stack = 3,
								    .units = 40,
								    .flags = 0x200 });
		uint64_t reads;
		uint32_t id, again;
		const struct code *c;
		struct profile_function f;

		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK, "%s", w->version);
		c = &w->codes.codes[id];
		f = profile_function_at(w->profile, c->function);
		cr_expect(is_named(w, id, "Class.method"));
		cr_expect_eq(f.file.len, 11);
		cr_expect_eq(f.line, 77);
		cr_expect_eq(c->nunits, 40);
		cr_expect_eq(c->nlocalsplus, 5);
		cr_expect_eq(c->frame_bytes, 8 * (5 + 3) + w->im.layout.frame_locals_at);
		cr_expect_eq(c->flags, CODE_GENERATOR);
		cr_expect_eq(code_line(c, 0), 77);
		cr_expect_eq(code_line(c, 39), 116);
		reads = w->im.fake.reads;
		cr_assert_eq(code_find(&w->codes, at, &again), PS_OK);
		cr_expect_eq(again, id);
		cr_expect_eq(w->im.fake.reads, reads, "known: not read again");
	}
}

Test(code, tells_instructions_of_other_code_apart)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "f");
		uint32_t id, unit = 99;
		raddr base = at + w->im.layout.code_units_at;

		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		cr_expect(code_unit(&w->codes, id, base, 0, &unit));
		cr_expect_eq(unit, 0);
		cr_expect(code_unit(&w->codes, id, base + 62, 0, &unit));
		cr_expect_eq(unit, 31);
		cr_expect_not(code_unit(&w->codes, id, base + 64, 0, &unit));
		cr_expect_not(code_unit(&w->codes, id, base - 2, 0, &unit));
		cr_expect_not(code_unit(&w->codes, id, base + 1, 0, &unit));
		cr_expect_not(code_unit(&w->codes, id, 0, 0, &unit));
	}
}

Test(code, an_instruction_tells_its_code)
{
	EACH_VERSION(w)
	{
		raddr f = plain(w, "f"), g = plain(w, "g");
		raddr base = w->im.layout.code_units_at;
		uint32_t f_id, g_id, found = 99;

		cr_assert_eq(code_find(&w->codes, f, &f_id), PS_OK);
		cr_expect_not(code_of_instr(&w->codes, g + base, &found));
		cr_assert_eq(code_find(&w->codes, g, &g_id), PS_OK);
		cr_assert(code_of_instr(&w->codes, f + base, &found));
		cr_expect_eq(found, f_id);
		cr_assert(code_of_instr(&w->codes, f + base + 62, &found));
		cr_expect_eq(found, f_id);
		cr_assert(code_of_instr(&w->codes, g + base + 62, &found));
		cr_expect_eq(found, g_id);
		cr_expect_not(code_of_instr(&w->codes, g + base + 64, &found));
		cr_expect_not(code_of_instr(&w->codes, f + base - 2, &found));
		cr_expect_not(code_of_instr(&w->codes, g, &found));
		cr_expect_not(code_of_instr(&w->codes, 0, &found));
		cr_expect_not(code_of_instr(&w->codes, UINT64_MAX - 1, &found));
	}
}

Test(code, what_is_no_code_object_is_torn)
{
	EACH_VERSION(w)
	{
		raddr good = plain(w, "good"), other = image_type(&w->im, "function");
		static const struct {
			enum layout_field field;
			uint64_t lie;
		} lies[] = { { F_CODE_TYPE, 0 },         { F_CODE_TYPE, 12 },
			     { F_CODE_UNITS, 0 },        { F_CODE_UNITS, UINT64_MAX },
			     { F_CODE_UNITS, 16 << 20 }, { F_CODE_STACKSIZE, UINT32_MAX },
			     { F_CODE_NLOCALSPLUS, 1 },  { F_CODE_FRAMESIZE, 0 },
			     { F_CODE_QUALNAME, 0 },     { F_CODE_FILENAME, 4095 },
			     { F_CODE_LINETABLE, 0 } };
		uint32_t id;
		raddr bad;

		bad = plain(w, "bad");
		image_set(&w->im, bad, F_CODE_TYPE, other);
		cr_expect_eq(code_find(&w->codes, bad, &id), PS_TORN, "before any type is known");
		cr_assert_eq(code_find(&w->codes, good, &id), PS_OK);
		cr_expect_eq(code_find(&w->codes, bad, &id), PS_TORN, "and after");
		for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
			enum ps_status st;

			bad = plain(w, "bad");
			image_set(&w->im, bad, lies[i].field, lies[i].lie);
			st = code_find(&w->codes, bad, &id);
			cr_expect(st == PS_TORN || st == PS_FAULT, "%s: lie %zu: %s", w->version, i,
				  ps_status_name(st));
		}
		cr_expect_eq(code_find(&w->codes, 0, &id), PS_TORN);
		cr_expect_eq(code_find(&w->codes, good + 4, &id), PS_TORN);
		cr_expect_eq(w->codes.ncodes, 1);
	}
}

Test(code, a_line_table_that_lies_about_its_length_is_torn)
{
	EACH_VERSION(w)
	{
		static const uint64_t lengths[] = { UINT64_MAX, 1ull << 63, (16 << 20) + 1,
						    1 << 20 };
		uint32_t id;

		for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
			raddr at = plain(w, "f");

			image_set(&w->im, image_get(&w->im, at, F_CODE_LINETABLE), F_BYTES_SIZE,
				  lengths[i]);
			cr_expect_neq(code_find(&w->codes, at, &id), PS_OK);
		}
		cr_expect_eq(w->codes.ncodes, 0);
	}
}

Test(code, without_a_line_table_the_line_is_the_first)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "f");
		uint32_t id;

		image_set(&w->im, image_get(&w->im, at, F_CODE_LINETABLE), F_BYTES_SIZE, 0);
		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		cr_expect_eq(code_line(&w->codes.codes[id], 7), 10);
	}
}

/* --- reuse --- */

static void expect_verified(struct world *w, uint32_t id, enum ps_status st, bool changed)
{
	bool was;

	code_next_epoch(&w->codes);
	cr_assert_eq(code_verify(&w->codes, &id, 1, &was), st, "%s", w->version);
	cr_expect_eq(was, changed, "%s", w->version);
}

Test(code, an_object_that_is_the_same_stays)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "f");
		uint64_t reads;
		uint32_t id;
		bool changed;

		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		reads = w->im.fake.reads;
		cr_assert_eq(code_verify(&w->codes, &id, 1, &changed), PS_OK);
		cr_expect_eq(w->im.fake.reads, reads, "this epoch has seen it");
		expect_verified(w, id, PS_OK, false);
		cr_expect_eq(w->im.fake.reads, reads + 1);
	}
}

Test(code, another_object_at_its_address_is_noticed)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "old");
		uint32_t id;

		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		image_code_at(&w->im, at, &(struct image_code){ .name = "new", .first_line = 500 });
		expect_verified(w, id, PS_OK, true);
		cr_expect(is_named(w, id, "new"));
		cr_expect_eq(code_line(&w->codes.codes[id], 3), 503);
	}
}

Test(code, another_name_in_the_memory_of_the_old_is_noticed)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "old"), name = image_get(&w->im, at, F_CODE_QUALNAME);
		uint32_t id;

		/* All addresses were taken again in the same order; the name's hash differs. */
		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		fake_put(&w->im.fake, name + w->im.layout.unicode_ascii_at, "new", 3);
		image_set(&w->im, name, F_UNICODE_HASH, 0x1234567);
		expect_verified(w, id, PS_OK, true);
		cr_expect(is_named(w, id, "new"));
	}
}

Test(code, an_object_that_is_gone_is_not_believed)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "old");
		uint32_t id;
		bool changed;

		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		image_set(&w->im, at, F_CODE_TYPE, 0);
		code_next_epoch(&w->codes);
		cr_expect_eq(code_verify(&w->codes, &id, 1, &changed), PS_TORN);
		cr_expect_neq(w->codes.codes[id].epoch, w->codes.epoch, "not of this epoch");
		cr_expect_eq(code_verify(&w->codes, &id, 1, &changed), PS_TORN, "nor later");
		image_set(&w->im, at, F_CODE_TYPE, w->im.code_type);
		cr_expect_eq(code_verify(&w->codes, &id, 1, &changed), PS_OK);
	}
}

Test(code, one_record_is_renewed_if_it_is_of_another_object)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "old");
		uint32_t id;
		bool renewed = true;

		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		image_code_at(&w->im, at, &(struct image_code){ .name = "new" });
		cr_expect_eq(code_renew(&w->codes, id, &renewed), PS_OK);
		cr_expect_not(renewed, "this epoch has seen it");
		code_next_epoch(&w->codes);
		cr_expect_eq(code_renew(&w->codes, id, &renewed), PS_OK);
		cr_expect(renewed);
		cr_expect(is_named(w, id, "new"));
		code_next_epoch(&w->codes);
		cr_expect_eq(code_renew(&w->codes, id, &renewed), PS_OK);
		cr_expect_not(renewed);
		code_next_epoch(&w->codes);
		image_set(&w->im, at, F_CODE_TYPE, w->im.none);
		cr_expect_eq(code_renew(&w->codes, id, &renewed), PS_TORN);
		cr_expect(is_named(w, id, "new"), "the record stays");
	}
}

Test(code, verifies_hundreds_in_a_few_reads)
{
	EACH_VERSION(w)
	{
		enum { N = 700 };
		uint32_t id[N];
		uint64_t reads;
		bool changed;

		for (int i = 0; i < N; i++)
			cr_assert_eq(code_find(&w->codes, plain(w, "f"), &id[i]), PS_OK);
		code_next_epoch(&w->codes);
		reads = w->im.fake.reads;
		cr_assert_eq(code_verify(&w->codes, id, N, &changed), PS_OK);
		cr_expect_leq(w->im.fake.reads - reads, N / 64);
		cr_expect_not(changed);
	}
}

/* The name changes between the reads of one code object, at each of them. */
static void rename_at(struct fake_target *f, uint64_t nth, void *ctx)
{
	const uint64_t *swap = ctx;

	if (nth == swap[0]) {
		fake_put64(f, swap[1], swap[2]);
		fake_put64(f, swap[3], swap[4]);
	}
}

Test(code, a_name_belongs_to_its_address_or_is_not_believed)
{
	EACH_VERSION(w)
	{
		for (uint64_t k = 1; k < 20; k++) {
			raddr at = plain(w, "old");
			/* Both the name and the first line move, as in another object. */
			uint64_t swap[] = { k, at + w->im.layout.at[F_CODE_QUALNAME],
					    image_str(&w->im, "new"),
					    at + w->im.layout.at[F_CODE_FILENAME],
					    image_str(&w->im, "new.py") };
			uint32_t id;
			enum ps_status st;

			w->im.fake.reads = 0;
			w->im.fake.before_read = rename_at;
			w->im.fake.ctx = swap;
			st = code_find(&w->codes, at, &id);
			w->im.fake.before_read = NULL;
			cr_assert(st == PS_OK || st == PS_TORN);
			if (st == PS_OK) {
				struct profile_function f = profile_function_at(
					w->profile, w->codes.codes[id].function);

				cr_expect_eq(is_named(w, id, "new"), f.file.len == 6,
					     "%s, read %lu", w->version, (unsigned long)k);
			}
		}
	}
}

Test(code, survives_the_failure_of_any_read)
{
	EACH_VERSION(w)
	{
		raddr at = image_code(
			&w->im, &(struct image_code){ .name = "f", .first_line = 1, .copies = 3 });
		uint32_t id, unit;
		enum ps_status st = PS_FAULT;
		uint64_t k;

		for (k = 1; st; k++) {
			size_t used;

			w->im.fake.fail_at = 1;
			w->im.fake.reads = 0;
			(void)!code_find(&w->codes, at, &id); /* has the arrays reserved */
			used = w->codes.mem.used;
			w->im.fake.reads = 0;
			w->im.fake.fail_at = k;
			st = code_find(&w->codes, at, &id);
			cr_assert(st == PS_OK || st == PS_FAULT || st == PS_TORN);
			if (st)
				cr_expect_eq(w->codes.mem.used, used, "%s: read %lu: %zu",
					     w->version, (unsigned long)k, w->codes.mem.used);
			cr_assert_lt(k, 100);
		}
		cr_expect_gt(k, 6);
		w->im.fake.fail_at = 0;
		if (!layout_has(&w->im.layout, F_CODE_TLBC))
			continue;
		for (k = 1; k < 4; k++) {
			w->im.fake.reads = 0;
			w->im.fake.fail_at = k;
			cr_expect_not(code_unit(&w->codes, id, 0x20000, 2, &unit));
		}
	}
}

Test(code, survives_the_failure_of_any_allocation)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "f");
		enum ps_status st = PS_NOMEM;
		uint32_t id;

		for (unsigned long k = 1; st; k++) {
			fail_alloc_at(k);
			st = code_find(&w->codes, at, &id);
			fail_alloc_at(0);
			cr_assert(st == PS_OK || st == PS_NOMEM);
			cr_assert_lt(k, 100);
		}
		cr_expect(is_named(w, id, "f"));
	}
}

/* Fills the cache to its bound; returns the address that found no room. */
static raddr fill(struct world *w)
{
	raddr at = 0;
	enum ps_status st = PS_OK;
	uint32_t id;

	w->codes.mem.max = 32 * 1024;
	for (int i = 0; !st && i < 2000; i++) {
		at = plain(w, "f");
		st = code_find(&w->codes, at, &id);
	}
	cr_assert_eq(st, PS_LIMIT, "%s", w->version);
	cr_expect_leq(w->codes.mem.used, w->codes.mem.max);
	return at;
}

Test(code, a_full_cache_throws_away_and_goes_on)
{
	EACH_VERSION(w)
	{
		raddr first = plain(w, "first"), last;
		uint32_t id, again, generation = w->codes.generation;

		cr_expect_not(code_make_room(&w->codes));
		cr_assert_eq(code_find(&w->codes, first, &id), PS_OK);
		last = fill(w);
		cr_expect_eq(w->codes.generation, generation, "indices hold until room is made");
		cr_assert_eq(code_find(&w->codes, first, &again), PS_OK);
		cr_expect_eq(again, id);
		cr_expect(is_named(w, id, "first"));

		cr_expect(code_make_room(&w->codes));
		cr_expect_not(code_make_room(&w->codes));
		cr_expect_neq(w->codes.generation, generation);
		cr_assert_eq(code_find(&w->codes, last, &id), PS_OK, "%s", w->version);
		cr_expect(is_named(w, id, "f"));
		cr_assert_eq(code_find(&w->codes, first, &id), PS_OK);
		cr_expect(is_named(w, id, "first"));
		cr_expect_leq(w->codes.mem.used, w->codes.mem.max);
	}
}

/* A record that is read anew needs room beside the old one. */
Test(code, a_full_cache_makes_room_for_what_was_replaced)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "old");
		uint32_t id;
		bool changed;

		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		fill(w);
		code_make_room(&w->codes);
		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		w->codes.mem.max = w->codes.mem.used;
		image_code_at(&w->im, at, &(struct image_code){ .name = "new", .first_line = 500 });
		code_next_epoch(&w->codes);
		cr_expect_eq(code_verify(&w->codes, &id, 1, &changed), PS_LIMIT);
		w->codes.mem.max *= 2;
		cr_expect(code_make_room(&w->codes));
		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		cr_expect(is_named(w, id, "new"));
	}
}

/* A full profile is no reason to read the code again at every sample. */
Test(code, the_bound_of_the_profile_throws_nothing_away)
{
	EACH_VERSION(w)
	{
		struct profile *tiny;
		struct code_cache codes;
		uint32_t id;

		cr_assert_eq(profile_create(1024, &tiny), PS_OK);
		cr_assert_eq(code_cache_init(&codes, &w->im.fake.target, &w->im.layout, tiny),
			     PS_OK);
		cr_expect_eq(code_find(&codes, plain(w, "f"), &id), PS_LIMIT);
		cr_expect_not(code_make_room(&codes));
		code_cache_deinit(&codes);
		profile_destroy(tiny);
	}
}

Test(code, a_new_program_has_new_code)
{
	EACH_VERSION(w)
	{
		raddr at = plain(w, "old");
		uint32_t id, generation = w->codes.generation;

		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		code_cache_forget(&w->codes, &w->im.layout);
		cr_expect_neq(w->codes.generation, generation);
		cr_expect_eq(w->codes.ncodes, 0);
		w->im.code_type = image_type(&w->im, "code");
		image_code_at(&w->im, at, &(struct image_code){ .name = "new", .first_line = 500 });
		cr_assert_eq(code_find(&w->codes, at, &id), PS_OK);
		cr_expect(is_named(w, id, "new"));
	}
}
