/* SPDX-License-Identifier: MIT */
#include "profiler/columns.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(columns, of_characters_narrow_wide_and_combining)
{
	static const struct {
		const char *text;
		unsigned columns;
	} rows[] = { { "", 0 },
		     { "abc", 3 },
		     { "w\303\266rker", 6 },
		     { "e\314\201", 1 },                /* an accent of its own */
		     { "\346\274\242\345\255\227", 4 }, /* two ideographs */
		     { "\360\237\220\215", 2 },         /* a snake */
		     { "\377\200", 2 },                 /* no UTF-8 */
		     { "\342\202", 2 } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_eq(columns_of(rows[i].text), rows[i].columns, "%zu", i);
}

Test(columns, what_fits_ends_between_characters)
{
	cr_expect_eq(columns_fit("abcdef", 3), 3);
	cr_expect_eq(columns_fit("abc", 9), 3);
	cr_expect_eq(columns_fit("abc", 0), 0);
	cr_expect_eq(columns_fit("w\303\266rker", 2), 3);
	cr_expect_eq(columns_fit("\346\274\242x", 1), 0);
	cr_expect_eq(columns_fit("\346\274\242x", 2), 3);
}

static char *written(const char *text, unsigned indent, unsigned width)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	columns_wrap(f, text, indent, width);
	fclose(f);
	return out;
}

Test(columns, lines_break_between_words)
{
	static const struct {
		const char *text;
		unsigned indent, width;
		const char *out;
	} rows[] = {
		{ "one two three four five six", 0, 0, "one two three four five six\n" },
		{ "one two three four five six", 0, 19, "one two three four five six\n" },
		{ "one two three four five six", 0, 20, "one two three four\nfive six\n" },
		{ "one two three four five six", 4, 24, "one two three four\n    five six\n" },
		{ "aaaaaaaaaabbbbbbbbbbcccccccccc x", 2, 22,
		  "aaaaaaaaaabbbbbbbbbb\n  cccccccccc x\n" },
		{ "aaaaaaaaaa bbbbbbbbb", 0, 20, "aaaaaaaaaa bbbbbbbbb\n" },
		{ "", 0, 80, "\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *out = written(rows[i].text, rows[i].indent, rows[i].width);

		cr_expect_str_eq(out, rows[i].out, "%zu: %s", i, out);
		free(out);
	}
}

Test(columns, no_text_makes_it_go_on_for_ever)
{
	/* Of every width, and with nothing but wide characters or broken ones. */
	static const char *const texts[] = { "\346\274\242\346\274\242\346\274\242", "\377\377\377",
					     "                        x",
					     "x                       " };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		for (unsigned width = 0; width < 60; width++) {
			char *out = written(texts[i], 3, width);

			cr_expect_lt(strlen(out), 200);
			free(out);
		}
	}
}

Test(columns, cells_are_filled_with_blanks)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	columns_put(f, "w\303\266", 4);
	columns_put(f, "toolong", 4);
	columns_put(f, "", 2);
	fclose(f);
	cr_expect_str_eq(out, "w\303\266  toolong  ");
	free(out);
}
