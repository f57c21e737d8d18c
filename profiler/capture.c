/* SPDX-License-Identifier: MIT */
#include "profiler/capture.h"

#include "profiler/clock.h"
#include "profiler/copytime.h"
#include "profiler/mem.h"

#include <stdlib.h>

enum {
	PIECES_MAX = 1024,      /* IOV_MAX: what one call takes */
	BUFFER_BYTES = 3 << 20, /* of which what is used is touched */
	THREADS_PER_BATCH = 256,
	EXTRAS_MAX = 64,
	GROUP_MAX = 8192, /* bytes of one piece with several foreign frames */
	GROUP_GAP = 4096,
	AGAIN_BYTES = 16384,
	PAGE = 4096,
	PAGES_MANY = 3,  /* for which it is worth a call to know which of them */
	AHEAD_MIN = 512, /* how far a copy lies ahead of its source, by their place in a page */
	HELD_TRIES = 3,  /* copies that were held up are made again */
};
_Static_assert(COPY_MAX + 2 * (FOREIGN_MAX * GROUP_MAX + HINGES_MAX * AGAIN_BYTES) + 1024 +
			       (REGIONS_MAX + 2 * (FOREIGN_MAX + HINGES_MAX + 4)) * AHEAD_MIN <
		       BUFFER_BYTES,
	       "a thread fits");
_Static_assert(REGIONS_MAX + 2 * (FOREIGN_MAX + HINGES_MAX + 4) < PIECES_MAX, "a thread fits");

enum piece_kind {
	PIECE_EXTRA,
	PIECE_STATE,
	PIECE_FOREIGN,
	PIECE_DATA,
	PIECE_PAUSE,
	PIECE_AGAIN,
	PIECE_FOREIGN_AGAIN
};

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
		const struct thread *plan;
		raddr began; /* current_frame, read by itself; 0: was not */
	} thread[THREADS_PER_BATCH];
	unsigned nthreads;
	struct {
		raddr at;
		uint32_t len;
		unsigned piece;
		bool after; /* all threads */
	} extra[EXTRAS_MAX];
	unsigned nextras;
	uint64_t most_bytes; /* that the pieces take, wherever they come to lie */
	bool looks_first, has_foreign, slow;
	bool paused;
	struct copytime time[2]; /* of calls without and with foreign frames */
	uint64_t batches;        /* so far */
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

void capture_reset(struct capture_batch *b, bool paused)
{
	b->batches++;
	b->used = 0;
	b->npieces = b->nthreads = b->nextras = 0;
	b->most_bytes = 0;
	b->looks_first = b->has_foreign = false;
	b->paused = paused;
}

/* A processor tells a load from an earlier store by the address within a page first. A copy
 * that goes a few bytes ahead of its source, so far as that shows, has each load wait for the
 * store before: 4 KiB that the target writes to took 11 us instead of 2.3 (AMD Zen 3; Intel
 * calls it 4K aliasing). That was no one moment any more: `main` of bench/targets/families.py
 * was met in 45 % of the samples instead of 16. */
static uint32_t away_from_source(const struct capture_batch *b, raddr at)
{
	uint32_t ahead = (uint32_t)((uintptr_t)b->buffer + b->used - at) % PAGE;

	return ahead && ahead < AHEAD_MIN ? AHEAD_MIN - ahead : 0;
}

static void add_piece(struct capture_batch *b, enum piece_kind kind, raddr at, uint32_t len,
		      uint32_t size)
{
	b->used += away_from_source(b, at);
	b->remote[b->npieces] = (struct iovec){ (void *)(uintptr_t)at, len };
	b->piece[b->npieces++] = (struct piece){ kind, b->used, 0, size };
	b->used += (len + 7) & ~7u;
}

