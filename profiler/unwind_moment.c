/* SPDX-License-Identifier: MIT */
/* The moment that a sample is of, where the data stack takes more than one copy.
 *
 * Pages are copied one after another, and where the target changes its memory map meanwhile, as it
 * does to get a chunk of its data stack, copies wait for that. So a stack that is rebuilt from the
 * bottom is of a later moment the higher it reaches: who comes down across the end of a page
 * between two copies is met at that end, and who waits for a chunk is met there, too often.
 * What was current before all else was copied is of one moment, which hardly depends on what the
 * target did. So it is the top, and as a rule it is on the stack still. Else it has ended, and is
 * put back: 3.14+ clears the executable of a frame that ends, but neither its `previous` nor its
 * instruction pointer, so that it still leads down to what has not ended, if nothing has taken its
 * place; and of a chunk that is gone, what was last seen there does. What is below may be another
 * call by then. So the whole must be a stack that was met before, but for the line of its top. */
#include "profiler/unwind_walk.h"

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
	*ret = (struct candidate){ .at = seen->at,
				   .executable = seen->executable,
				   .instr = seen->instr,
				   .previous = seen->previous,
				   .tlbc_index = seen->tlbc_index,
				   .owner = OWNER_THREAD };
	return makes_sense(w, ret, place, above);
}

/* Into u->scratch, the topmost first, from what was current down to the top of the stack, which is
 * left out. *ret 0: it does not lead there, or there is nothing. Each step leads to a place below,
 * so that it ends. */
static enum ps_status descend(struct walk *w, uint32_t *ret)
{
	struct place top = place_of(w, top_address(w), w->t->nchunks - 1);
	struct place place = place_of(w, w->c->began, w->t->nchunks - 1);
	struct unwinder *u = w->u;
	uint32_t n = 0, most = KEEP_ROOT + KEEP_LEAF - w->n;

	*ret = 0;
	if (top.chunk == NO_CHUNK || place.chunk == NO_CHUNK)
		return PS_OK;
	for (; is_above(place, top) && n < most; n++) {
		struct candidate c;

		if (!find_ended(w, place, n ? u->scratch[n - 1].code : NO_CALLEE, &c))
			return PS_OK;
		PS_TRY(frames_reserve(&u->scratch, &u->scratch_cap, n + 1));
		u->scratch[n] = (struct frame){ .at = c.at,
						.executable = c.executable,
						.instr = c.instr,
						.previous = c.previous,
						.tlbc_index = c.tlbc_index,
						.code = c.code,
						.next = u->codes->codes[c.code].frame_bytes };
		place = place_of(w, c.previous, place.chunk);
	}
	*ret = place.at == top.at ? n : 0;
	return PS_OK;
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

/* As the thread's frames above the last one, which has called them. */
static bool put_back(struct walk *w, uint32_t n)
{
	struct frame *ended = w->u->scratch, *caller = &w->t->frames[w->n - 1];

	for (uint32_t i = n; i > 0; i--) {
		if (!lies_behind(w, caller, &ended[i - 1]) ||
		    !put_to_call(w, caller, ended[i - 1].code))
			return false;
		*++caller = ended[i - 1];
	}
	return true;
}

enum ps_status walk_put_back(struct walk *w)
{
	struct thread *t = w->t;
	struct frame top;
	uint32_t n;
	bool known = false;

	if (!w->c->began || !w->n || w->c->gap || w->out->cut || walk_is_back(w) || t->truncated)
		return PS_OK;
	PS_TRY(descend(w, &n));
	if (!n)
		return PS_OK;
	PS_TRY(frames_reserve(&t->frames, &t->frames_cap, w->n + n));
	top = t->frames[w->n - 1];
	t->nframes = w->n + n;
	if (put_back(w, n))
		PS_TRY(unwind_assign_known(w->u, t, w->n - 1, &known));
	if (known) {
		w->out->ended = true;
		if (t->nsame > w->n - 1)
			t->nsame = w->n - 1;
		return PS_OK;
	}
	t->frames[w->n - 1] = top;
	t->nframes = w->n;
	return PS_OK;
}

void walk_note_seen(struct walk *w)
{
	const struct chunk *oldest = w->t->chunks;

	if (w->t->nchunks < 2 || w->t->has_generators || !w->u->layout->clears_executable)
		return;
	for (uint32_t i = w->same; i < w->n; i++) {
		const struct frame *f = &w->t->frames[i];
		const struct frame_seen seen = { f->at, f->executable, f->instr, f->previous,
						 f->tlbc_index };

		if (f->at - oldest->at >= oldest->size) /* that one never goes */
			frames_seen_note(&w->t->seen, &seen);
	}
}
