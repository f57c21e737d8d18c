/* SPDX-License-Identifier: MIT */
/* Invariants
 *  1. Every loop ends whatever the target says: frames are at most FRAMES_MAX, a chain
 *     of foreign frames at most CHAIN_MAX, and each data-stack frame lies above the last.
 *  2. Bytes come from the capture, or by a read of one foreign frame; nothing else is
 *     read here but code objects, by code_find().
 */
#include "profiler/unwind.h"

#include "profiler/unwind_walk.h"

enum {
	FORESEEN = 64,    /* samples of a thread, after which its plan is settled */
	DOUBTS_ENOUGH = 3 /* equal ones in a row: the bytecode does not say all that it calls */
};

/* --- bytes of frames --- */

/* The slot at that place: its bytes, or NULL where the chunk or the copy ends. */
static const unsigned char *slot_bytes(struct walk *w, unsigned region, uint32_t offset)
{
	const struct region *r = &w->c->data[region];
	uint32_t need = w->u->layout->span[S_FRAME];

	if (offset <= r->len && need <= r->len - offset)
		return r->bytes + offset;
	/* What was asked for and did not come is memory that is gone: nothing lives there. */
	if (r->len == r->asked && r->len < r->size && offset <= r->size &&
	    need <= r->size - offset) {
		w->out->short_copy = true;
		w->out->region = region;
	}
	return NULL;
}

/* The frame that comes next lies in this region. */
static void enter_region(struct walk *w, unsigned region)
{
	if (region != w->region && w->c->gap && region == w->c->gap)
		w->gap_at = w->n;
	w->region = region;
}

/* --- accepting a frame --- */

static bool is_same(const struct walk *w, const struct frame *f, const unsigned char *b)
{
	const struct layout *l = w->u->layout;

	return (layout_get(l, b, F_FRAME_EXECUTABLE) & ~l->tag_mask) == f->executable &&
	       layout_get(l, b, F_FRAME_INSTR) == f->instr &&
	       layout_get(l, b, F_FRAME_PREVIOUS) == f->previous &&
	       layout_get(l, b, F_FRAME_STACKTOP) == f->extra;
}

static void step_over(struct walk *w, const struct frame *f)
{
	w->offset = (uint32_t)(f->at - w->c->data[w->region].at) + f->next;
}

static enum ps_status accept(struct walk *w, const struct candidate *c, bool foreign)
{
	struct frame *f;

	if (w->n == FRAMES_MAX)
		return PS_OK;
	if (w->same > w->n)
		w->same = w->n;
	PS_TRY(frames_reserve(&w->t->frames, &w->t->frames_cap, w->n + 1));
	f = &w->t->frames[w->n++];
	*f = (struct frame){
		.at = c->at,
		.executable = c->executable,
		.instr = c->instr,
		.previous = c->previous,
		.extra = c->extra,
		.tlbc_index = c->tlbc_index,
		.code = c->code,
		.next = foreign ? 0 : w->u->codes->codes[c->code].frame_bytes,
		.foreign = foreign,
	};
	if (!foreign)
		step_over(w, f);
	return PS_OK;
}

/* --- links that lead outside the data stack --- */

static enum ps_status accept_chain(struct walk *w, const struct chain *chain)
{
	for (unsigned i = chain->n; i > 0; i--)
		PS_TRY(accept(w, &chain->generator[i - 1], true));
	return PS_OK;
}

/* Whose generators are known, but not the moment at which they stood where the copies have
 * them: where they stand to run each other, other samples tell. */
static void prefer_way(struct walk *w, raddr at, uint32_t callee, struct chain *chain)
{
	struct chain way;

	if (!walk_chain_hangs_together(w, chain) && walk_find_way(w, at, callee, &way))
		*chain = way;
}

/* --- did one call the other? --- */

/* Not if the same is doubted again and again, however often it is read. */
static bool is_doubted(struct walk *w, uint32_t caller, uint32_t unit, uint32_t callee)
{
	struct doubt *d = &w->u->doubt;

	if (d->thread != w->t->at || d->sample != w->t->samples || d->below != w->n ||
	    d->code != caller || d->unit != unit || d->callee != callee)
		*d = (struct doubt){ .thread = w->t->at,
				     .sample = w->t->samples,
				     .below = w->n,
				     .code = caller,
				     .unit = unit,
				     .callee = callee };
	if (++d->times >= DOUBTS_ENOUGH)
		return false;
	w->out->doubted = true;
	return true;
}

