/* SPDX-License-Identifier: MIT */
/* bench/pieces.h - what a sampler reads in one call of its own, for a bare call of the same. */
#ifndef BENCH_PIECES_H
#define BENCH_PIECES_H

#include "profiler/sampler.h"

enum { PIECES_MAX = 1024 }; /* of one call: IOV_MAX */

struct pieces {
	struct iovec local[PIECES_MAX], remote[PIECES_MAX];
	unsigned n;
	unsigned char buffer[16 << 20];
	size_t used;
};

/* Copies keep away from their sources within a page, as those of capture.c do. */
static inline bool pieces_add(struct pieces *p, raddr at, uint32_t len)
{
	uint32_t ahead = (uint32_t)((uintptr_t)p->buffer + p->used - at) % 4096;

	if (ahead && ahead < 512)
		p->used += 512 - ahead;
	if (p->n == PIECES_MAX || p->used + len > sizeof p->buffer)
		return false;
	p->remote[p->n] = (struct iovec){ (void *)(uintptr_t)at, len };
	p->local[p->n++] = (struct iovec){ p->buffer + p->used, len };
	p->used += len;
	return true;
}

/* One look at all threads, as they were predicted for the next sample; so often as there is
 * room for, at most `times`. Returns how often: 0 if not once. */
static inline unsigned pieces_plan(struct pieces *p, const struct sampler *s, unsigned times)
{
	const struct layout *l = &s->site.layout;
	unsigned whole = 0;

	p->used = 0;
	for (unsigned i = 0, n = p->n = 0; i < times; i++, whole = i, n = p->n) {
		bool fits = true;

		for (uint32_t k = 0; k < s->nthreads && fits; k++) {
			const struct thread *t = &s->threads[k];

			fits = pieces_add(p, t->at, l->span[S_THREAD]);
			for (uint32_t c = 0; c < t->nchunks && fits; c++)
				fits = pieces_add(p, t->chunks[c].at, t->chunks[c].window);
		}
		if (!fits) {
			p->n = n;
			break;
		}
	}
	return whole;
}

#endif
