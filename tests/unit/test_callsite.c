/* SPDX-License-Identifier: MIT */
/* Which generator an instruction uses, on bytecode written by hand for each version. */
#include "profiler/callsite.h"

#include "tests/support/fail_alloc.h"
#include "tests/support/rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { CO_GENERATOR = 0x20, VERSION = 0x01020304 };

/* Numbers of opcodes, by minor version. */
struct ops {
	unsigned char call, get_iter, for_iter, store, load, jump, pop_jump, call_c;
};
static const struct ops ops_of[] = {
	[13] = { 177, 19, 72, 110, 83, 79, 97, 168 },
	[14] = { 161, 16, 70, 112, 82, 77, 100, 149 },
	[15] = { 164, 70, 68, 111, 81, 76, 99, 150 },
};

struct world {
	struct image im;
	struct image_thread t;
	struct rig rig;
	struct ops op;
	raddr user, gen;
	uint32_t user_index, gen_index;
	unsigned at; /* where the next instruction goes */
};

static struct world *world(enum table_id id)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w);
	image_init(&w->im, id);
	image_thread(&w->im, &w->t, 4242, 0x7f0000001000);
	w->op = ops_of[layout_minor(&w->im.layout)];
	w->user = image_code(
		&w->im, &(struct image_code){
				.name = "user", .units = 600, .table = "\xf8", .table_len = 1 });
	w->gen = image_code(&w->im, &(struct image_code){ .name = "gen", .flags = CO_GENERATOR });
	image_set(&w->im, w->gen, F_CODE_VERSION, VERSION);
	cr_assert_eq(rig_init(&w->rig, &w->im, w->t.at), PS_OK);
	cr_assert_eq(code_find(&w->rig.codes, w->user, &w->user_index), PS_OK);
	cr_assert_eq(code_find(&w->rig.codes, w->gen, &w->gen_index), PS_OK);
	w->at = 300;
	return w;
}

static void end(struct world *w)
{
	rig_deinit(&w->rig);
	image_thread_deinit(&w->t);
	image_deinit(&w->im);
	free(w);
}

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world(id_); w; end(w), w = NULL)

static void put(struct world *w, unsigned op, unsigned argument)
{
	unsigned char unit[2] = { (unsigned char)op, (unsigned char)argument };

	fake_put(&w->im.fake, w->user + w->im.layout.code_units_at + 2 * (raddr)w->at++, unit, 2);
}

static void put_call(struct world *w, uint32_t version)
{
	put(w, w->op.call, 0);
	put(w, 0, 17);
	put(w, version & 0xff, version >> 8 & 0xff);
	put(w, version >> 16 & 0xff, version >> 24);
}

static void put_get_iter(struct world *w)
{
	put(w, w->op.get_iter, 0);
	if (layout_minor(&w->im.layout) >= 15)
		put(w, 0, 0);
}

static uint32_t ask(struct world *w, unsigned unit)
{
	return callsite_find(&w->rig.unwinder.callsites, &w->rig.codes, w->user_index,
			     w->user + w->im.layout.code_units_at + 2 * (raddr)unit, unit);
}

Test(callsite, a_loop_over_a_call_uses_the_generator_of_that_function)
{
	EACH_VERSION(w)
	{
		put_call(w, VERSION);
		put_get_iter(w);
		put(w, w->op.for_iter, 3);
		cr_expect_eq(ask(w, w->at - 1), w->gen_index, "%s", table_name(id_));
	}
}

Test(callsite, a_call_of_c_uses_the_generator_that_is_its_argument)
{
	EACH_VERSION(w)
	{
		put_call(w, VERSION);
		put(w, w->op.load, 1);
		put(w, w->op.call_c, 1);
		cr_expect_eq(ask(w, w->at - 1), w->gen_index, "%s", table_name(id_));
	}
}

Test(callsite, a_generator_from_a_variable_is_not_told)
{
	EACH_VERSION(w)
	{
		put_call(w, VERSION);
		put(w, w->op.store, 1);
		put(w, w->op.load, 2);
		put_get_iter(w);
		put(w, w->op.for_iter, 3);
		cr_expect_eq(ask(w, w->at - 1), NO_GENERATOR, "%s", table_name(id_));
	}
}

Test(callsite, what_only_stores_the_generator_uses_none)
{
	/* LIST_APPEND and STORE_FAST */
	static const unsigned char append[] = { [13] = 80, [14] = 78, [15] = 77 };

	EACH_VERSION(w)
	{
		put_call(w, VERSION);
		put(w, append[layout_minor(&w->im.layout)], 2);
		cr_expect_eq(ask(w, w->at - 1), NO_GENERATOR, "%s", table_name(id_));
		put_call(w, VERSION);
		put(w, w->op.store, 1);
		cr_expect_eq(ask(w, w->at - 1), NO_GENERATOR, "%s", table_name(id_));
	}
}