static bool can_have_called(struct walk *w, uint32_t caller, raddr instr, uint32_t tlbc_index,
			    uint32_t callee)
{
	struct unwinder *u = w->u;
	struct code *code = &u->codes->codes[caller];
	uint32_t unit;

	if (code->flags & CODE_HIDDEN || !code_unit(u->codes, caller, instr, tlbc_index, &unit) ||
	    callsite_calls(&u->callsites, u->codes, caller, callee, instr, unit))
		return true;
	if (is_doubted(w, caller, unit, callee))
		return false;
	code_set_marks(code, unit, (code_marks(code, unit) | MARK_CALLS) & ~MARK_VERSIONED);
	return true;
}

/* A chain, and the frame that the topmost of its generators has called. The object of that
 * one may be another generator's by the time it is copied: then it calls something else. */
static enum ps_status accept_upon(struct walk *w, struct chain *chain, const struct candidate *c,
				  bool *ret_cut)
{
	struct candidate *g = &chain->generator[0];

	if (chain->n && g->at == c->previous) {
		walk_set_calling(w, g, c->code);
		*ret_cut = !can_have_called(w, g->code, g->instr, g->tlbc_index, c->code);
		if (*ret_cut)
			return PS_OK;
	}
	PS_TRY(accept_chain(w, chain));
	return accept(w, c, false);
}

/* Where there are no generators. If the entry frame leads elsewhere, it is another call's by now,
 * or the top frame was copied before it ended, and what stands there now was not called from it:
 * its destructors, which C code calls as well. */
static enum ps_status accept_from_c(struct walk *w, const struct chain *chain,
				    const struct candidate *c, bool *ret_cut)
{
	struct way_node from;

	if (walk_is_strange(w, c, chain, &from)) {
		*ret_cut = is_doubted(w, from.code, from.unit, c->code);
		if (*ret_cut)
			return PS_OK;
		walk_note_link(w, c);
	} else if (w->n && chain->known && !chain->n && top_address(w) == chain->end) {
		walk_note_link(w, c);
	}
	return accept(w, c, false);
}

/* A live frame on the data stack whose `previous` is no neighbour: C code called it, or
 * a generator. The data stack itself proves its place above the top frame; what is in
 * between, the chain of `previous` tells, if the top frame stood still meanwhile. *ret_cut:
 * that is not certain. */
static enum ps_status accept_through_c(struct walk *w, const struct candidate *c, bool *ret_cut)
{
	struct chain chain;

	*ret_cut = false;
	walk_drop_cleared(w);
	PS_TRY(walk_tell(w, c->previous, &chain));
	if (chain.known)
		return accept_upon(w, &chain, c, ret_cut);
	PS_TRY(walk_follow(w, c->previous, &chain));
	if (chain.known && !chain.n)
		walk_drop_dying(w, chain.end);
	/* Unless the entry frame says so, nothing stands on a frame that is at its end. */
	if (walk_top_returns(w) && !(chain.known && top_address(w) == chain.end)) {
		*ret_cut = true;
		return PS_OK;
	}
	/* Without generators about, there is nothing that could be in between. */
	if (!chain.unread && !w->t->has_generators)
		return accept_from_c(w, &chain, c, ret_cut);
	if (!chain.unread && chain.known && !chain.n && top_address(w) == chain.end)
		return accept(w, c, false);
	if (!chain.unread && chain.known && top_address(w) == chain.end &&
	    walk_chain_is_believed(w, &chain)) {
		prefer_way(w, c->previous, c->code, &chain);
		return accept_upon(w, &chain, c, ret_cut);
	}
	if (walk_is_direct(w, c, &chain)) {
		w->out->told = true;
		return accept(w, c, false);
	}
	if (walk_find_way(w, c->previous, c->code, &chain) ||
	    walk_find_linked(w, c->previous, c->code, &chain))
		return accept_upon(w, &chain, c, ret_cut);
	/* What could not be read may be a generator; the next sample will tell. */
	*ret_cut = w->n != 0 || chain.unread;
	return *ret_cut ? PS_OK : accept(w, c, false);
}

