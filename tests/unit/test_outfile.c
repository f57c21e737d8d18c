/* SPDX-License-Identifier: MIT */
#include "profiler/outfile.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *chosen(const char *pattern, const char *format)
{
	const struct writer *w;
	struct ps_err err = { 0 };

	if (outfile_choose_writer(pattern, format, &w, &err) == PS_OK)
		return w->name;
	cr_expect(err.msg[0]);
	for (const struct writer *const *i = writers; *i; i++)
		cr_expect(strstr(err.hint, (*i)->name), "%s", err.hint);
	cr_expect(strstr(err.hint, ".html"), "%s", err.hint);
	return "refused";
}

Test(outfile, the_suffix_decides_and_the_format_decides_before_it)
{
	cr_expect_str_eq(chosen(NULL, NULL), "flamegraph");
	cr_expect_str_eq(chosen("a.txt", NULL), "collapsed");
	cr_expect_str_eq(chosen("a.txt", "flamegraph"), "flamegraph");
	cr_expect_str_eq(chosen(NULL, "collapsed"), "collapsed");
	cr_expect_str_eq(chosen("-", NULL), "flamegraph");
	cr_expect_str_eq(chosen("a.txt.gz", NULL), "collapsed");
}

Test(outfile, a_name_without_a_meaning_is_a_flamegraphs)
{
	cr_expect_str_eq(chosen("a", NULL), "flamegraph");
	cr_expect_str_eq(chosen("a.2026-11-24", NULL), "flamegraph");
	cr_expect_str_eq(chosen("%n.%p", NULL), "flamegraph");
}

Test(outfile, a_name_that_means_something_else_is_refused)
{
	struct ps_err err = { 0 };
	const struct writer *w;

	cr_expect_str_eq(chosen("a.png", NULL), "refused");
	cr_expect_str_eq(chosen("a.cpuprofile", NULL), "refused");
	cr_expect_str_eq(chosen("a.html.xz", NULL), "refused");
	cr_expect_str_eq(chosen("a.png", "collapsed"), "collapsed", "it was said expressly");
	cr_expect_eq(outfile_choose_writer("x/a.png", NULL, &w, &err), PS_USAGE);
	cr_expect(strstr(err.msg, "x/a.png") && strstr(err.msg, "pictures"), "%s", err.msg);
}

Test(outfile, a_format_that_does_not_exist_is_refused)
{
	cr_expect_str_eq(chosen(NULL, "nonsense"), "refused");
	cr_expect_str_eq(chosen("a.txt", ""), "refused");
}