/* Is there room for as much, wherever each piece comes to lie? */
static bool has_room(const struct capture_batch *b, uint64_t bytes, unsigned pieces)
{
	return pieces + b->nextras <= PIECES_MAX - b->npieces &&
	       bytes + (uint64_t)pieces * AHEAD_MIN <= BUFFER_BYTES - b->most_bytes;
}

/* Notes what these pieces take at most. */
static void note_most(struct capture_batch *b, unsigned first)
{
	for (unsigned i = first; i < b->npieces; i++)
		b->most_bytes += b->remote[i].iov_len + 8 + AHEAD_MIN;
}

static void add_extras(struct capture_batch *b, unsigned from, bool after)
{
	for (unsigned i = from; i < b->nextras; i++) {
		if (b->extra[i].after != after)
			continue;
		b->extra[i].piece = b->npieces;
		add_piece(b, PIECE_EXTRA, b->extra[i].at, b->extra[i].len, b->extra[i].len);
	}
}

bool capture_add_extra(struct capture_batch *b, raddr at, uint32_t len, bool after)
{
	if (b->nextras == EXTRAS_MAX || !has_room(b, len + 8ull, 1))
		return false;
	b->extra[b->nextras].at = at;
	b->extra[b->nextras].len = len;
	b->extra[b->nextras++].after = after;
	add_extras(b, b->nextras - 1, false);
	b->most_bytes += len + 8 + AHEAD_MIN;
	return true;
}

static bool has_room_for(const struct capture_batch *b, const struct thread *t)
{
	/* At most: many foreign frames share a piece. */
	uint64_t bytes = b->layout->span[S_THREAD] + 8 +
			 2 * ((uint64_t)t->nforeign * GROUP_MAX + HINGES_MAX * AGAIN_BYTES + 32);
	unsigned pieces = 2 + 2 * (4 + HINGES_MAX + t->nforeign);

	for (uint32_t i = 0; i < t->nchunks; i++) {
		if (t->chunks[i].window) {
			bytes += t->chunks[i].window + 8;
			pieces++;
		}
	}
	return b->nthreads < THREADS_PER_BATCH && has_room(b, bytes, pieces);
}

/* The foreign frames from i on that one piece covers: those of generators lie together in
 * the allocator's pools, and entry frames on the C stack. A piece costs as much time as a
 * page, and time is what lets the copies drift apart. Returns the index behind them. */
static unsigned group_end(const struct capture_batch *b, const struct thread *t, unsigned i,
			  uint32_t *ret_len)
{
	uint32_t span = b->layout->span[S_FRAME];
	raddr from = t->foreign[i].at, end = from + span;

	for (i++; i < t->nforeign; i++) {
		raddr next = t->foreign[i].at + span;

		if (t->foreign[i].at - from > GROUP_MAX - span ||
		    (t->foreign[i].at > end && t->foreign[i].at - end > GROUP_GAP))
			break;
		end = next > end ? next : end;
	}
	*ret_len = (uint32_t)(end - from);
	return i;
}

static void add_foreign(struct capture_batch *b, const struct thread *t, enum piece_kind kind)
{
	for (unsigned i = 0; i < t->nforeign;) {
		if (kind == PIECE_FOREIGN_AGAIN && !t->foreign[i].generator) {
			i++;
			continue;
		}
		/* The exceptions that a generator handles stand before its frame. */
		uint32_t before = t->foreign[i].generator ? b->layout->exc_before_frame : 0, len;
		raddr from = t->foreign[i].at - before;

		i = group_end(b, t, i, &len);
		add_piece(b, kind, from, before + len, before + len);
	}
}

