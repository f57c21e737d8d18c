/* SPDX-License-Identifier: MIT */
/* profiler/heap_cursor.h - bytes of a dump, taken one thing after the other.
 *
 * Whoever takes more than there is gets nothing, and `bad` stays set: a reader may take
 * some things and look once, as long as it uses nothing before. Nothing is aligned. */
#ifndef PROFILER_HEAP_CURSOR_H
#define PROFILER_HEAP_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a dump's words are read as they are");

struct heap_cursor {
	const unsigned char *at;
	uint64_t left;
	bool bad;
};

/* An array inside a dump. */
struct heap_words {
	const unsigned char *at;
};

static inline uint32_t heap_word32(struct heap_words w, uint64_t i)
{
	uint32_t v;

	memcpy(&v, w.at + 4 * i, sizeof v);
	return v;
}

static inline uint64_t heap_word64(struct heap_words w, uint64_t i)
{
	uint64_t v;

	memcpy(&v, w.at + 8 * i, sizeof v);
	return v;
}

/* n bytes, and what pads them to a multiple of 8. NULL: they are not there. */
static inline const unsigned char *heap_take_bytes(struct heap_cursor *c, uint64_t n)
{
	const unsigned char *at = c->at;
	uint64_t padded = (n + 7) & ~(uint64_t)7;

	if (c->bad || padded < n || padded > c->left) {
		c->bad = true;
		return NULL;
	}
	c->at += padded;
	c->left -= padded;
	return at;
}

static inline struct heap_words heap_take32(struct heap_cursor *c, uint64_t n)
{
	if (n > c->left / 4)
		c->bad = true;
	return (struct heap_words){ heap_take_bytes(c, c->bad ? 0 : 4 * n) };
}

static inline struct heap_words heap_take64(struct heap_cursor *c, uint64_t n)
{
	if (n > c->left / 8)
		c->bad = true;
	return (struct heap_words){ heap_take_bytes(c, c->bad ? 0 : 8 * n) };
}

/* A word; 0 if it is not there. */
static inline uint64_t heap_take_u64(struct heap_cursor *c)
{
	struct heap_words w = heap_take64(c, 1);

	return w.at ? heap_word64(w, 0) : 0;
}

/* Two words of 32 bits. */
static inline void heap_take_u32s(struct heap_cursor *c, uint32_t *ret_a, uint32_t *ret_b)
{
	struct heap_words w = heap_take32(c, 2);

	*ret_a = w.at ? heap_word32(w, 0) : 0;
	*ret_b = w.at ? heap_word32(w, 1) : 0;
}

#endif
