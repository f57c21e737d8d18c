/* SPDX-License-Identifier: MIT */
#include "profiler/profile.h"

#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct profile_text text(const char *s)
{
	return (struct profile_text){ s, (uint32_t)strlen(s) };
}

static struct profile_function function(const char *name, uint32_t line)
{
	return (struct profile_function){ .name = text(name), .file = text("f.py"), .line = line };
}

static bool text_is(struct profile_text t, const char *s)
{
	return t.len == strlen(s) && memcmp(t.at, s, t.len) == 0;
}

Test(profile, interns_functions_by_all_that_they_are)
{
	struct profile *p;
	struct profile_function f[] = { function("a", 1), function("b", 1), function("a", 2),
					function("a", 1), function("a", 1), function("", 1) };
	func_id id[6];

	f[3].file = text("g.py");
	f[4].kind = FUNCTION_OMITTED;
	cr_assert_eq(profile_create(1 << 20, &p), PS_OK);
	for (uint32_t i = 0; i < 6; i++) {
		cr_assert_eq(profile_function(p, &f[i], &id[i]), PS_OK);
		cr_expect_eq(id[i].v, i);
	}
	for (uint32_t i = 0; i < 6; i++) {
		func_id again;

		cr_assert_eq(profile_function(p, &f[i], &again), PS_OK);
		cr_expect_eq(again.v, i);
	}
	cr_expect_eq(profile_nfunctions(p), 6);
	cr_expect(text_is(profile_function_at(p, id[3]).file, "g.py"));
	profile_destroy(p);
}

Test(profile, copies_text_whatever_is_in_it)
{
	struct profile *p;
	char name[] = "line\nbreak;semi\0nul";
	struct profile_function f = { .name = { name, sizeof name } }, kept;
	func_id id;

	cr_assert_eq(profile_create(1 << 20, &p), PS_OK);
	cr_assert_eq(profile_function(p, &f, &id), PS_OK);
	memset(name, 'x', sizeof name);
	kept = profile_function_at(p, id);
	cr_expect_eq(kept.name.len, sizeof name);
	cr_expect_eq(memcmp(kept.name.at, "line\nbreak;semi\0nul", sizeof name), 0);
	profile_destroy(p);
}

Test(profile, stacks_are_a_tree_with_parents_before_children)
{
	struct profile *p;
	struct profile_function f = function("f", 1);
	func_id id;
	stack_id a, b, again, at = STACK_EMPTY;

	cr_assert_eq(profile_create(1 << 20, &p), PS_OK);
	cr_assert_eq(profile_function(p, &f, &id), PS_OK);
	cr_assert_eq(profile_push(p, STACK_EMPTY, id, 1, &a), PS_OK);
	cr_assert_eq(profile_push(p, STACK_EMPTY, id, 2, &b), PS_OK);
	cr_expect_neq(a.v, b.v, "lines make stacks distinct");
	cr_assert_eq(profile_push(p, STACK_EMPTY, id, 1, &again), PS_OK);
	cr_expect_eq(a.v, again.v);
	cr_assert(profile_find(p, STACK_EMPTY, id, 2, &again));
	cr_expect_eq(b.v, again.v);
	cr_expect_not(profile_find(p, STACK_EMPTY, id, 3, &again));
	cr_expect_not(profile_find(p, a, id, 1, &again));
	for (uint32_t i = 0; i < 5000; i++) {
		stack_id next;

		cr_assert_eq(profile_push(p, at, id, i % 3, &next), PS_OK);
		cr_expect_eq(profile_stack_at(p, next).parent.v, at.v);
		cr_expect_lt(at.v, next.v);
		at = next;
	}
	profile_destroy(p);
}