static void add_again(struct capture_batch *b, const struct thread *t, uint32_t pauses)
{
	if (!t->nforeign)
		return;
	/* At uneven distances, so that a loop of the target that takes as long as from one
	 * copy to the other is not met at the same place each time. */
	for (uint32_t i = pauses; i > 0; i--)
		add_piece(b, PIECE_PAUSE, t->at, 8, 8);
	for (unsigned i = 0; i < t->nhinges; i++) {
		const struct chunk *c =
			t->hinges[i].chunk < t->nchunks ? &t->chunks[t->hinges[i].chunk] : NULL;
		uint32_t from = t->hinges[i].from, to = t->hinges[i].to;

		if (!c || !c->window || from >= c->window)
			continue;
		if (to > c->window)
			to = c->window;
		if (to - from > AGAIN_BYTES)
			from = to - AGAIN_BYTES;
		add_piece(b, PIECE_AGAIN, c->at + from, to - from, to - from);
	}
}

static void add_state(struct capture_batch *b, const struct thread *t)
{
	add_piece(b, PIECE_STATE, t->at, b->layout->span[S_THREAD], b->layout->span[S_THREAD]);
}

/* Is nothing but frames of its data stack on its stack, in few pages, as far as is known? Then what
 * is current leads to the whole of it, also if that has ended by the time that it is copied
 * (unwind_moment.c). An entry frame may be below the lowest (3.14). What a frame leaves that ran a
 * copy of its bytecode of the thread's own does not tell its code; and who reads without a pause has
 * the target fetch all back all the time, and gains nothing by it. */
static bool tells_moment(const struct capture_batch *b, const struct thread *t)
{
	bool entered = t->nforeign == 1 && t->nframes && t->foreign[0].at == t->frames[0].previous;

	return b->paused && b->layout->clears_executable && !layout_has(b->layout, F_CODE_TLBC) &&
	       !t->has_generators && (!t->nforeign || entered) && t->nchunks &&
	       !capture_looks_first(b, t);
}

/* What is read first is true of its moment; what is read later is met too often where the
 * target has to fetch back what was read before. Where there are generators, what was current
 * tells more than anything else which of them was on top, so that it comes first; distances to
 * the truth on 3.15 were 12 instead of 21 (generators), 11 instead of 17 (pipeline), 22
 * instead of 23 (library). On 3.13 it is the data stack that tells more there (coroutines 12
 * instead of 22).
 * Elsewhere all is told by the data stack: with it first, classes had 5 instead of 11. But
 * 3.13 leaves frames that look alive, against which the delay helps: with the thread state
 * first fewer calls are made while the data stack is copied.
 * Where all is called by bytecode, what was current tells it all: families had 4 to 9 instead of 11
 * to 14, but exceptions 7 instead of 5. */
static bool state_comes_first(const struct capture_batch *b, const struct thread *t)
{
	return !t->nchunks || b->layout->clears_executable == t->has_generators ||
	       tells_moment(b, t);
}

/* The sooner the data stack is copied after it, the better. A few bytes of it that hardly ever change,
 * read before, have the kernel find the way to it: families had 8 instead of 12. */
static void add_warming(struct capture_batch *b, const struct thread *t)
{
	if (thread_moves(t) && tells_moment(b, t))
		add_piece(b, PIECE_PAUSE, t->chunks[0].at, 8, 8);
}

/* --- where a stack takes several copies --- */

bool capture_looks_first(const struct capture_batch *b, const struct thread *t)
{
	uint32_t pages = 0;

	if (!b->layout->clears_executable || t->has_generators)
		return false;
	for (uint32_t i = 0; i < t->nchunks && pages < PAGES_MANY; i++) {
		const struct chunk *c = &t->chunks[i];

		if (c->window)
			pages += (uint32_t)((c->at + c->window - 1) / PAGE - c->at / PAGE + 1);
	}
	return pages >= PAGES_MANY;
}

/* The chunk in which that is, as one behind its index; 0: it is in none. */
static uint32_t chunk_behind(const struct thread *t, raddr at)
{
	uint32_t i = t->nchunks;

	while (i > 0 && at - t->chunks[i - 1].at >= t->chunks[i - 1].size)
		i--;
	return i;
}

/* So many bytes of a chunk are copied: nothing above the frame that was current. What is read
 * has to be fetched back by the target, when it comes there again. */
