/* SPDX-License-Identifier: MIT */
/* The moment that a sample is of, where what was current is read before the data stack is copied.
 *
 * A stack that is rebuilt from the bottom of a copy is that of another moment the higher it reaches.
 * Lines that the target has just written to take as long to come as a call takes, and those that the
 * copy has taken from it, it has to fetch back before it can go on. Pages are copied one after
 * another, and where the target changes its memory map meanwhile, as it does to get a chunk of its
 * data stack, copies wait for that: who comes down across the end of a page between two copies is
 * met at that end, and who waits for a chunk is met there, too often.
 * What was current before all that is of one moment, and of one that does not depend on what the
 * target did then. So it is the top. Either it is still on the stack, or it has ended, and what it
 * left may still be there: 3.14+ clears the executable of a frame, but not its `previous`, nor its
 * instruction pointer, which tells the code. Where something else stands by then, what had called it
 * there tells, if that was the same whenever it was noted; and of a chunk that has gone, what
 * was last seen in it. The whole must be a stack that was met before. */
#include "profiler/unwind_walk.h"

#include <string.h>

#define NO_CHUNK UINT32_MAX

/* --- places on the data stack --- */

/* A higher one is of a later call. */
struct place {
	uint32_t chunk;
	raddr at;
};

static bool is_above(struct place a, struct place b)
{
	return a.chunk != b.chunk ? a.chunk > b.chunk : a.at > b.at;
}

/* Of an address in that chunk or one below it; the chunk is NO_CHUNK elsewhere. */
static struct place place_of(const struct walk *w, raddr at, uint32_t highest)
{
	for (uint32_t i = highest; i < w->t->nchunks; i--) { /* ends at UINT32_MAX */
		if (at - w->t->chunks[i].at < w->t->chunks[i].size)
			return (struct place){ i, at };
	}
	return (struct place){ NO_CHUNK, at };
}

/* --- what has ended since --- */

/* Also in a chunk that is linked no more: 3.15 keeps one, with all that is left in it. */
static const unsigned char *copy_of(const struct walk *w, raddr at)
{
	uint32_t need = w->u->layout->span[S_FRAME];

	for (unsigned i = 0; i < w->c->ndata; i++) {
		const struct region *r = &w->c->data[i];

		if (at - r->at < r->len && need <= r->len - (at - r->at))
			return r->bytes + (at - r->at);
	}
	return NULL;
}

/* Of a frame whose executable is cleared, by its instruction pointer; `above`: the code of the frame
 * above it, which may well be its own. */
static bool find_code(struct walk *w, struct candidate *c, uint32_t above)
{
	struct code_cache *codes = w->u->codes;
	uint32_t unit;

	if (c->executable)
		return code_known(codes, c->executable, &c->code);
	if (above != NO_CALLEE && code_unit(codes, above, c->instr, 0, &unit)) {
		c->code = above;
		return true;
	}
	return code_of_instr(codes, c->instr, &c->code);
}

/* Its code is told, and it leads to a place below. */
static bool makes_sense(struct walk *w, struct candidate *c, struct place place, uint32_t above)
{
	struct code_cache *codes = w->u->codes;
	struct place below = place_of(w, c->previous, place.chunk);
	uint32_t unit;

	if (c->owner != OWNER_THREAD || below.chunk == NO_CHUNK || !is_above(place, below) ||
	    !find_code(w, c, above))
		return false;
	c->executable = codes->codes[c->code].at;
	return !(codes->codes[c->code].flags & CODE_GENERATOR) &&
	       code_unit(codes, c->code, c->instr, c->tlbc_index, &unit);
}

static void recall(const struct frame_seen *seen, struct candidate *ret)
{
	*ret = (struct candidate){ .at = seen->at,
				   .executable = seen->executable,
				   .instr = seen->instr,
				   .previous = seen->previous,
				   .tlbc_index = seen->tlbc_index,
				   .owner = OWNER_THREAD };
}

static bool find_ended(struct walk *w, struct place place, uint32_t above, struct candidate *ret)
{
	const unsigned char *bytes = copy_of(w, place.at);
	const struct frame_seen *seen;

	if (bytes) {
		candidate_read(w->u->layout, place.at, bytes, ret);
		return makes_sense(w, ret, place, above);
	}
	seen = frames_seen_find(w->t->seen, place.at);
	if (!seen)
		return false;
	recall(seen, ret);
	return makes_sense(w, ret, place, above);
}

