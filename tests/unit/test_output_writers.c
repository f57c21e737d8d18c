/* SPDX-License-Identifier: MIT */
#include "output/writer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *format_of(const char *path)
{
	const struct writer *w = writer_for_file(path);

	return w ? w->name : "none";
}

Test(writers, are_found_by_name)
{
	cr_expect_str_eq(writer_find("collapsed")->name, "collapsed");
	cr_expect_str_eq(writer_find("flamegraph")->name, "flamegraph");
	cr_expect_null(writer_find("flame"));
	cr_expect_null(writer_find(""));
}

Test(writers, the_first_is_the_flamegraph)
{
	cr_expect_str_eq(writers[0]->name, "flamegraph");
	cr_expect_str_eq(writers[0]->suffixes[0], ".html");
}

Test(writers, every_row_is_complete)
{
	for (const struct writer *const *w = writers; *w; w++) {
		cr_expect_eq(writer_find((*w)->name), *w);
		cr_expect(strlen((*w)->summary) > 0);
		cr_expect_not_null((*w)->write);
		cr_expect_not_null((*w)->suffixes[0]);
	}
}

Test(writers, are_found_by_suffix)
{
	cr_expect_str_eq(format_of("a.html"), "flamegraph");
	cr_expect_str_eq(format_of("/tmp/a.b.folded"), "collapsed");
	cr_expect_str_eq(format_of("a.txt"), "collapsed");
	cr_expect_str_eq(format_of("a.collapsed"), "collapsed");
	cr_expect_str_eq(format_of("A.TXT"), "collapsed");
	cr_expect_str_eq(format_of("a.Html.GZ"), "flamegraph");
}

Test(writers, gz_may_follow_any_suffix)
{
	cr_expect_str_eq(format_of("a.html.gz"), "flamegraph");
	cr_expect_str_eq(format_of("a.txt.gz"), "collapsed");
	cr_expect_str_eq(format_of("a.gz"), "none");
	cr_expect_str_eq(format_of("a.txt.gz.gz"), "none");
}

Test(writers, other_names_belong_to_none)
{
	cr_expect_str_eq(format_of(""), "none");
	cr_expect_str_eq(format_of("html"), "none");
	cr_expect_str_eq(format_of("a.html/b"), "none");
	cr_expect_str_eq(format_of("a.htmlx"), "none");
	cr_expect_str_eq(format_of("dir/.html"), "none");
}

static void expect_foreign(const char *path, const char *what)
{
	const char *got = writer_foreign(path);

	cr_expect(got && strstr(got, what), "%s: %s", path, got ? got : "nothing");
}

Test(writers, know_names_that_mean_something_else)
{
	expect_foreign("a.png", "pictures");
	expect_foreign("/tmp/a.b.PNG", "pictures");
	expect_foreign("a.cpuprofile", "V8");
	expect_foreign("a.cpuprofile.gz", "V8");
	expect_foreign("a.html.zst", "zstd");
	expect_foreign("dir/cachegrind.out.77", "valgrind");
}

/* Names with a dot are common; what follows it need not mean anything. */
Test(writers, do_not_mind_names_that_mean_nothing)
{
	static const char *const names[] = { "a",          "a.2026-11-24", "a.gz", "dir.png/a",
					     "app.v2",     ".png",         "",     "-",
					     "/dev/stdout" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		cr_expect_null(writer_foreign(names[i]), "%s", names[i]);
	for (const struct writer *const *w = writers; *w; w++) {
		for (const char *const *s = (*w)->suffixes; *s; s++) {
			char name[64];

			snprintf(name, sizeof name, "a%s", *s);
			cr_expect_null(writer_foreign(name), "%s has a writer", name);
		}
	}
}

static bool shows(enum view_mode mode, bool idle, unsigned state)
{
	struct view v = { .mode = mode, .idle = idle };
	struct profile_total t = { .state = state, .count = 1 };

	return view_shows(&v, &t);
}

Test(view, hides_idle_threads_unless_asked)
{
	cr_expect_not(shows(MODE_WALL, false, 0));
	cr_expect_not(shows(MODE_WALL, false, STATE_EXCEPTION));
	cr_expect(shows(MODE_WALL, false, STATE_WORK));
	cr_expect(shows(MODE_WALL, false, STATE_WORK | STATE_GIL));
	cr_expect(shows(MODE_WALL, true, 0));
}

/* Each mode shows the samples that have its state, and idle ones only if asked. */
Test(view, modes_are_decided_by_what_each_sample_recorded)
{
	static const unsigned needs[NMODES] = { 0, STATE_CPU, STATE_GIL, STATE_EXCEPTION };

	for (unsigned m = 0; m < NMODES; m++) {
		for (unsigned state = 0; state < STATE_NCOMBINATIONS; state++) {
			bool has = (state & needs[m]) == needs[m];
			struct view v = { .mode = m };
			struct profile_total t = { .state = state };

			cr_expect_eq(shows(m, true, state), has, "mode %u, state %u", m, state);
			cr_expect_eq(shows(m, false, state), has && (state & STATE_WORK));
			cr_expect_eq(view_mode_hides(&v, &t), !has && (state & STATE_WORK));
		}
	}
}

Test(view, modes_have_names)
{
	cr_expect_str_eq(view_mode_name(MODE_WALL), "wall");
	cr_expect_str_eq(view_mode_name(MODE_CPU), "cpu");
	cr_expect_str_eq(view_mode_name(MODE_GIL), "gil");
	cr_expect_str_eq(view_mode_name(MODE_EXCEPTION), "exception");
}
