/* SPDX-License-Identifier: MIT */
#include "profiler/plan.h"

#include <stdlib.h>
#include <string.h>

enum {
	WINDOW_MIN = 1024,   /* up to 2 KiB cost as much as 8 bytes */
	WINDOW_SLACK = 1024, /* room for the stack to grow until the next sample */
	WINDOW_LEAST = 112,  /* the slot above the top frame must be seen, to be seen dead */
	PAGE = 4096,
	HINGE_BYTES = 384, /* of a frame that is a hinge, and of what may be above it */
	HINGES_KEEP = 512, /* samples */
	USED_PERIOD =
		4096, /* samples: what was live in the present and the last of these is copied */
};

static enum ps_status reserve_chunks(struct thread *th, uint32_t n)
{
	struct chunk *grown;
	uint32_t cap = th->chunks_cap ? th->chunks_cap : 4;

	if (n <= th->chunks_cap)
		return PS_OK;
	while (cap < n)
		cap *= 2;
	grown = realloc(th->chunks, cap * sizeof *grown);
	if (!grown)
		return PS_NOMEM;
	th->chunks = grown;
	th->chunks_cap = cap;
	return PS_OK;
}

/* What was live, room for the stack to grow until the next sample, but only as far as the
 * page reaches that is copied anyway: a further page costs a tenth of the whole call. */
static uint32_t window_for(const struct chunk *c)
{
	raddr least = c->at + c->used + WINDOW_LEAST;
	raddr page_end = (least + PAGE - 1) & ~(raddr)(PAGE - 1);
	uint32_t window = c->used + WINDOW_SLACK;

	if (window > page_end - c->at)
		window = (uint32_t)(page_end - c->at);
	if (window < WINDOW_MIN)
		window = WINDOW_MIN;
	if (window > COPY_MAX / 4)
		window = COPY_MAX / 4;
	window &= ~7u;
	return window < c->size ? window : c->size;
}

/* A stack that is too large is copied at both ends; what is between shows up as one
 * marker. The chunk in which the budget of the root ends is still copied whole. */
static void set_windows(struct thread *th)
{
	uint64_t total = 0, sum = 0;
	uint32_t low = 0, high = th->nchunks;

	for (uint32_t i = 0; i < th->nchunks; i++) {
		th->chunks[i].window = window_for(&th->chunks[i]);
		total += th->chunks[i].window;
	}
	th->gap_from = th->gap_to = 0;
	if (total <= COPY_MAX && th->nchunks <= REGIONS_MAX)
		return;
	while (low < high && sum + th->chunks[low].window <= COPY_MAX / 2 && low < REGIONS_MAX / 2)
		sum += th->chunks[low++].window;
	sum = 0;
	while (high > low && sum + th->chunks[high - 1].window <= COPY_MAX / 2 &&
	       th->nchunks - high < REGIONS_MAX / 2)
		sum += th->chunks[--high].window;
	th->gap_from = low;
	th->gap_to = high;
	for (uint32_t i = low; i < high; i++)
		th->chunks[i].window = 0;
}

static uint32_t find_chunk(const struct thread *th, raddr at)
{
	for (uint32_t i = th->nchunks; i > 0; i--) {
		if (th->chunks[i - 1].at == at)
			return i - 1;
	}
	return UINT32_MAX;
}

/* Is the known chunk still the one below which the known others are? */
static bool still_linked(const struct thread *th, uint32_t i, raddr previous)
{
	return previous == (i ? th->chunks[i - 1].at : 0);
}

static enum ps_status read_chunk(struct target *t, raddr at, struct chunk *ret, raddr *previous)
{
	uint64_t header[3];

	if (at % 8)
		return PS_TORN;
	PS_TRY(target_read(t, at, header, sizeof header));
	if (header[1] <= CHUNK_HEADER + 8 || header[1] > CHUNK_BYTES_MAX || header[1] % 8)
		return PS_TORN;
	*ret = (struct chunk){ .at = at, .size = (uint32_t)header[1] };
	*previous = header[0];
	return PS_OK;
}

/* A chunk below the newest is full but for what did not fit. */
static void expect_full(struct thread *th)
{
	for (uint32_t i = 0; i + 1 < th->nchunks; i++)
		th->chunks[i].used = th->chunks[i].size;
}

enum ps_status plan_chunks(struct target *t, struct thread *th, raddr newest)
{
	struct chunk *found = NULL;
	uint32_t n = 0, cap = 0, keep = 0;
	raddr mark = 0; /* moved up at powers of two: a chain that loops meets it */
	enum ps_status st = PS_OK;

