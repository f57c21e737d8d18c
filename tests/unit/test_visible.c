/* SPDX-License-Identifier: MIT */
#include "profiler/visible.h"

#include <criterion/criterion.h>
#include <string.h>

static void check(const char *text, bool ascii, const char *wanted)
{
	char seen[256];
	size_t n = visible_text(text, strlen(text), ascii, seen);

	cr_expect_eq(n, strlen(wanted), "%s", wanted);
	cr_expect_eq(memcmp(seen, wanted, n), 0, "%s", wanted);
}

Test(visible, what_would_steer_a_terminal_is_made_visible)
{
	check("", false, "");
	check("plain\n\ttext", false, "plain\n\ttext");
	check("\x1b[2J", false, "\\x1b[2J");
	check("a\rb\x7f", false, "a\\x0db\\x7f");
	check("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8d", false,
	      "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8d");
	check("\xc2\x9b\xc2\xa0", false, "\\xc2\\x9b\xc2\xa0");
}

/* A terminal puts together what it gets one after the other. */
Test(visible, no_part_of_a_character_passes)
{
	check("a\xc2", false, "a\\xc2");
	check("\x9b\x31m", false, "\\x9b1m");
	check("\xe2\x82", false, "\\xe2\\x82");
	check("\xf0\x9f\x90", false, "\\xf0\\x9f\\x90");
	check("\xe2\xc2\x9b", false, "\\xe2\\xc2\\x9b");
	check("\xc0\x9b\xe0\x82\x9b", false, "\\xc0\\x9b\\xe0\\x82\\x9b");
	check("\xed\xa0\x80\xff", false, "\\xed\\xa0\\x80\\xff");
}

Test(visible, only_ascii_if_that_is_wanted)
{
	check("gr\xc3\xbc\n", true, "gr\\xc3\\xbc\n");
}