static uint32_t wanted(const struct capture_batch *b, const struct thread *t, uint32_t chunk,
		       uint32_t top, raddr began)
{
	const struct chunk *c = &t->chunks[chunk];
	raddr end = began + (b->layout->span[S_FRAME] + 7u) / 8 * 8 - c->at;

	if (top == 0 || chunk + 1 < top)
		return c->window;
	if (chunk >= top)
		return 0;
	return end < c->window ? (uint32_t)end : c->window;
}

/* Reads by itself what is current in those threads. */
static enum ps_status look_first(struct capture_batch *b)
{
	struct iovec local[THREADS_PER_BATCH], remote[THREADS_PER_BATCH];
	unsigned n = 0;
	size_t got;
	enum ps_status st;

	for (unsigned i = 0; i < b->nthreads; i++) {
		const struct thread *t = b->thread[i].plan;
		raddr at = t->at + b->layout->at[F_THREAD_FRAME];

		b->thread[i].began = 0;
		if (!capture_looks_first(b, t))
			continue;
		local[n] = (struct iovec){ &b->thread[i].began, sizeof b->thread[i].began };
		remote[n++] = (struct iovec){ (void *)(uintptr_t)at, sizeof b->thread[i].began };
	}
	if (!n)
		return PS_OK;
	st = target_readv(b->target, local, n, remote, n, &got);
	return st == PS_FAULT ? PS_OK : st;
}

static void add_data(struct capture_batch *b, unsigned which)
{
	const struct thread *t = b->thread[which].plan;
	raddr began = b->thread[which].began;
	uint32_t top = began && t->gap_from == t->gap_to ? chunk_behind(t, began) : 0;
	unsigned ndata = 0;

	b->thread[which].gap = 0;
	for (uint32_t i = 0; i < t->nchunks && ndata < REGIONS_MAX; i++) {
		const struct chunk *c = &t->chunks[i];
		uint32_t len = wanted(b, t, i, top, began);

		if (!len)
			continue;
		if (t->gap_to > t->gap_from && i >= t->gap_to && !b->thread[which].gap)
			b->thread[which].gap = ndata;
		add_piece(b, PIECE_DATA, c->at, len, len < c->window ? len : c->size);
		ndata++;
	}
}

static void add_thread(struct capture_batch *b, unsigned which)
{
	const struct thread *t = b->thread[which].plan;

	b->thread[which].first = b->npieces;
	add_warming(b, t);
	if (state_comes_first(b, t))
		add_state(b, t);
	add_data(b, which);
	if (!state_comes_first(b, t))
		add_state(b, t);
	add_foreign(b, t, PIECE_FOREIGN);
	add_again(b, t, hash_words(b->batches, t->at) % 4);
	add_foreign(b, t, PIECE_FOREIGN_AGAIN);
	b->has_foreign |= t->nforeign != 0;
	b->thread[which].n = b->npieces - b->thread[which].first;
}

bool capture_add(struct capture_batch *b, const struct thread *t)
{
	unsigned first = b->npieces;

	if (!has_room_for(b, t))
		return false;
	b->looks_first |= capture_looks_first(b, t);
	b->thread[b->nthreads].plan = t;
	b->thread[b->nthreads].began = 0;
	add_thread(b, b->nthreads++);
	note_most(b, first);
	return true;
}

/* --- reading --- */

/* With what is current in those threads that are looked at first, there is less to copy. */
static void add_anew(struct capture_batch *b)
{
	b->used = 0;
	b->npieces = 0;
	add_extras(b, 0, false);
	for (unsigned i = 0; i < b->nthreads; i++)
		add_thread(b, i);
	add_extras(b, 0, true);
}

/* Pieces lie in the buffer in their order, and not one right behind another, so the local side
 * is given piece by piece. */
static enum ps_status copy_all(struct capture_batch *b)
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