/* Where user calls gen. */
static uint32_t called_at(struct world *w, uint32_t near)
{
	uint32_t unit;

	return callsite_of(&w->rig.unwinder.callsites, &w->rig.codes, w->user_index, w->gen_index,
			   near, &unit)
		       ? unit
		       : UINT32_MAX;
}

Test(callsite, calls_are_found_by_the_version_that_they_are_specialized_for)
{
	EACH_VERSION(w)
	{
		put_call(w, VERSION + 1);
		put_call(w, VERSION);
		put(w, w->op.load, 1);
		put_call(w, VERSION);
		cr_expect_eq(called_at(w, 0), 304, "%s", table_name(id_));
		cr_expect_eq(called_at(w, 309), 309);
		cr_expect_eq(called_at(w, 300), 304);
	}
}

Test(callsite, calls_that_are_specialized_later_are_looked_for_again)
{
	EACH_VERSION(w)
	{
		uint32_t found = UINT32_MAX;

		cr_expect_eq(called_at(w, 0), UINT32_MAX);
		put_call(w, VERSION);
		for (int i = 0; i < 100 && found == UINT32_MAX; i++)
			found = called_at(w, 0);
		cr_expect_eq(found, 300);
	}
}

Test(callsite, a_code_without_version_is_called_nowhere)
{
	EACH_VERSION(w)
	{
		raddr plain = image_code(&w->im, &(struct image_code){ .name = "plain" });

		cr_assert_eq(code_find(&w->rig.codes, plain, &w->gen_index), PS_OK);
		put_call(w, 0);
		cr_expect_eq(called_at(w, 0), UINT32_MAX);
	}
}

static bool calls(struct world *w, unsigned unit)
{
	return callsite_calls(&w->rig.unwinder.callsites, &w->rig.codes, w->user_index,
			      w->gen_index, w->user + w->im.layout.code_units_at + 2 * (raddr)unit,
			      unit);
}

Test(callsite, a_call_may_call_what_it_is_specialized_for)
{
	EACH_VERSION(w)
	{
		struct code *user = &w->rig.codes.codes[w->user_index];

		put_call(w, VERSION);
		put_call(w, VERSION + 1);
		put(w, w->op.call_c, 1);
		put(w, w->op.load, 1);
		/* As if it had been so when the code was first read. */
		code_set_marks(user, 300, MARK_CALLS | MARK_VERSIONED);
		code_set_marks(user, 304, MARK_CALLS | MARK_VERSIONED);
		code_set_marks(user, 308, MARK_USES);
		code_set_marks(user, 309, 0);
		cr_expect(calls(w, 300), "%s", table_name(id_));
		cr_expect_not(calls(w, 304), "%s", table_name(id_));
		cr_expect_not(calls(w, 308), "%s", table_name(id_));
		cr_expect_not(calls(w, 309), "%s", table_name(id_));
		/* What was not specialized when the code was read may call anything. */
		cr_expect(calls(w, 299), "%s", table_name(id_));
	}
}

Test(callsite, when_too_many_calls_are_known_the_rest_are_not_doubted)
{
	EACH_VERSION(w)
	{
		struct code *user;
		uint32_t unit;

		for (uint32_t i = 0; i < 5000; i++)
			(void)!callsite_of(&w->rig.unwinder.callsites, &w->rig.codes, w->user_index,
					   w->user_index, i, &unit);
		cr_expect_eq(w->rig.unwinder.callsites.ncallers, 1);
		user = &w->rig.codes.codes[w->user_index];
		put_call(w, VERSION + 1);
		code_set_marks(user, 300, MARK_CALLS | MARK_VERSIONED);
		cr_expect_not(calls(w, 300), "%s", table_name(id_));
		w->rig.unwinder.callsites.ncallers = UINT32_MAX / 2;
		callsites_clear(&w->rig.unwinder.callsites);
		w->rig.unwinder.callsites.ncallers = UINT32_MAX / 2;
		cr_expect(calls(w, 300), "%s", table_name(id_));
	}
}

Test(callsite, a_jump_to_behind_the_call_makes_it_uncertain)
{
	for (int conditional = 0; conditional < 2; conditional++) {
		EACH_VERSION(w)
		{
			unsigned from = w->at;

			put(w, conditional ? w->op.pop_jump : w->op.jump, conditional ? 8 : 9);
			w->at = from + 6;
			put_call(w, VERSION); /* up to unit from + 9; the jump leads to from + 10 */
			put_get_iter(w);
			put(w, w->op.for_iter, 3);
			cr_expect_eq(ask(w, w->at - 1), NO_GENERATOR, "%s", table_name(id_));
		}
	}
}

