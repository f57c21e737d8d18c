/* SPDX-License-Identifier: MIT */
#include "profiler/near.h"

#include <criterion/criterion.h>

static void expect(const char *a, const char *b, unsigned distance)
{
	cr_expect_eq(near_distance(a, b), distance, "%s %s: %u", a, b, near_distance(a, b));
	cr_expect_eq(near_distance(b, a), distance, "%s %s: %u", b, a, near_distance(b, a));
}

Test(near, counts_letters_that_are_mistyped)
{
	expect("Session", "Session", 0);
	expect("session", "SESSION", 0);
	expect("Sesion", "Session", 1);
	expect("Sessoin", "Session", 2);
	expect("app.Cashe", "app.Cache", 1);
	expect("dct", "dict", 1);
}

Test(near, what_is_another_name_is_not)
{
	char longest[NEAR_BYTES + 1], longer[NEAR_BYTES + 2];

	expect("list", "dict", 2);
	expect("int", "str", NEAR_NOT);
	expect("x", "y", NEAR_NOT);
	expect("", "", 0);
	expect("", "a", NEAR_NOT);
	expect("Session", "Connection", NEAR_NOT);
	memset(longest, 'a', sizeof longest);
	memset(longer, 'a', sizeof longer);
	longest[NEAR_BYTES] = longer[NEAR_BYTES + 1] = '\0';
	expect(longest, longest, 0);
	expect(longer, longer, NEAR_NOT);
}