/* As a rule that we were held up is no doing of the target's, so that to copy again favours
 * nothing. */
enum ps_status capture_read(struct capture_batch *b)
{
	enum copy_pace pace = COPY_HELD;

	if (!b->looks_first)
		add_extras(b, 0, true);
	for (unsigned i = 0; b->npieces && i < HELD_TRIES && pace == COPY_HELD; i++) {
		uint64_t before = clock_now();

		if (b->looks_first) {
			PS_TRY(look_first(b));
			add_anew(b);
		}
		PS_TRY(copy_all(b));
		pace = copytime_judge(&b->time[b->has_foreign], clock_now() - before, b->npieces,
				      b->used);
	}
	b->slow = b->has_foreign && pace != COPY_USUAL;
	return PS_OK;
}

const unsigned char *capture_extra(const struct capture_batch *b, unsigned i)
{
	unsigned p = b->extra[i].piece;

	return b->piece[p].got == b->piece[p].size ? b->buffer + b->piece[p].offset : NULL;
}

unsigned capture_nthreads(const struct capture_batch *b)
{
	return b->nthreads;
}

/* Those that were not read: nothing has come. */
static void skip_to(const struct thread *t, raddr at, uint32_t span, struct region *ret,
		    unsigned *next)
{
	for (; *next < t->nforeign && t->foreign[*next].at < at; (*next)++)
		ret[*next] = (struct region){ .at = t->foreign[*next].at, .size = span };
}

/* The frames that lie in this piece, one after another from *next on. */
static void split_group(const struct capture_batch *b, const struct thread *t, struct region group,
			struct region *ret, unsigned *next)
{
	uint32_t span = b->layout->span[S_FRAME];

	skip_to(t, group.at, span, ret, next);
	for (; *next < t->nforeign && t->foreign[*next].at - group.at < group.asked; (*next)++) {
		uint32_t offset = (uint32_t)(t->foreign[*next].at - group.at);
		uint32_t came = group.len > offset ? group.len - offset : 0;

		ret[*next] = (struct region){ .at = t->foreign[*next].at,
					      .len = came < span ? came : span,
					      .asked = span,
					      .size = span,
					      .before = offset,
					      .bytes = group.bytes + offset };
	}
}

void capture_get(const struct capture_batch *b, unsigned which, struct capture *ret)
{
	unsigned first = b->thread[which].first, n = b->thread[which].n;
	const struct thread *t = b->thread[which].plan;

	ret->state = NULL;
	ret->began = b->thread[which].began;
	ret->nforeign = ret->nforeign_again = ret->ndata = 0;
	ret->nagain = 0;
	ret->slow = b->slow;
	ret->gap = b->thread[which].gap;
	for (unsigned i = first; i < first + n; i++) {
		const struct piece *p = &b->piece[i];
		struct region r = { .at = (uintptr_t)b->remote[i].iov_base,
				    .len = p->got,
				    .asked = (uint32_t)b->remote[i].iov_len,
				    .size = p->size,
				    .bytes = b->buffer + p->offset };

		if (p->kind == PIECE_STATE)
			ret->state = p->got == p->size ? r.bytes : NULL;
		else if (p->kind == PIECE_FOREIGN)
			split_group(b, t, r, ret->foreign, &ret->nforeign);
		else if (p->kind == PIECE_FOREIGN_AGAIN)
			split_group(b, t, r, ret->foreign_again, &ret->nforeign_again);
		else if (p->kind == PIECE_AGAIN)
			ret->again[ret->nagain++] = r;
		else if (p->kind == PIECE_DATA)
			ret->data[ret->ndata++] = r;
	}
	skip_to(t, UINT64_MAX, b->layout->span[S_FRAME], ret->foreign_again, &ret->nforeign_again);
	if (ret->state && tells_moment(b, t))
		ret->began = layout_get(b->layout, ret->state, F_THREAD_FRAME);
}
