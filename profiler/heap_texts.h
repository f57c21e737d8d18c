/* SPDX-License-Identifier: MIT */
/* profiler/heap_texts.h - texts with numbers, each once. Text 0 is the empty one. */
#ifndef PROFILER_HEAP_TEXTS_H
#define PROFILER_HEAP_TEXTS_H

#include "profiler/mem.h"
#include "profiler/profile.h"

struct heap_texts {
	struct profile_text *v;
	uint32_t n;

	uint32_t cap; /* the rest is their own business */
	struct mem *mem;
	uint32_t seed; /* of their hashes */
	struct arena arena;
	struct table table;
};

/* heap_texts_deinit() is to be called after failure, too. */
enum ps_status heap_texts_init(struct heap_texts *t, struct mem *m) PS_MUST_USE;
void heap_texts_deinit(struct heap_texts *t);
/* The same bytes always have the same number. They are copied, whatever they are. */
enum ps_status heap_texts_add(struct heap_texts *t, struct profile_text text,
			      uint32_t *ret) PS_MUST_USE;

#endif
