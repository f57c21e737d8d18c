/* SPDX-License-Identifier: MIT */
#include "profiler/capture.h"

#include <stdlib.h>

enum {
	PIECES_MAX = 1024, /* IOV_MAX: what one call takes */
	BUFFER_BYTES = 2 << 20,
	THREADS_PER_BATCH = 256,
	EXTRAS_MAX = 64,
};
_Static_assert(COPY_MAX + FOREIGN_MAX * 256 + 1024 < BUFFER_BYTES, "a thread fits");
_Static_assert(REGIONS_MAX + FOREIGN_MAX + 1 < PIECES_MAX, "a thread fits");

enum piece_kind { PIECE_EXTRA, PIECE_STATE, PIECE_FOREIGN, PIECE_DATA };

struct piece {
	enum piece_kind kind;
	uint32_t offset; /* in the buffer */
	uint32_t got;
	uint32_t size;
};

struct capture_batch {
	struct target *target;
	const struct layout *layout;
	unsigned char *buffer;
	uint32_t used;
	struct iovec remote[PIECES_MAX];
	struct piece piece[PIECES_MAX];
	unsigned npieces;
	struct {
		unsigned first, n, gap;
	} thread[THREADS_PER_BATCH];
	unsigned nthreads;
	unsigned extra[EXTRAS_MAX];
	unsigned nextras;
};

enum ps_status capture_create(struct target *t, const struct layout *l, struct capture_batch **ret)
{
	struct capture_batch *b = calloc(1, sizeof *b);

	if (!b)
		return PS_NOMEM;
	b->buffer = malloc(BUFFER_BYTES);
	if (!b->buffer) {
		free(b);
		return PS_NOMEM;
	}
	b->target = t;
	b->layout = l;
	*ret = b;
	return PS_OK;
}

void capture_destroy(struct capture_batch *b)
{
	if (!b)
		return;
	free(b->buffer);
	free(b);
}

void capture_set_layout(struct capture_batch *b, const struct layout *l)
{
	b->layout = l;
}

void capture_reset(struct capture_batch *b)
{
	b->used = 0;
	b->npieces = b->nthreads = b->nextras = 0;
}

static void add_piece(struct capture_batch *b, enum piece_kind kind, raddr at, uint32_t len,
		      uint32_t size)
{
	b->remote[b->npieces] = (struct iovec){ (void *)(uintptr_t)at, len };
	b->piece[b->npieces++] = (struct piece){ kind, b->used, 0, size };
	b->used += (len + 7) & ~7u;
}

bool capture_add_extra(struct capture_batch *b, raddr at, uint32_t len)
{
	if (b->npieces == PIECES_MAX || b->nextras == EXTRAS_MAX || len > BUFFER_BYTES - b->used)
		return false;
	b->extra[b->nextras++] = b->npieces;
	add_piece(b, PIECE_EXTRA, at, len, len);
	return true;
}

static bool has_room(const struct capture_batch *b, const struct thread *t)
{
	uint64_t bytes = b->layout->span[S_THREAD] + 8 +
			 (uint64_t)t->nforeign * (b->layout->span[S_FRAME] + 8);
	unsigned pieces = 1 + t->nforeign;

	for (uint32_t i = 0; i < t->nchunks; i++) {
		if (t->chunks[i].window) {
			bytes += t->chunks[i].window + 8;
			pieces++;
		}
	}
	return b->nthreads < THREADS_PER_BATCH && b->npieces + pieces <= PIECES_MAX &&
	       bytes <= BUFFER_BYTES - b->used;
}

/* Foreign frames before the data stack: a chunk that has been unmapped, the newest, ends
 * the call, and so costs nothing else of this thread. */
bool capture_add(struct capture_batch *b, const struct thread *t)
{
	unsigned first = b->npieces, gap = 0, ndata = 0;

	if (!has_room(b, t))
		return false;
	add_piece(b, PIECE_STATE, t->at, b->layout->span[S_THREAD], b->layout->span[S_THREAD]);
	for (unsigned i = 0; i < t->nforeign; i++)
		add_piece(b, PIECE_FOREIGN, t->foreign[i].at, b->layout->span[S_FRAME],
			  b->layout->span[S_FRAME]);
	for (uint32_t i = 0; i < t->nchunks; i++) {
		const struct chunk *c = &t->chunks[i];

		if (!c->window || ndata == REGIONS_MAX)
			continue;
		if (t->gap_to > t->gap_from && i >= t->gap_to && !gap)
			gap = ndata;
		add_piece(b, PIECE_DATA, c->at, c->window, c->size);
		ndata++;
	}
	b->thread[b->nthreads].first = first;
	b->thread[b->nthreads].n = b->npieces - first;
	b->thread[b->nthreads++].gap = gap;
	return true;
}

/* Pieces lie in the buffer in their order, each rounded up to eight bytes; what the
 * kernel fills must be one run of bytes, so all lengths are multiples of eight but for
 * a struct's, and then the local side is given piece by piece. */
enum ps_status capture_read(struct capture_batch *b)
{
	struct iovec local[PIECES_MAX];

	for (unsigned i = 0; i < b->npieces; i++)
		local[i] = (struct iovec){ b->buffer + b->piece[i].offset, b->remote[i].iov_len };
	for (unsigned i = 0; i < b->npieces;) {
		size_t got;
		enum ps_status st = target_readv(b->target, local + i, b->npieces - i,
						 b->remote + i, b->npieces - i, &got);

		if (st != PS_OK && st != PS_FAULT)
			return st;
		for (; i < b->npieces && got >= b->remote[i].iov_len; i++) {
			b->piece[i].got = (uint32_t)b->remote[i].iov_len;
			got -= b->remote[i].iov_len;
		}
		/* The one that stopped the call has come in part; go on behind it. */
		if (i < b->npieces)
			b->piece[i++].got = (uint32_t)got;
	}
	return PS_OK;
}

const unsigned char *capture_extra(const struct capture_batch *b, unsigned i)
{
	unsigned p = b->extra[i];

	return b->piece[p].got == b->piece[p].size ? b->buffer + b->piece[p].offset : NULL;
}

unsigned capture_nthreads(const struct capture_batch *b)
{
	return b->nthreads;
}

void capture_get(const struct capture_batch *b, unsigned which, struct capture *ret)
{
	unsigned first = b->thread[which].first, n = b->thread[which].n;

	ret->state = NULL;
	ret->nforeign = ret->ndata = 0;
	ret->gap = b->thread[which].gap;
	for (unsigned i = first; i < first + n; i++) {
		const struct piece *p = &b->piece[i];
		struct region r = { (uintptr_t)b->remote[i].iov_base, p->got,
				    (uint32_t)b->remote[i].iov_len, p->size, b->buffer + p->offset };

		if (p->kind == PIECE_STATE)
			ret->state = p->got == p->size ? r.bytes : NULL;
		else if (p->kind == PIECE_FOREIGN)
			ret->foreign[ret->nforeign++] = r;
		else
			ret->data[ret->ndata++] = r;
	}
}
