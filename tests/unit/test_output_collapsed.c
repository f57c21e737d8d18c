/* SPDX-License-Identifier: MIT */
#include "tests/support/built_profile.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { RUNNING = STATE_GIL | STATE_WORK | STATE_CPU };

static void expect(struct profile *p, struct view v, const char *expected)
{
	char *got = built_output(p, "collapsed", v);

	cr_expect_str_eq(got, expected);
	free(got);
}

Test(collapsed, is_root_first_with_counts)
{
	struct profile *p = built_profile();
	thread_id t = built_thread(p, "MainThread", 7);
	stack_id root = built_call(p, STACK_EMPTY, "<module>", "/srv/a.py", 1, 30);

	built_add(p, t, built_call(p, root, "A.f", "/srv/a.py", 4, 6), RUNNING, 5);
	built_add(p, t, root, RUNNING, 2);
	built_add(p, t, root, 0, 1000);
	expect(p, (struct view){ 0 },
	       "<module> (/srv/a.py:30);A.f (/srv/a.py:6) 5\n"
	       "<module> (/srv/a.py:30) 2\n");
	expect(p, (struct view){ .idle = true },
	       "<module> (/srv/a.py:30);A.f (/srv/a.py:6) 5\n"
	       "<module> (/srv/a.py:30) 1002\n");
	profile_destroy(p);
}

Test(collapsed, merges_the_lines_of_a_function)
{
	struct profile *p = built_profile();
	thread_id t = built_thread(p, "", 7);

	built_add(p, t, built_call(p, STACK_EMPTY, "f", "a.py", 4, 6), RUNNING, 5);
	built_add(p, t, built_call(p, STACK_EMPTY, "f", "a.py", 4, 9), RUNNING, 6);
	expect(p, (struct view){ .functions = true }, "f (a.py:4) 11\n");
	profile_destroy(p);
}

Test(collapsed, tells_threads_apart)
{
	struct profile *p = built_profile();
	thread_id a = built_thread(p, "Main;Thread\n", 7), b = built_thread(p, "", 8);
	thread_id again = built_thread(p, "Main;Thread\n", 7);
	stack_id f = built_call(p, STACK_EMPTY, "f", "a.py", 4, 6);

	built_add(p, a, f, RUNNING, 1);
	built_add(p, b, f, RUNNING, 2);
	built_add(p, again, f, RUNNING, 4);
	expect(p, (struct view){ .threads = true },
	       "thread (7): Main:Thread ;f (a.py:6) 5\n"
	       "thread (8);f (a.py:6) 2\n");
	expect(p, (struct view){ 0 }, "f (a.py:6) 7\n");
	profile_destroy(p);
}

Test(collapsed, keeps_each_stack_on_one_line)
{
	struct profile *p = built_profile();
	thread_id t = built_thread(p, "", 7);

	built_add(p, t, built_call(p, STACK_EMPTY, "a;b\nc\rd\te", "x;y\n.py", 1, 2), RUNNING, 1);
	built_add(p, t, built_call(p, STACK_EMPTY, "u\xe2\x80\xa8v\xc2\x85w \xff", "s.py", 1, 2),
		  RUNNING, 2);
	built_add(p, t, built_call(p, STACK_EMPTY, "", "", 0, 0), RUNNING, 3);
	built_add(p, t, built_call(p, STACK_EMPTY, "\xe8\xa8\x88", "s.py", 0, 0), RUNNING, 4);
	expect(p, (struct view){ 0 },
	       "a:b c d e (x:y .py:2) 1\n"
	       "u v w \xef\xbf\xbd (s.py:2) 2\n"
	       "? 3\n"
	       "\xe8\xa8\x88 (s.py) 4\n");
	profile_destroy(p);
}

Test(collapsed, merges_what_reads_alike)
{
	struct profile *p = built_profile();
	thread_id t = built_thread(p, "", 7);
	stack_id a = built_call(p, STACK_EMPTY, "a;b", "a.py", 1, 2);
	stack_id b = built_call(p, STACK_EMPTY, "a:b", "a.py", 1, 2);
	stack_id c = built_call(p, STACK_EMPTY, "a:b", "a.py", 2, 2);

	built_add(p, t, built_call(p, a, "leaf", "a.py", 9, 9), RUNNING, 1);
	built_add(p, t, built_call(p, b, "leaf", "a.py", 9, 9), RUNNING, 2);
	built_add(p, t, built_call(p, c, "leaf", "a.py", 9, 9), RUNNING, 4);
	expect(p, (struct view){ 0 }, "a:b (a.py:2);leaf (a.py:9) 7\n");
	profile_destroy(p);
}

Test(collapsed, shows_omitted_frames_by_their_name_alone)
{
	struct profile *p = built_profile();
	thread_id t = built_thread(p, "", 7);
	struct profile_function f = {
		{ "<900 frames left out>", 21 }, { "x", 1 }, 3, FUNCTION_OMITTED
	};
	stack_id s = built_call(p, STACK_EMPTY, "f", "a.py", 1, 2);
	func_id id;

	cr_assert_eq(profile_function(p, &f, &id), PS_OK);
	cr_assert_eq(profile_push(p, s, id, 0, &s), PS_OK);
	built_add(p, t, s, RUNNING, 1);
	expect(p, (struct view){ 0 }, "f (a.py:2);<900 frames left out> 1\n");
	profile_destroy(p);
}

Test(collapsed, skips_stacks_without_frames)
{
	struct profile *p = built_profile();
	thread_id t = built_thread(p, "", 7);

	built_add(p, t, STACK_EMPTY, RUNNING, 1);
	expect(p, (struct view){ .threads = true, .idle = true }, "");
	profile_destroy(p);
}

Test(collapsed, writes_very_deep_stacks)
{
	struct profile *p = built_profile();
	thread_id t = built_thread(p, "", 7);
	stack_id s = STACK_EMPTY;
	size_t separators = 0;
	char *got;

	for (uint32_t i = 0; i < 5000; i++)
		s = built_call(p, s, "f", "a.py", 1, 2);
	built_add(p, t, s, RUNNING, 1);
	got = built_output(p, "collapsed", (struct view){ 0 });
	for (const char *c = got; *c; c++)
		separators += *c == ';';
	cr_expect_eq(separators, 4999);
	free(got);
	profile_destroy(p);
}

static void expect_io_error(const char *format)
{
	struct recording_facts facts = { .period_ns = 1 };
	struct profile *p = built_profile();
	struct writer_input in = { p, &facts, { 0 } };
	struct ps_err err = { "", "" };
	FILE *full = fopen("/dev/full", "w");

	built_add(p, built_thread(p, "", 7), built_call(p, STACK_EMPTY, "f", "a.py", 1, 2), RUNNING,
		  1);
	cr_expect_eq(writer_find(format)->write(&in, full, &err), PS_IO);
	cr_expect(strlen(err.msg) > 0);
	fclose(full);
	profile_destroy(p);
}

Test(collapsed, says_when_it_cannot_be_written)
{
	expect_io_error("collapsed");
	expect_io_error("flamegraph");
}
