/* SPDX-License-Identifier: MIT */
#include "profiler/heap_plan.h"

#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(heap_plan, knows_when)
{
	static const struct {
		const char *text;
		enum heap_when_kind kind;
		uint64_t value;
	} good[] = {
		{ "start", HEAP_AT_START, 0 },
		{ "end", HEAP_AT_END, 0 },
		{ "5s", HEAP_AT_TIME, 5000000000 },
		{ "250ms", HEAP_AT_TIME, 250000000 },
		{ "rss>2G", HEAP_AT_RSS, (uint64_t)2 << 30 },
		{ "rss>1.5g", HEAP_AT_RSS, (uint64_t)3 << 29 },
		{ "rss>500M", HEAP_AT_RSS, (uint64_t)500 << 20 },
		{ "rss>64KiB", HEAP_AT_RSS, 65536 },
		{ "rss>7", HEAP_AT_RSS, 7 },
	};
	static const char *const bad[] = { "",        "now",     "5x",    "rss>",
					   "rss>x",   "rss>-1G", "rss>0", "rss>1X",
					   "rss>1GG", "rss<1G",  "0s",    "rss>1e99" };
	struct heap_when w;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		cr_expect(heap_when_parse(good[i].text, &w), "%s", good[i].text);
		cr_expect(w.kind == good[i].kind && w.value == good[i].value, "%s", good[i].text);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_not(heap_when_parse(bad[i], &w), "%s", bad[i]);
}

static const char *const no_suffixes[] = { NULL };

/* The more of a name is kept, the fewer recordings share one: dumps replace those that are there. */
Test(heap_plan, names_the_files_after_the_recording)
{
	static const char *const suffixes[] = { ".collapsed", ".html", ".more.html", NULL };
	static const struct {
		const char *output, *base;
	} rows[] = {
		{ "/x/app.html", "/x/app" },
		{ "/x.y/app.collapsed.gz", "/x.y/app" },
		{ "app", "app" },
		{ "python3.13-42-20260102T030405.html", "python3.13-42-20260102T030405" },
		{ "a.b.HTML.gz", "a.b" },
		{ "a.more.html", "a" },
		{ "a.other", "a.other" },
		{ "/x/.html", "/x/.html" },
		{ ".gz", ".gz" },
		{ "", "" },
		{ "-", "pysample" },
		{ "/x/.hidden.html", "/x/.hidden" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct heap_plan p = { 0 };

		cr_assert_eq(heap_plan_begin(&p, 1, rows[i].output, suffixes, "psheap", 0, NULL),
			     PS_OK);
		cr_expect_str_eq(p.base, rows[i].base);
		heap_plan_deinit(&p);
	}
}

Test(heap_plan, the_one_that_cannot_be_is_named)
{
	static const char *const texts[] = { "start", "soon" };
	struct heap_plan p;
	struct ps_err err = { 0 };

	cr_expect_eq(heap_plan_parse(texts, 2, &p, &err), PS_USAGE);
	cr_expect(strstr(err.msg, "'soon'"));
	cr_expect_eq(heap_plan_parse(texts, 1, &p, &err), PS_OK);
	cr_expect_eq(p.n, 1u);
}

/* --- what is not taken is told --- */

static char told[512]; /* by the last of these */

static void note_missed(const char *what, const char *why)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof told - len, "%s: %s\n", what, why);
}

static void never_waits(unsigned n)
{
	cr_expect_fail("waited for %u", n);
}

static bool is_interrupted(void *ctx)
{
	(void)ctx;
	return false;
}

/* A recording of ten seconds, in which the target ended before anything was begun. */
static void end_without_target(const char *const *texts, unsigned n, unsigned asked)
{
	struct heap_plan_ending how = { false, never_waits, note_missed, is_interrupted, NULL };
	struct heap_plan p;

	told[0] = '\0';
	cr_assert_eq(heap_plan_parse(texts, n, &p, NULL), PS_OK);
	cr_assert_eq(heap_plan_begin(&p, 0, "x", no_suffixes, "psheap", 1000, NULL), PS_OK);
	heap_plan_end(&p, 10000001000, asked, &how);
	cr_expect_eq(p.nmoments, 0u);
	heap_plan_deinit(&p);
}

Test(heap_plan, none_is_left_out_without_a_word)
{
	static const char *const texts[] = { "end", "10s", "11s", "start", "rss>1T" };

	end_without_target(texts, 5, 2);
	cr_expect_str_eq(told, "10s: there is no such Python any more\n"
			       "start: there is no such Python any more\n"
			       "SIGUSR1: there is no such Python any more\n"
			       "SIGUSR1: there is no such Python any more\n"
			       "end: there is no such Python any more\n"
			       "11s: the recording was over before\n"
			       "rss>1T: the recording was over before\n");
}

/* As many as a recording can have were taken; those that fell due then are told when it ends. */
Test(heap_plan, those_beyond_the_most_are_told)
{
	static const char *const texts[] = { "start", "5s", "end" };
	struct heap_plan_ending how = { true, never_waits, note_missed, is_interrupted, NULL };
	struct heap_plan p;

	told[0] = '\0';
	cr_assert_eq(heap_plan_parse(texts, 3, &p, NULL), PS_OK);
	cr_assert_eq(heap_plan_begin(&p, 0, "x", no_suffixes, "psheap", 1000, NULL), PS_OK);
	p.nmoments = HEAP_MOMENTS_MAX;
	heap_plan_step(&p, 2000, 1);
	heap_plan_step(&p, 6000000000, 2);
	cr_expect_eq(p.nmoments, HEAP_MOMENTS_MAX);
	heap_plan_end(&p, 7000000000, 2, &how);
	cr_expect_str_eq(told, "start: a recording has at most 256\n"
			       "5s: a recording has at most 256\n"
			       "SIGUSR1: a recording has at most 256\n"
			       "SIGUSR1: a recording has at most 256\n"
			       "end: a recording has at most 256\n");
	heap_plan_deinit(&p);
}

Test(heap_plan, one_without_memory_is_told)
{
	static const char *const texts[] = { "end" };
	struct heap_plan_ending how = { true, never_waits, note_missed, is_interrupted, NULL };
	struct heap_plan p;

	told[0] = '\0';
	cr_assert_eq(heap_plan_parse(texts, 1, &p, NULL), PS_OK);
	cr_assert_eq(heap_plan_begin(&p, 0, "x", no_suffixes, "psheap", 1000, NULL), PS_OK);
	fail_alloc_at(1);
	heap_plan_end(&p, 2000, 0, &how);
	fail_alloc_at(0);
	cr_expect_str_eq(told, "end: there is not enough memory\n");
	cr_expect_eq(p.nmoments, 0u);
	heap_plan_deinit(&p);
}

Test(heap_plan, nothing_is_told_where_nothing_was_asked_for)
{
	end_without_target(NULL, 0, 0);
	cr_expect_str_eq(told, "");
}