/* --- the next frame up --- */

static enum ps_status judge_slot(struct walk *w, unsigned region, uint32_t offset,
				 struct candidate *ret)
{
	const unsigned char *bytes = slot_bytes(w, region, offset);

	ret->alive = false;
	if (!bytes)
		return PS_OK;
	candidate_read(w->u->layout, w->c->data[region].at + offset, bytes, ret);
	PS_TRY(candidate_judge(w->u, ret, OWNER_THREAD));
	if (!ret->alive || !w->n)
		return PS_OK;
	/* 3.13: above a frame that executes stands what it called before. */
	if (ret->previous == top_address(w))
		ret->alive = !extra_executes(w->u->layout, w->t->frames[w->n - 1].extra);
	/* It names another frame of the data stack, one that has gone from this place: the
	 * two parts were copied at different times (or are what is left out between them). */
	else if (walk_on_data_stack(w, ret->previous) && region != w->c->gap)
		ret->alive = false;
	return PS_OK;
}

/* The live frame that lies next on the data stack, if there is one. */
static enum ps_status next_on_data_stack(struct walk *w, struct candidate *ret, bool *found)
{
	*found = false;
	PS_TRY(judge_slot(w, w->region, w->offset, ret));
	if (!ret->alive && w->region + 1 < w->nregions) {
		PS_TRY(judge_slot(w, w->region + 1, CHUNK_HEADER, ret));
		if (ret->alive) {
			enter_region(w, w->region + 1);
			w->offset = CHUNK_HEADER;
		}
	}
	*found = ret->alive;
	return PS_OK;
}

/* The frames as they were at the last sample, as long as they are. */
static void keep_unchanged(struct walk *w)
{
	const struct thread *t = w->t;

	while (w->n < w->before) {
		const struct frame *f = &t->frames[w->n];
		const unsigned char *b;
		unsigned region = w->region;

		if (f->foreign) {
			const unsigned char *above = slot_bytes(w, w->region, w->offset);
			struct copies copies = walk_foreign_copies(w, f->at);

			b = copies.bytes;
			/* A frame called by no generator would belong below this one. */
			if (!b || copies.moved || w->current == top_address(w) ||
			    walk_told_generator(w) != NO_GENERATOR || !walk_top_stood_still(w) ||
			    (above &&
			     (layout_get(w->u->layout, above, F_FRAME_EXECUTABLE) &
			      ~w->u->layout->tag_mask) &&
			     layout_get(w->u->layout, above, F_FRAME_PREVIOUS) != f->at))
				break;
		} else {
			uint32_t offset = w->offset;

			if (f->at != w->c->data[region].at + offset) {
				if (region + 1 >= w->nregions ||
				    f->at != w->c->data[region + 1].at + CHUNK_HEADER)
					break;
				region++;
				offset = CHUNK_HEADER;
			}
			b = slot_bytes(w, region, offset);
		}
		if (!b || !is_same(w, f, b))
			break;
		if (f->foreign)
			thread_need_foreign(w->t, f->at, true);
		enter_region(w, region);
		w->n++;
		if (!f->foreign)
			step_over(w, f);
		if (walk_is_back(w))
			break;
	}
	w->same = w->n;
}

/* All below is as it was, and this frame was there too and named the same `previous`:
 * so it stands where it stood, wherever that chain leads. */
static bool link_is_known(const struct walk *w, const struct candidate *c)
{
	const struct frame *f;

	if (w->n != w->same || w->n >= w->before)
		return false;
	f = &w->t->frames[w->n];
	return f->at == c->at && f->executable == c->executable && f->previous == c->previous;
}

/* The top frame is named as the caller of this one. While the data stack is copied, the
 * target may return from one call and make another in the same place: then the caller's
 * copy is older, and stands at no call, or at one of another function. */