/* What has called that frame there whenever it was noted, though something else stands in its place
 * by now. */
static bool find_caller_seen(struct walk *w, const struct frame *f, struct place place,
			     struct candidate *ret)
{
	const struct frame_seen *seen = frames_seen_find_as(w->t->seen, f->at, f->executable);

	if (!seen || !seen->is_only_way || seen->previous != f->previous)
		return false;
	seen = frames_seen_find_as(w->t->seen, seen->previous, seen->caller);
	if (!seen || !seen->is_only_way)
		return false;
	recall(seen, ret);
	return makes_sense(w, ret, place, f->code);
}

static struct frame as_frame(const struct walk *w, const struct candidate *c)
{
	return (struct frame){ .at = c->at,
			       .executable = c->executable,
			       .instr = c->instr,
			       .previous = c->previous,
			       .tlbc_index = c->tlbc_index,
			       .code = c->code,
			       .next = w->u->codes->codes[c->code].frame_bytes };
}

/* Does it lie where the next frame does that the lower one calls? */
static bool lies_behind(const struct walk *w, const struct frame *lower, const struct frame *f)
{
	struct place place = place_of(w, f->at, w->t->nchunks - 1);

	return f->at == lower->at + lower->next ||
	       (place.chunk != NO_CHUNK && f->at == w->t->chunks[place.chunk].at + CHUNK_HEADER);
}

/* Puts it back to where it calls that code. False: it does not, as far as its bytecode tells. */
static bool put_to_call(struct walk *w, struct frame *f, uint32_t callee)
{
	struct unwinder *u = w->u;
	struct code *code = &u->codes->codes[f->code];
	uint32_t unit, place;

	if (!code_unit(u->codes, f->code, f->instr, f->tlbc_index, &unit))
		return false;
	if (code->flags & CODE_HIDDEN)
		return true;
	if (!callsite_of(&u->callsites, u->codes, f->code, callee, unit, &place) || f->tlbc_index)
		return callsite_calls(&u->callsites, u->codes, f->code, callee, f->instr, unit);
	f->instr = code->units_at + 2 * (raddr)place;
	return true;
}

/* Has it called that one, which lies where its callees do? Then it is put to where it does. */
static bool fits_below(struct walk *w, struct frame *lower, const struct frame *f)
{
	return lies_behind(w, lower, f) && put_to_call(w, lower, f->code);
}

/* --- from what was current down to the stack --- */

/* The topmost first are in u->scratch, of which the last was called by `joint`, as it was then: that
 * is the stack's frame `at`. */
struct descent {
	uint32_t n, at;
	struct frame joint;
};

static enum ps_status note_step(struct walk *w, struct descent *d, const struct frame *f)
{
	PS_TRY(frames_reserve(&w->u->scratch, &w->u->scratch_cap, d->n + 1));
	w->u->scratch[d->n++] = *f;
	return PS_OK;
}

/* The stack's frame in that place; false: none begins there. d->at goes down with the places. */
static bool meets_stack(const struct walk *w, struct descent *d, struct place place)
{
	while (d->at && is_above(place_of(w, w->t->frames[d->at].at, w->t->nchunks - 1), place))
		d->at--;
	return w->t->frames[d->at].at == place.at;
}

/* The frame below, as the stack has it (*ret_joined), as it has left it, or as it was seen. */
static bool step_down(struct walk *w, struct descent *d, struct place *place, struct frame *f,
		      bool *ret_joined)
{
	struct place below = place_of(w, f->previous, place->chunk);
	struct frame lower;
	struct candidate c;

	if (below.chunk == NO_CHUNK || !is_above(*place, below))
		return false;
	*place = below;
	*ret_joined = meets_stack(w, d, below);
	if (*ret_joined) {
		d->joint = w->t->frames[d->at];
		if (fits_below(w, &d->joint, f))
			return true;
		*ret_joined = false;
	} else if (find_ended(w, below, f->code, &c)) {
		lower = as_frame(w, &c);
		if (fits_below(w, &lower, f)) {
			*f = lower;
			return true;
		}
	}
	if (!find_caller_seen(w, f, below, &c))
		return false;
	lower = as_frame(w, &c);
	if (!fits_below(w, &lower, f))
		return false;
	*f = lower;
	return true;
}

