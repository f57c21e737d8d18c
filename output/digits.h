/* SPDX-License-Identifier: MIT */
/* output/digits.h - numbers onto a stream, tens of millions of them: in blocks. */
#ifndef OUTPUT_DIGITS_H
#define OUTPUT_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct digits {
	FILE *out;
	size_t n;
	char bytes[65536];
};

static inline void digits_flush(struct digits *d)
{
	fwrite(d->bytes, 1, d->n, d->out);
	d->n = 0;
}

static inline void digits_char(struct digits *d, char c)
{
	if (d->n == sizeof d->bytes)
		digits_flush(d);
	d->bytes[d->n++] = c;
}

static inline void digits_number(struct digits *d, uint64_t v)
{
	char text[20];
	size_t n = sizeof text;

	do {
		text[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	if (sizeof text > sizeof d->bytes - d->n)
		digits_flush(d);
	while (n < sizeof text)
		d->bytes[d->n++] = text[n++];
}

#endif