static bool is_torn(struct walk *w, const struct candidate *c)
{
	const struct frame *f = &w->t->frames[w->n - 1];

	return !f->foreign && !can_have_called(w, f->code, f->instr, f->tlbc_index, c->code);
}

static enum ps_status climb_data_stack(struct walk *w)
{
	while (w->n < FRAMES_MAX && !walk_is_back(w)) {
		struct candidate c;
		bool found, cut = false;

		PS_TRY(next_on_data_stack(w, &c, &found));
		if (!found)
			return PS_OK;
		if (link_is_known(w, &c))
			PS_TRY(accept(w, &c, false));
		else if (w->n && c.previous == top_address(w) && !(cut = is_torn(w, &c)))
			PS_TRY(accept(w, &c, false));
		else if (!cut)
			PS_TRY(accept_through_c(w, &c, &cut));
		if (cut) {
			w->out->cut = true;
			return PS_OK;
		}
	}
	return PS_OK;
}

/* --- a generator on top --- */

/* Does the chain from this foreign frame end at the top frame (or, where there is none,
 * at the bottom)? Then its generators stand on it, if it stood still. *ret_doubt: they may,
 * but nothing proves it. */
static enum ps_status try_on_top(struct walk *w, raddr at, bool *ret_done, bool *ret_doubt)
{
	struct chain chain;

	*ret_done = false;
	PS_TRY(walk_follow(w, at, &chain));
	/* It may be on top if the top frame has to do with it at all, or if too little has been
	 * seen yet for its copy to have been foreseen. */
	*ret_doubt |= chain.unread &&
		      (w->t->samples < FORESEEN ||
		       (w->n && walk_top_refers_to(w, at - w->u->layout->generator_frame_at)));
	if (!chain.known || !chain.n || chain.end != top_address(w) ||
	    !walk_top_can_run(w, &chain.generator[chain.n - 1]))
		return PS_OK;
	if (!walk_chain_is_believed(w, &chain)) {
		*ret_doubt = true;
		return PS_OK;
	}
	*ret_done = true;
	prefer_way(w, at, NO_CALLEE, &chain);
	return accept_chain(w, &chain);
}

static bool already_found(const struct walk *w, raddr at)
{
	for (uint32_t i = w->n; i > 0 && w->n - i < CHAIN_MAX; i--) {
		if (w->t->frames[i - 1].foreign && w->t->frames[i - 1].at == at)
			return true;
	}
	return false;
}

/* A generator that was seen lately and is live and running: then something resumed it. */
static enum ps_status is_running(struct walk *w, unsigned i, bool *ret)
{
	const struct region *r = &w->c->foreign[i];
	struct candidate g;

	*ret = false;
	if (r->len != r->size || already_found(w, r->at))
		return PS_OK;
	candidate_read(w->u->layout, r->at, r->bytes, &g);
	if (g.owner != OWNER_GENERATOR || g.previous == 0)
		return PS_OK;
	/* 3.13: a frame that executes has resumed nothing, but through C. */
	if (w->n && g.previous == top_address(w) &&
	    extra_executes(w->u->layout, w->t->frames[w->n - 1].extra))
		return PS_OK;
	PS_TRY(candidate_judge(w->u, &g, OWNER_GENERATOR));
	*ret = g.alive;
	return PS_OK;
}

/* The one that was current beside the copy of the data stack, as the copies have it
 * or as it was seen to stand there at other samples. */
static enum ps_status try_running_after(struct walk *w, bool *ret_done, bool *ret_doubt)
{
	raddr at = walk_running_after(w);
	struct chain chain;

	if (!at)
		return PS_OK;
	PS_TRY(try_on_top(w, at, ret_done, ret_doubt));
	if (*ret_done || !walk_find_way(w, at, NO_CALLEE, &chain))
		return PS_OK;
	*ret_done = true;
	return accept_chain(w, &chain);
}

/* Which foreign frame can stand on top? What was current beside the copy of the data stack says
 * it best: the top frame itself, so none; or a generator. Else what the bytecode tells, or one
 * that was running a moment later, and whose chain leads to the top frame. */
static enum ps_status climb_generators(struct walk *w)
{
	bool done = false, doubt = false;
	struct chain told;