/* d->n 0: it does not lead there, or there is nothing. Each step leads to a place below, so that it
 * ends. */
static enum ps_status descend(struct walk *w, struct descent *d)
{
	struct place top = place_of(w, top_address(w), w->t->nchunks - 1);
	struct place place = place_of(w, w->c->began, w->t->nchunks - 1);
	uint32_t most = KEEP_ROOT + KEEP_LEAF - w->n;
	bool joined = false;
	struct candidate c;
	struct frame f;

	*d = (struct descent){ .at = w->n - 1 };
	if (top.chunk == NO_CHUNK || place.chunk == NO_CHUNK || !is_above(place, top) ||
	    !find_ended(w, place, NO_CALLEE, &c))
		return PS_OK;
	f = as_frame(w, &c);
	while (!joined) {
		if (d->n < most)
			PS_TRY(note_step(w, d, &f));
		if (d->n == most || !step_down(w, d, &place, &f, &joined)) {
			d->n = 0;
			return PS_OK;
		}
	}
	return PS_OK;
}

/* --- and up again --- */

/* What is above the joint gives way; behind the chain, u->scratch keeps it. */
static enum ps_status replace_top(struct walk *w, const struct descent *d)
{
	struct unwinder *u = w->u;
	struct thread *t = w->t;
	uint32_t replaced = w->n - d->at;

	PS_TRY(frames_reserve(&u->scratch, &u->scratch_cap, d->n + replaced));
	PS_TRY(frames_reserve(&t->frames, &t->frames_cap, d->at + 1 + d->n));
	memcpy(u->scratch + d->n, t->frames + d->at, replaced * sizeof *t->frames);
	t->frames[d->at] = d->joint;
	for (uint32_t i = 0; i < d->n; i++)
		t->frames[d->at + 1 + i] = u->scratch[d->n - 1 - i];
	t->nframes = d->at + 1 + d->n;
	return PS_OK;
}

static void put_as_it_was(struct walk *w, const struct descent *d)
{
	memcpy(w->t->frames + d->at, w->u->scratch + d->n, (w->n - d->at) * sizeof *w->t->frames);
	w->t->nframes = w->n;
}

enum ps_status walk_put_back(struct walk *w)
{
	struct thread *t = w->t;
	struct descent d;
	enum ps_status st;
	bool known;

	if (!w->c->began || !w->n || w->c->gap || w->out->cut || walk_is_back(w) || t->truncated)
		return PS_OK;
	PS_TRY(descend(w, &d));
	if (!d.n)
		return PS_OK;
	PS_TRY(replace_top(w, &d));
	st = unwind_assign_known(w->u, t, d.at, &known);
	if (st || !known) {
		put_as_it_was(w, &d);
		return st;
	}
	w->out->ended = true;
	if (t->nsame > d.at)
		t->nsame = d.at;
	return PS_OK;
}

/* --- for later --- */

/* In the oldest chunk, which never goes, only of a thread that moves on while it is copied. */
static bool is_worth_noting(const struct walk *w, const struct frame *f)
{
	const struct chunk *oldest = w->t->chunks;

	return !f->foreign && (thread_moves(w->t) || f->at - oldest->at >= oldest->size);
}

void walk_note_seen(struct walk *w)
{
	if (!w->t->nchunks || w->t->has_generators || !w->u->layout->clears_executable)
		return;
	for (uint32_t i = w->same; i < w->n; i++) {
		const struct frame *f = &w->t->frames[i];
		struct frame_seen seen = { .at = f->at,
					   .executable = f->executable,
					   .instr = f->instr,
					   .previous = f->previous,
					   .tlbc_index = f->tlbc_index };

		if (!is_worth_noting(w, f))
			continue;
		if (i && f->previous == f[-1].at)
			seen.caller = f[-1].executable;
		frames_seen_note(&w->t->seen, &seen, w->t->nchunks > 1);
	}
}
