/* SPDX-License-Identifier: MIT */
/* profiler/unicode.h - CPython's str objects (PyUnicodeObject) as UTF-8.
 *
 * Source: cpython/unicodeobject.h of 3.13 to 3.15. */
#ifndef PROFILER_UNICODE_H
#define PROFILER_UNICODE_H

#include "offsets/layout.h"
#include "profiler/target.h"

enum {
	UNICODE_CHARS_MAX = 16 * 1024,                /* longer ones are cut, with an ellipsis */
	UNICODE_UTF8_MAX = UNICODE_CHARS_MAX * 4 + 4, /* room that is always enough */
};

struct unicode_shape {
	uint64_t length;  /* in characters, as the target says */
	unsigned width;   /* bytes a character: 1 (Latin-1), 2 or 4 */
	uint32_t data_at; /* from the object's start; 0: a pointer to it is at pointer_at */
	uint32_t pointer_at;
};

/* header: span[S_UNICODE] bytes of the object. False: this is no str. Pure. */
bool unicode_shape(const struct layout *l, const void *header,
		   struct unicode_shape *ret) PS_MUST_USE;

/* chars characters of width bytes each → UTF-8, at most UNICODE_UTF8_MAX bytes for
 * UNICODE_CHARS_MAX characters. Lone surrogates and what is no character become U+FFFD.
 * Returns the length. Pure. */
size_t unicode_to_utf8(const void *data, size_t chars, unsigned width, char *ret);

/* Reads the str at that address into ret, which has UNICODE_UTF8_MAX bytes. PS_TORN:
 * there is no str. */
enum ps_status unicode_read(struct target *t, const struct layout *l, raddr at, char *ret,
			    size_t *ret_len) PS_MUST_USE;

#endif