Test(profile, totals_add_up_by_thread_stack_and_state)
{
	struct profile *p;
	struct profile_thread t = { .name = text("t"), .tid = 7 };
	struct profile_total total;
	thread_id one, two;
	size_t pos = 0;

	cr_assert_eq(profile_create(1 << 20, &p), PS_OK);
	cr_assert_eq(profile_thread(p, &t, &one), PS_OK);
	cr_assert_eq(profile_thread(p, &t, &two), PS_OK);
	cr_expect_neq(one.v, two.v, "always a new thread");
	cr_assert_eq(profile_add(p, one, STACK_EMPTY, STATE_GIL | STATE_CPU, 2), PS_OK);
	cr_assert_eq(profile_add(p, two, STACK_EMPTY, STATE_GIL | STATE_CPU, 10), PS_OK);
	cr_assert_eq(profile_add(p, one, STACK_EMPTY, 0, 100), PS_OK);
	cr_assert_eq(profile_add(p, one, STACK_EMPTY, STATE_GIL | STATE_CPU, UINT32_MAX), PS_OK);
	cr_assert(profile_next_total(p, &pos, &total));
	cr_expect_eq(total.count, 2 + (uint64_t)UINT32_MAX);
	cr_assert(profile_next_total(p, &pos, &total));
	cr_expect_eq(total.count, 10);
	cr_expect_eq(total.thread.v, two.v);
	cr_assert(profile_next_total(p, &pos, &total));
	cr_expect_eq(total.count, 100);
	cr_expect_not(profile_next_total(p, &pos, &total));
	profile_destroy(p);
}

Test(profile, renames_a_thread)
{
	struct profile *p;
	struct profile_thread t = { .name = text("old"), .tid = 7, .interpreter = 3 };
	thread_id id;
	size_t bytes;

	cr_assert_eq(profile_create(1 << 20, &p), PS_OK);
	cr_assert_eq(profile_thread(p, &t, &id), PS_OK);
	cr_assert_eq(profile_rename(p, id, text("new")), PS_OK);
	cr_expect(text_is(profile_thread_at(p, id).name, "new"));
	cr_expect_eq(profile_thread_at(p, id).interpreter, 3);
	bytes = profile_bytes(p);
	cr_assert_eq(profile_rename(p, id, text("new")), PS_OK);
	cr_expect_eq(profile_bytes(p), bytes, "the same name costs nothing");
	profile_destroy(p);
}

/* A server may name its threads after the request they serve, for months. */
Test(profile, a_name_that_changes_for_ever_takes_no_more_memory)
{
	struct profile *p;
	struct profile_thread t = { .name = text("worker") };
	thread_id id;
	size_t before;

	cr_assert_eq(profile_create(1 << 20, &p), PS_OK);
	cr_assert_eq(profile_thread(p, &t, &id), PS_OK);
	before = profile_bytes(p);
	for (unsigned i = 0; i < 100000; i++) {
		char name[32];

		snprintf(name, sizeof name, "request %u", i);
		cr_assert_eq(profile_rename(p, id, text(name)), PS_OK, "%s", name);
	}
	cr_expect(text_is(profile_thread_at(p, id).name, "request 99999"));
	cr_expect_leq(profile_bytes(p), before + 32);
	cr_assert_eq(profile_rename(p, id, text("")), PS_OK);
	cr_expect_lt(profile_bytes(p), before, "an empty name takes none");
	profile_destroy(p);
}

Test(profile, a_part_of_the_old_name_can_be_the_new_one)
{
	struct profile *p;
	struct profile_thread t = { .name = text("a worker's name") };
	struct profile_text part;
	thread_id id;

	cr_assert_eq(profile_create(1 << 20, &p), PS_OK);
	cr_assert_eq(profile_thread(p, &t, &id), PS_OK);
	part = profile_thread_at(p, id).name;
	part.at += 2;
	part.len = 6;
	cr_assert_eq(profile_rename(p, id, part), PS_OK);
	cr_expect(text_is(profile_thread_at(p, id).name, "worker"));
	profile_destroy(p);
}

/* --- every limit, every allocation --- */