Test(callsite, a_jump_to_elsewhere_does_not)
{
	EACH_VERSION(w)
	{
		unsigned from = w->at;

		put(w, w->op.jump, 100);
		put(w, w->op.jump, 2);
		w->at = from + 6;
		put_call(w, VERSION);
		put_get_iter(w);
		put(w, w->op.for_iter, 3);
		cr_expect_eq(ask(w, w->at - 1), w->gen_index, "%s", table_name(id_));
	}
}

Test(callsite, a_version_of_no_generator_or_of_two_is_not_told)
{
	EACH_VERSION(w)
	{
		raddr twin = image_code(
			&w->im, &(struct image_code){ .name = "twin", .flags = CO_GENERATOR });
		uint32_t index;

		put_call(w, VERSION + 1);
		put_get_iter(w);
		put(w, w->op.for_iter, 3);
		cr_expect_eq(ask(w, w->at - 1), NO_GENERATOR);
		image_set(&w->im, twin, F_CODE_VERSION, VERSION);
		cr_assert_eq(code_find(&w->rig.codes, twin, &index), PS_OK);
		put_call(w, VERSION);
		put_get_iter(w);
		put(w, w->op.for_iter, 3);
		cr_expect_eq(ask(w, w->at - 1), NO_GENERATOR);
	}
}

Test(callsite, code_that_is_specialized_later_is_looked_at_again)
{
	EACH_VERSION(w)
	{
		unsigned loop;
		uint32_t told = NO_GENERATOR;

		w->at += 4;
		put_get_iter(w);
		put(w, w->op.for_iter, 3);
		loop = w->at - 1;
		cr_expect_eq(ask(w, loop), NO_GENERATOR);
		w->at = 300;
		put_call(w, VERSION);
		for (int i = 0; i < 100 && told == NO_GENERATOR; i++)
			told = ask(w, loop);
		cr_expect_eq(told, w->gen_index);
	}
}

Test(callsite, the_beginning_of_code_and_memory_that_is_gone_are_not_told)
{
	EACH_VERSION(w)
	{
		w->at = 0;
		put_get_iter(w);
		put(w, w->op.for_iter, 3);
		cr_expect_eq(ask(w, 0), NO_GENERATOR);
		cr_expect_eq(ask(w, w->at - 1), NO_GENERATOR);
		cr_expect_eq(callsite_find(&w->rig.unwinder.callsites, &w->rig.codes, w->user_index,
					   4096 + 2 * 500, 500),
			     NO_GENERATOR);
	}
}

Test(callsite, places_are_kept_by_what_was_done_there)
{
	struct callsites s;
	uint32_t unit;

	cr_assert_eq(callsites_init(&s), PS_OK);
	cr_expect_not(callsite_place(&s, 5, DOING_WORK, &unit));
	callsite_note_place(&s, 5, 10, DOING_WORK);
	callsite_note_place(&s, 5, 20, DOING_CALL);
	cr_assert(callsite_place(&s, 5, DOING_ON_TOP, &unit));
	cr_expect_eq(unit, 10);
	callsite_note_place(&s, 5, 30, DOING_RESUME);
	cr_assert(callsite_place(&s, 5, DOING_ON_TOP, &unit));
	cr_expect_eq(unit, 30);
	cr_assert(callsite_place(&s, 5, DOING_CALL, &unit));
	cr_expect_eq(unit, 20);
	cr_expect_not(callsite_place(&s, 6, DOING_CALL, &unit));
	callsites_clear(&s);
	cr_expect_not(callsite_place(&s, 5, DOING_WORK, &unit));
	callsites_deinit(&s);
}

Test(callsite, full_tables_take_no_more_and_do_not_hang)
{
	EACH_VERSION(w)
	{
		for (uint32_t i = 0; i < 20000; i++) {
			callsite_note_place(&w->rig.unwinder.callsites, i, i, DOING_WORK);
			cr_assert_eq(ask(w, i % 600 + (i << 10)), NO_GENERATOR);
		}
		if (id_ > 0)
			continue;
	}
}

Test(callsite, says_when_there_is_no_memory)
{
	struct callsites s;

	for (unsigned k = 1; k <= 3; k++) {
		fail_alloc_at(k);
		cr_expect_eq(callsites_init(&s), PS_NOMEM);
		fail_alloc_at(0);
	}
}
