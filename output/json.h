/* SPDX-License-Identifier: MIT */
/* output/json.h - JSON onto a stream, without blanks.
 *
 * Text comes out so that it may lie inside an HTML <script>: "<" is escaped, as are the
 * two line separators that JavaScript knows besides newlines. What is no valid UTF-8
 * (encoded surrogates included) comes out as U+FFFD. Commas are put by the emitter.
 * Write errors stay with the stream: ferror().
 */
#ifndef OUTPUT_JSON_H
#define OUTPUT_JSON_H

#include "profiler/profile.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool comma; /* a value stands before this one */
};

void json_open(struct json *j, char bracket);  /* '{' or '[' */
void json_close(struct json *j, char bracket); /* '}' or ']' */
void json_key(struct json *j, const char *key);
void json_text(struct json *j, struct profile_text t);
void json_string(struct json *j, const char *s); /* NULL is "" */
void json_uint(struct json *j, uint64_t v);
void json_int(struct json *j, int64_t v);
void json_double(struct json *j, double v); /* null if it is not finite */
void json_bool(struct json *j, bool v);

/* The length of the UTF-8 sequence at s (of n > 0 bytes); 0 if there is no valid one. */
unsigned utf8_length(const unsigned char *s, size_t n);

#endif
