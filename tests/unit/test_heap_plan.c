/* SPDX-License-Identifier: MIT */
#include "profiler/heap_plan.h"

#include <criterion/criterion.h>
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

Test(heap_plan, names_the_files_after_the_recording)
{
	static const struct {
		const char *output, *base;
	} rows[] = {
		{ "/x/app.html", "/x/app" },
		{ "/x.y/app.collapsed.gz", "/x.y/app" },
		{ "app", "app" },
		{ "-", "pysample" },
		{ "/x/.hidden.html", "/x/.hidden" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct heap_plan p = { 0 };

		cr_assert_eq(heap_plan_begin(&p, 1, rows[i].output, 0, NULL), PS_OK);
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
