/* SPDX-License-Identifier: MIT */
#include "output/json.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *text_as_json(const char *bytes, size_t len)
{
	char *out = NULL;
	size_t n = 0;
	struct json j = { .out = open_memstream(&out, &n) };

	json_text(&j, (struct profile_text){ bytes, (uint32_t)len });
	fclose(j.out);
	return out;
}

static void expect_text(const char *bytes, size_t len, const char *expected)
{
	char *got = text_as_json(bytes, len);

	cr_expect_str_eq(got, expected);
	free(got);
}

#define EXPECT(bytes, expected) expect_text(bytes, sizeof(bytes) - 1, expected)

Test(json, plain_text_stays)
{
	EXPECT("", "\"\"");
	EXPECT("Server.handle", "\"Server.handle\"");
	EXPECT("gr\xc3\xbc\xc3\x9f \xe8\xa8\x88 \xf0\x9f\x90\x8d",
	       "\"gr\xc3\xbc\xc3\x9f \xe8\xa8\x88 \xf0\x9f\x90\x8d\"");
}

Test(json, what_json_reserves_is_escaped)
{
	EXPECT("a\"b\\c", "\"a\\\"b\\\\c\"");
	EXPECT("\n\t\x01\x7f", "\"\\n\\u0009\\u0001\\u007f\"");
	EXPECT("a\0b", "\"a\\u0000b\"");
}

Test(json, nothing_ends_a_script_element)
{
	EXPECT("</script><!--", "\"\\u003c/script>\\u003c!--\"");
	EXPECT("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7", "\"\\u2028\\u2029\xe2\x80\xa7\"");
}

#define FFFD "\xef\xbf\xbd"

Test(json, invalid_utf8_becomes_the_replacement_character)
{
	EXPECT("\xff", "\"" FFFD "\"");
	EXPECT("a\xc3", "\"a" FFFD "\"");
	EXPECT("\xc0\xaf", "\"" FFFD FFFD "\"");
	EXPECT("\xe0\x80\x80", "\"" FFFD FFFD FFFD "\"");
	EXPECT("\xf4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\"");
	EXPECT("\xe8\xa8x", "\"" FFFD FFFD "x\"");
}

Test(json, lone_surrogates_become_replacement_characters)
{
	EXPECT("\xed\xa0\x80", "\"" FFFD FFFD FFFD "\"");
	EXPECT("\xed\xbf\xbf", "\"" FFFD FFFD FFFD "\"");
	EXPECT("\xed\x9f\xbf", "\"\xed\x9f\xbf\"");
}

Test(json, a_cut_sequence_is_not_read_past_its_end)
{
	static const char whole[] = "\xf0\x9f\x90\x8d";

	for (size_t len = 1; len < 4; len++) {
		char *tail = malloc(len), *got;

		memcpy(tail, whole, len);
		got = text_as_json(tail, len);
		cr_expect_eq(strlen(got), 2 + 3 * len);
		free(got);
		free(tail);
	}
}

Test(json, commas_and_numbers)
{
	char *out = NULL;
	size_t n = 0;
	struct json j = { .out = open_memstream(&out, &n) };

	json_open(&j, '{');
	json_key(&j, "a");
	json_open(&j, '[');
	json_uint(&j, 0);
	json_uint(&j, UINT64_MAX);
	json_int(&j, INT64_MIN);
	json_close(&j, ']');
	json_key(&j, "b");
	json_open(&j, '[');
	json_close(&j, ']');
	json_key(&j, "c");
	json_double(&j, 998.5);
	json_key(&j, "d");
	json_double(&j, NAN);
	json_key(&j, "e");
	json_bool(&j, true);
	json_key(&j, "f");
	json_string(&j, NULL);
	json_close(&j, '}');
	fclose(j.out);
	cr_expect_str_eq(out, "{\"a\":[0,18446744073709551615,-9223372036854775808],\"b\":[],"
			      "\"c\":998.5,\"d\":null,\"e\":true,\"f\":\"\"}");
	free(out);
}
