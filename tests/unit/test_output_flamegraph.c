/* SPDX-License-Identifier: MIT */
/* What can be said of the page without a browser; tests/page opens it in one. */
#include "tests/support/built_profile.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *page_of(const char *name)
{
	struct profile *p = built_profile();
	thread_id t = built_thread(p, name, 7);
	char *page;

	built_add(p, t, built_call(p, STACK_EMPTY, name, name, 1, 2),
		  STATE_GIL | STATE_WORK | STATE_CPU, 41);
	page = built_output(p, "flamegraph", (struct view){ 0 });
	profile_destroy(p);
	return page;
}

static unsigned occurrences(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

Test(flamegraph, has_columns_for_what_was_recorded)
{
	char *page = page_of("f");

	cr_expect(strstr(page, "\"strings\":[\"f\"]"));
	cr_expect(strstr(page, "\"nodes\":{\"up\":[1],\"frame\":[0]}"));
	cr_expect(strstr(page, "\"samples\":{\"thread\":[0],\"node\":[1],\"count\":[41]}"));
	free(page);
}

Test(flamegraph, fills_every_placeholder)
{
	char *page = page_of("f");

	cr_expect_eq(occurrences(page, "{{"), 0);
	free(page);
}

Test(flamegraph, names_add_no_elements)
{
	char *plain = page_of("f"), *evil = page_of("</script><script>alert(1)</script><!--");

	cr_expect_eq(occurrences(plain, "<script"), occurrences(evil, "<script"));
	cr_expect_eq(occurrences(plain, "</script"), occurrences(evil, "</script"));
	cr_expect_eq(occurrences(evil, "<script"), 2);
	free(plain);
	free(evil);
}

Test(flamegraph, names_that_look_like_placeholders_stay)
{
	char *page = page_of("{{data}}");

	cr_expect(strstr(page, "\"strings\":[\"{{data}}\"]"));
	free(page);
}

Test(flamegraph, asks_for_nothing_from_elsewhere)
{
	char *page = page_of("f");

	cr_expect(strstr(page, "default-src 'none'"));
	cr_expect_eq(occurrences(page, "http:") + occurrences(page, "https:"), 0);
	free(page);
}