/* All that a profile holds, to compare. */
static uint64_t digest(const struct profile *p)
{
	uint64_t h = 17;
	struct profile_total t;

	for (uint32_t i = 0; i < profile_nfunctions(p); i++) {
		struct profile_function f = profile_function_at(p, (func_id){ i });

		for (uint32_t k = 0; k < f.name.len; k++)
			h = h * 31 + (unsigned char)f.name.at[k];
		h = h * 31 + f.line;
	}
	for (uint32_t i = 0; i < profile_nstacks(p); i++) {
		struct profile_stack s = profile_stack_at(p, (stack_id){ i });

		h = h * 31 + s.parent.v * 7 + s.function.v * 5 + s.line;
	}
	for (uint32_t i = 0; i < profile_nthreads(p); i++) {
		struct profile_thread th = profile_thread_at(p, (thread_id){ i });

		for (uint32_t k = 0; k < th.name.len; k++)
			h = h * 31 + (unsigned char)th.name.at[k];
		h = h * 31 + th.tid;
	}
	for (size_t pos = 0; profile_next_total(p, &pos, &t);)
		h = h * 31 + t.stack.v * 3 + t.thread.v + t.state + t.count;
	return h;
}

struct filler {
	struct profile *p;
	stack_id stack;
	thread_id thread;
	uint32_t step;
};

/* The next addition: now a function, now a stack, a thread, a total or a name. */
static enum ps_status add_something(struct filler *f)
{
	char name[700];
	uint32_t n = f->step / 5;
	struct profile_function fn;
	struct profile_thread t = { .tid = n };
	func_id id;
	thread_id ignored;

	snprintf(name, sizeof name, "%u-%0*u", n, (int)(n % 600) + 1, 0);
	switch (f->step % 5) {
	case 0:
		fn = function(name, n);
		return profile_function(f->p, &fn, &id);
	case 1:
		return profile_push(f->p, f->stack, (func_id){ 0 }, n, &f->stack);
	case 2:
		t.name = text(name);
		return profile_thread(f->p, &t, n ? &ignored : &f->thread);
	case 3:
		return profile_add(f->p, f->thread, f->stack, n % 4, n);
	default:
		return profile_rename(f->p, f->thread, text(name));
	}
}

static void expect_unchanged_on_failure(struct filler *f, enum ps_status want)
{
	for (; f->step < 1000; f->step++) {
		uint64_t before = digest(f->p);
		stack_id stack = f->stack;
		enum ps_status st = add_something(f);

		if (st) {
			cr_assert_eq(st, want);
			cr_expect_eq(digest(f->p), before, "step %u", f->step);
			cr_expect_eq(f->stack.v, stack.v);
			return;
		}
	}
}

Test(profile, is_as_before_wherever_the_bound_is_met, .timeout = 120)
{
	for (size_t max = 0; max < 300000; max += max < 4000 ? 80 : 4999) {
		struct filler f = { 0 };
		enum ps_status st = profile_create(max, &f.p);

		if (st) {
			cr_assert_eq(st, PS_LIMIT);
			cr_assert_null(f.p);
			continue;
		}
		expect_unchanged_on_failure(&f, PS_LIMIT);
		cr_expect_leq(profile_bytes(f.p), max);
		profile_destroy(f.p);
	}
}

Test(profile, is_as_before_whichever_allocation_fails)
{
	bool failed = true;

	for (unsigned long k = 1; failed; k++) {
		struct filler f = { 0 };
		enum ps_status st;

		fail_alloc_at(k);
		st = profile_create(64 << 20, &f.p);
		if (!st) {
			expect_unchanged_on_failure(&f, PS_NOMEM);
			failed = f.step < 1000;
			fail_alloc_at(0);
			/* And goes on as if nothing had been. */
			if (failed)
				cr_expect_eq(add_something(&f), PS_OK);
		} else {
			cr_assert_eq(st, PS_NOMEM);
		}
		profile_destroy(f.p);
		cr_assert_lt(k, 1000);
	}
}
