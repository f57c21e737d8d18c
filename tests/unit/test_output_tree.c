/* SPDX-License-Identifier: MIT */
#include "output/tree.h"
#include "tests/support/built_profile.h"

#include <criterion/criterion.h>

enum { RUNNING = STATE_GIL | STATE_WORK | STATE_CPU };

/* Two threads below one function at two lines; idle, without the GIL, and frameless. */
static struct profile *two_threads(void)
{
	struct profile *p = built_profile();
	thread_id a = built_thread(p, "a", 1), b = built_thread(p, "b", 2);
	stack_id root = built_call(p, STACK_EMPTY, "main", "m.py", 1, 5);
	stack_id at7 = built_call(p, root, "f", "m.py", 6, 7);
	stack_id at8 = built_call(p, root, "f", "m.py", 6, 8);

	built_add(p, a, at7, RUNNING, 3);
	built_add(p, b, at7, RUNNING, 4);
	built_add(p, a, at8, STATE_WORK | STATE_CPU, 5);
	built_add(p, a, built_call(p, at8, "sleep", "t.py", 1, 1), 0, 100);
	built_add(p, b, STACK_EMPTY, RUNNING, 9);
	return p;
}

static struct tree build(const struct profile *p, struct view v)
{
	struct tree t;
	struct ps_err err;

	cr_assert_eq(tree_build(p, &v, &t, &err), PS_OK);
	return t;
}

Test(tree, merges_threads_and_drops_what_is_hidden)
{
	struct profile *p = two_threads();
	struct tree t = build(p, (struct view){ 0 });

	cr_expect_eq(t.nnodes, 4, "root, main, f at 7, f at 8; got %u", t.nnodes);
	cr_expect_eq(t.nsamples, 2);
	cr_expect_eq(t.count, 12);
	cr_expect_eq(t.depth, 2);
	cr_expect_eq(t.hidden.idle, 100);
	cr_expect_eq(t.hidden.frameless, 9);
	cr_expect_eq(t.hidden.by_mode, 0);
	tree_deinit(&t);
	profile_destroy(p);
}

Test(tree, tells_threads_apart)
{
	struct profile *p = two_threads();
	struct tree t = build(p, (struct view){ .threads = true });

	cr_expect_eq(t.nsamples, 3);
	cr_expect_eq(t.count, 12);
	tree_deinit(&t);
	profile_destroy(p);
}

Test(tree, merges_lines)
{
	struct profile *p = two_threads();
	struct tree t = build(p, (struct view){ .functions = true });

	cr_expect_eq(t.nnodes, 3);
	cr_expect_eq(t.nsamples, 1);
	cr_expect_eq(t.samples[0].count, 12);
	cr_expect_eq(t.frames[t.nodes[t.samples[0].node].frame].line, 6);
	tree_deinit(&t);
	profile_destroy(p);
}

Test(tree, says_what_the_mode_hides)
{
	struct profile *p = two_threads();
	struct tree t = build(p, (struct view){ .mode = MODE_GIL });

	cr_expect_eq(t.count, 7);
	cr_expect_eq(t.hidden.by_mode, 5);
	cr_expect_eq(t.hidden.idle, 100);
	tree_deinit(&t);
	t = build(p, (struct view){ .mode = MODE_GIL, .idle = true });
	cr_expect_eq(t.hidden.by_mode, 105);
	cr_expect_eq(t.hidden.idle, 0);
	tree_deinit(&t);
	profile_destroy(p);
}

/* main > f > <GC> > __del__, and <GC> as a leaf, below two lines of f. */
Test(tree, collections_are_frames_or_not)
{
	struct profile *p = built_profile();
	thread_id a = built_thread(p, "a", 1);
	stack_id f =
		built_call(p, built_call(p, STACK_EMPTY, "main", "m.py", 1, 5), "f", "m.py", 6, 7);
	stack_id gc = built_marker(p, f, "<GC>", FUNCTION_GC);
	struct tree t;

	built_add(p, a, f, RUNNING, 1);
	built_add(p, a, gc, RUNNING, 2);
	built_add(p, a, built_call(p, gc, "X.__del__", "m.py", 9, 9), RUNNING, 4);
	t = build(p, (struct view){ 0 });
	cr_expect_eq(t.nnodes, 5);
	cr_expect_eq(t.nsamples, 3);
	cr_expect_eq(t.depth, 4);
	tree_deinit(&t);
	t = build(p, (struct view){ .no_gc = true });
	cr_expect_eq(t.nnodes, 4, "root, main, f, __del__");
	cr_expect_eq(t.nsamples, 2);
	cr_expect_eq(t.count, 7);
	cr_expect_eq(t.depth, 3);
	cr_expect_eq(t.samples[0].count, 3, "f, and the collection on it");
	for (uint32_t i = 1; i < t.nnodes; i++)
		cr_expect_lt(t.nodes[i].parent, i);
	tree_deinit(&t);
	profile_destroy(p);
}

Test(tree, parents_come_first)
{
	struct profile *p = two_threads();
	struct tree t = build(p, (struct view){ .idle = true, .threads = true });

	for (uint32_t i = 1; i < t.nnodes; i++)
		cr_expect_lt(t.nodes[i].parent, i);
	tree_deinit(&t);
	profile_destroy(p);
}

Test(tree, merging_frames_merges_their_stacks)
{
	struct profile *p = two_threads();
	struct tree t = build(p, (struct view){ .threads = true });
	uint32_t frame_into[] = { 0, 1, 1 }, thread_into[] = { 0, 0 };
	struct ps_err err;

	cr_assert_eq(t.nframes, 3);
	cr_assert_eq(tree_merge(&t, frame_into, thread_into, &err), PS_OK);
	cr_expect_eq(t.nnodes, 3);
	cr_expect_eq(t.nsamples, 1);
	cr_expect_eq(t.count, 12);
	tree_deinit(&t);
	profile_destroy(p);
}

Test(tree, of_nothing_is_a_root)
{
	struct profile *p = built_profile();
	struct tree t = build(p, (struct view){ 0 });

	cr_expect_eq(t.nnodes, 1);
	cr_expect_eq(t.nsamples, 0);
	tree_deinit(&t);
	profile_destroy(p);
}

Test(tree, of_a_million_stacks_is_quick, .timeout = 20)
{
	enum { DEEP = 4000, N = 1000000 };
	struct profile *p = built_profile();
	thread_id a = built_thread(p, "a", 1);
	stack_id s = STACK_EMPTY;
	struct tree t;

	for (uint32_t i = 0; i < N; i++) {
		s = built_call(p, i % DEEP ? s : STACK_EMPTY, "f", "m.py", 1, i);
		built_add(p, a, s, RUNNING, 1);
	}
	t = build(p, (struct view){ .threads = true });
	cr_expect_eq(t.nnodes, N + 1);
	cr_expect_eq(t.depth, DEEP);
	tree_deinit(&t);
	profile_destroy(p);
}
