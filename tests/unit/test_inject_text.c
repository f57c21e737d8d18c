/* SPDX-License-Identifier: MIT */
#include "profiler/inject_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(inject_text, any_bytes_become_ascii_that_python_reads_back)
{
	char *args[] = { (char[]){ "a\"b" }, (char[]){ "\xff\n" }, NULL };
	struct inject_text t = { .inner_pid = 7,
				 .folder = "/tmp/x",
				 .source = "print('\\\xe2\x82\xac')\n\0z",
				 .len = 16,
				 .name = "na\"me",
				 .args = args };
	char *text;
	size_t len;

	cr_assert_eq(inject_text_make(&t, &text, &len, NULL), PS_OK);
	cr_expect_eq(strlen(text), len);
	for (size_t i = 0; i < len; i++)
		cr_expect(text[i] == '\n' || (text[i] >= 0x20 && text[i] <= 0x7e));
	cr_expect(strstr(text, "PID = 7\nFOLDER = b\"/tmp/x\"\n") == text);
	cr_expect(strstr(text, "\nSOURCE = b\"print('\\x5c\\xe2\\x82\\xac')\\n\\x00z\"\n"));
	cr_expect(strstr(text, "NAME = b\"na\\x22me\".decode("));
	cr_expect(strstr(text, "ARGS = (b\"a\\x22b\".decode("));
	cr_expect(strstr(text, "b\"\\xff\\n\".decode(\"utf-8\", \"surrogateescape\"), )\n"));
	cr_expect(strstr(text, "\nDETACH = False\n"));
	cr_expect(strstr(text, "\nPYPY = None\n"));
	free(text);
}

Test(inject_text, what_is_for_pypy_alone_others_need_not_compile)
{
	struct inject_text t = { .folder = "/tmp/x", .source = "", .name = "n" };
	char *text, *longer;
	size_t len, longer_len;

	cr_assert_eq(inject_text_make(&t, &text, &len, NULL), PS_OK);
	t.pypy = true;
	cr_assert_eq(inject_text_make(&t, &longer, &longer_len, NULL), PS_OK);
	cr_expect_null(strstr(text, "PYPY = (pysample_close_own_file"));
	cr_expect(strstr(longer, "\nPYPY = (pysample_close_own_file"));
	cr_expect_gt(longer_len, len);
	free(longer);
	free(text);
}

Test(inject_text, what_is_seldom_needed_is_a_literal_not_code)
{
	struct inject_text t = { .folder = "/tmp/x", .source = "", .name = "n" };
	char *text;
	size_t len;

	cr_assert_eq(inject_text_make(&t, &text, &len, NULL), PS_OK);
	cr_expect(strstr(text, "\\ndef pysample_seldom("));
	cr_expect_null(strstr(text, "\ndef pysample_seldom("));
	free(text);
}