	for (raddr at = newest; at;) {
		struct chunk c;
		raddr previous;
		uint32_t known = find_chunk(th, at);

		st = read_chunk(t, at, &c, &previous);
		if (!st && (at == mark || n == CHUNKS_MAX))
			st = PS_TORN;
		if (st)
			break;
		if ((n & (n - 1)) == 0)
			mark = at;
		if (known != UINT32_MAX && still_linked(th, known, previous) &&
		    th->chunks[known].size == c.size) {
			keep = known + 1;
			break;
		}
		if (n == cap) {
			struct chunk *grown =
				realloc(found, (cap = cap ? cap * 2 : 8) * sizeof *grown);

			if (!grown) {
				st = PS_NOMEM;
				break;
			}
			found = grown;
		}
		found[n++] = c;
		at = previous;
	}
	if (!st)
		st = reserve_chunks(th, keep + n);
	if (!st) {
		for (uint32_t i = 0; i < n; i++)
			th->chunks[keep + i] = found[n - 1 - i];
		th->nchunks = keep + n;
		expect_full(th);
		set_windows(th);
	}
	free(found);
	return st;
}

/* The topmost frame on the data stack; NULL: there is none. */
static const struct frame *top_frame(const struct thread *th)
{
	for (uint32_t i = th->nframes; i > 0; i--) {
		if (!th->frames[i - 1].foreign)
			return &th->frames[i - 1];
	}
	return NULL;
}

static void note_used(struct chunk *c, uint32_t used, bool ends_period)
{
	if (used > c->size)
		used = c->size;
	if (used > c->recent)
		c->recent = used;
	if (ends_period || c->widened)
		c->used = c->recent;
	else if (used > c->used)
		c->used = used;
	if (ends_period)
		c->recent = used;
	c->widened = false;
	if (c->window)
		c->window = window_for(c);
}

static void widen_hinge(struct thread *th, uint32_t chunk, uint32_t from, uint32_t to)
{
	unsigned i = 0;

	while (i < th->nhinges && th->hinges[i].chunk != chunk)
		i++;
	if (i == HINGES_MAX)
		return;
	if (i == th->nhinges) {
		th->hinges[th->nhinges].chunk = chunk;
		th->hinges[th->nhinges].from = from;
		th->hinges[th->nhinges++].to = to;
		return;
	}
	if (from < th->hinges[i].from)
		th->hinges[i].from = from;
	if (to > th->hinges[i].to)
		th->hinges[i].to = to;
}

static void note_hinge(struct thread *th, const struct frame *f)
{
	for (uint32_t i = th->nchunks; i > 0; i--) {
		const struct chunk *c = &th->chunks[i - 1];

		if (f->at - c->at < c->size) {
			widen_hinge(th, i - 1, (uint32_t)(f->at - c->at),
				    (uint32_t)(f->at - c->at) + HINGE_BYTES);
			return;
		}
	}
}

/* Frames below generators, and the top one, on which there might be one. Nothing to do
 * for the many threads that have none. */
static void plan_hinges(struct thread *th, const struct frame *top)
{
	if (!th->has_generators)
		return;
	if (th->samples % HINGES_KEEP == 0)
		th->nhinges = 0;
	for (uint32_t i = 0; i + 1 < th->nframes; i++) {
		if (!th->frames[i].foreign && th->frames[i + 1].foreign)
			note_hinge(th, &th->frames[i]);
	}
	if (top)
		note_hinge(th, top);
}

/* Chunks above the top frame's are not in use now, but a stack that goes up and down
 * comes back to them: they stay in the plan, with less and less copied. */
void plan_windows(struct thread *th)
{
	const struct frame *top = top_frame(th);

	plan_hinges(th, top);
	for (uint32_t i = th->nchunks; i > 0; i--) {
		struct chunk *c = &th->chunks[i - 1];
		bool has_top = top && top->at - c->at < c->size && top->next <= c->size;

		note_used(c, has_top ? (uint32_t)(top->at - c->at) + top->next : CHUNK_HEADER + 8,
			  th->samples % USED_PERIOD == 0);
		if (has_top)
			return;
	}
}

void plan_widen(struct thread *th, const struct capture *c, unsigned region)
{
	uint32_t i = find_chunk(th, c->data[region].at);

	if (i == UINT32_MAX)
		return;
	th->chunks[i].used = th->chunks[i].size;
	th->chunks[i].widened = true;
	set_windows(th);
}