	if (w->n && w->current == top_address(w))
		return PS_OK;
	PS_TRY(try_running_after(w, &done, &doubt));
	if (done)
		return PS_OK;
	PS_TRY(walk_tell(w, 0, &told));
	if (told.known)
		return accept_chain(w, &told);
	if (w->out->told)
		return PS_OK;
	for (unsigned i = 0; !done && i < w->c->nforeign; i++) {
		bool running;

		PS_TRY(is_running(w, i, &running));
		if (running)
			PS_TRY(try_on_top(w, w->c->foreign[i].at, &done, &doubt));
	}
	w->out->cut |= doubt && !done;
	return PS_OK;
}

/* --- the whole --- */

/* How many of the chunks are linked as planned. One that was unmapped, or stands on
 * another now, has been popped, and with it all above it. */
static unsigned linked_chunks(const struct capture *c)
{
	for (unsigned i = 0; i < c->ndata; i++) {
		const struct region *r = &c->data[i];
		raddr below = i ? c->data[i - 1].at : 0;

		if (r->len < CHUNK_HEADER || ((!i || i != c->gap) && load64(r->bytes) != below))
			return i;
	}
	return c->ndata;
}

static enum ps_status climb(struct walk *w)
{
	uint32_t top;

	/* The first slot of the first chunk is never used (pystate.c, push_chunk). */
	w->offset = CHUNK_HEADER + 8;
	if (w->nregions)
		keep_unchanged(w);
	do {
		if (w->nregions)
			PS_TRY(climb_data_stack(w));
		if (w->out->short_copy)
			return PS_LIMIT;
		if (w->out->cut || walk_is_back(w))
			return PS_OK;
		top = w->n;
		PS_TRY(climb_generators(w));
		/* What a generator calls is on the data stack again. */
	} while (w->n > top && w->nregions && w->n < FRAMES_MAX);
	return PS_OK;
}

static enum ps_status walk_up(struct walk *w)
{
	*w->out = (struct unwound){ 0 };
	w->current = layout_get(w->u->layout, w->c->state, F_THREAD_FRAME);
	w->base = layout_get(w->u->layout, w->c->state, F_THREAD_BASE_FRAME);
	w->before = comparable_frames(w->u, w->t);
	walk_observe_generators(w);
	PS_TRY(walk_note_places(w));
	return climb(w);
}

enum ps_status unwind_live(struct unwinder *u, struct thread *t, const struct capture *c,
			   struct unwound *ret)
{
	enum { ATTEMPTS = 4 };
	const struct walk start = {
		.u = u, .t = t, .c = c, .out = ret, .nregions = linked_chunks(c)
	};
	struct walk w = start;
	enum ps_status st = PS_TORN;

	*ret = (struct unwound){ 0 };
	u->unwindings++;
	if (!c->state || (c->ndata && !w.nregions))
		return PS_FAULT;
	/* Records became others' meanwhile: what was found before that is void. */
	for (int attempt = 0; st == PS_TORN && attempt < ATTEMPTS; attempt++) {
		uint32_t generation = u->codes->generation;

		w = start;
		st = walk_up(&w);
		if (!st && generation != u->codes->generation)
			st = PS_TORN;
		else if (st == PS_TORN)
			break;
	}
	if (st) {
		t->nframes = t->nstacks = 0;
		return st;
	}
	walk_drop_left(&w);
	walk_drop_cleared(&w);
	ret->moved = c->began && w.n && (w.current != c->began || !walk_is_back(&w));
	if (ret->moved)
		t->moved_at = t->samples;
	walk_note_seen(&w);
	if (t->has_generators && !ret->cut && !ret->told)
		walk_note_ways(&w);
	t->nframes = w.n;
	t->has_frames = w.n != 0;
	if (t->codes_generation != u->codes->generation) {
		t->codes_generation = u->codes->generation;
		frames_seen_clear(t->seen);
		w.same = 0;
	}
	t->nsame = w.same;
	t->gap_at = w.gap_at < w.n ? w.gap_at : 0;
	st = unwind_assign(u, t, w.same);
	ret->truncated = t->truncated;
	return st ? st : walk_put_back(&w);
}
