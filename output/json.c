/* SPDX-License-Identifier: MIT */
#include "output/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void separate(struct json *j)
{
	if (j->comma)
		putc(',', j->out);
	j->comma = true;
}

void json_open(struct json *j, char bracket)
{
	separate(j);
	putc(bracket, j->out);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	putc(bracket, j->out);
	j->comma = true;
}

void json_key(struct json *j, const char *key)
{
	json_string(j, key);
	putc(':', j->out);
	j->comma = false;
}

/* The second byte's range is what excludes overlong forms, surrogates and what lies
 * beyond U+10FFFF (The Unicode Standard, table 3-7). */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return second >= 0x80 && second <= 0xbf;
	}
}

unsigned utf8_length(const unsigned char *s, size_t n)
{
	unsigned len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n < len || !second_byte_fits(s[0], s[1]))
		return 0;
	for (unsigned i = 2; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static bool must_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c == '<' || c == 0x7f;
}

static void escape(FILE *out, unsigned char c)
{
	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", c);
	else if (c == '\n')
		fputs("\\n", out);
	else
		fprintf(out, "\\u%04x", c);
}

static void put_sequence(FILE *out, const unsigned char *s, unsigned len)
{
	if (len == 0)
		fputs("\xef\xbf\xbd", out);
	else if (len == 1)
		escape(out, *s);
	else if (len == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
		fprintf(out, "\\u20%02x", s[2] - 0x80);
	else
		fwrite(s, 1, len, out);
}

void json_text(struct json *j, struct profile_text t)
{
	const unsigned char *s = (const unsigned char *)t.at;
	uint32_t i = 0, plain = 0;

	separate(j);
	putc('"', j->out);
	for (;;) {
		while (plain < t.len && s[plain] < 0x80 && !must_escape(s[plain]))
			plain++;
		if (plain > i)
			fwrite(s + i, 1, plain - i, j->out);
		if (plain == t.len)
			break;
		i = plain;
		unsigned len = utf8_length(s + i, t.len - i);
		put_sequence(j->out, s + i, len);
		i = plain = i + (len ? len : 1);
	}
	putc('"', j->out);
}

void json_string(struct json *j, const char *s)
{
	json_text(j, (struct profile_text){ s ? s : "", s ? (uint32_t)strlen(s) : 0 });
}

/* Pages hold millions of numbers: several times as fast as printf. */
void json_uint(struct json *j, uint64_t v)
{
	char digits[20];
	size_t n = sizeof digits;

	separate(j);
	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	fwrite(digits + n, 1, sizeof digits - n, j->out);
}

void json_int(struct json *j, int64_t v)
{
	separate(j);
	fprintf(j->out, "%" PRId64, v);
}

void json_double(struct json *j, double v)
{
	char text[40], *comma;

	separate(j);
	if (!isfinite(v)) {
		fputs("null", j->out);
		return;
	}
	snprintf(text, sizeof text, "%.15g", v);
	/* Some locales' decimal point is none of JSON's. */
	comma = strchr(text, ',');
	if (comma)
		*comma = '.';
	fputs(text, j->out);
}

void json_bool(struct json *j, bool v)
{
	separate(j);
	fputs(v ? "true" : "false", j->out);
}
