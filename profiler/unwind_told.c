/* SPDX-License-Identifier: MIT */
/* Generators that the bytecode tells. Copies of their frames are of a moment later than the
 * data stack, and a generator may live for less than that. Where callsite.h knows which
 * one is used, copies only have to say where in its code it is; if they show another
 * generator by then, the latest place at which one was met is taken. */
#include "profiler/unwind_walk.h"

/* The top frame, if it uses a generator that it has just made. */
struct use {
	const struct frame *by;
	uint32_t unit;
	uint32_t generator;
	bool by_c; /* C code runs it, in a call of the frame; else the frame itself does */
};

static bool find_use(struct walk *w, struct use *ret)
{
	struct unwinder *u = w->u;
	const struct frame *f = w->n ? &w->t->frames[w->n - 1] : NULL;

	if (!f || !w->t->has_generators ||
	    !code_unit(u->codes, f->code, f->instr, f->tlbc_index, &ret->unit))
		return false;
	ret->by = f;
	ret->generator = callsite_find(&u->callsites, u->codes, f->code, f->instr, ret->unit);
	ret->by_c = !(code_marks(&u->codes->codes[f->code], ret->unit) & MARK_RESUMES);
	return ret->generator != NO_GENERATOR;
}

uint32_t walk_told_generator(struct walk *w)
{
	struct use use;

	return find_use(w, &use) ? use.generator : NO_GENERATOR;
}

static enum doing doing_of(struct walk *w, uint32_t code, raddr instr, uint32_t unit)
{
	struct unwinder *u = w->u;

	if (callsite_find(&u->callsites, u->codes, code, instr, unit) != NO_GENERATOR)
		return DOING_RESUME;
	return code_marks(&u->codes->codes[code], unit) & MARK_CALLS ? DOING_CALL : DOING_WORK;
}

enum ps_status walk_note_places(struct walk *w)
{
	struct unwinder *u = w->u;

	if (!u->callsites.any)
		return PS_OK;
	for (unsigned i = 0; i < w->c->nforeign; i++) {
		const struct region *r = &w->c->foreign[i];
		struct candidate g;
		uint32_t unit;

		if (r->len != r->size)
			continue;
		candidate_read(u->layout, r->at, r->bytes, &g);
		if (g.owner != OWNER_GENERATOR || !g.previous)
			continue;
		PS_TRY(candidate_judge(u, &g, OWNER_GENERATOR));
		if (g.alive && code_unit(u->codes, g.code, g.instr, g.tlbc_index, &unit))
			callsite_note_place(&u->callsites, g.code, unit,
					    doing_of(w, g.code, g.instr, unit));
	}
	return PS_OK;
}

/* --- what the copies have of it --- */

/* A copy of a frame of that generator function; false: it shows another, or none. */
static bool copy_is_of(struct walk *w, const struct region *r, uint32_t generator,
		       struct candidate *ret)
{
	if (r->len != r->size)
		return false;
	candidate_read(w->u->layout, r->at, r->bytes, ret);
	if (ret->owner != OWNER_GENERATOR || ret->executable != w->u->codes->codes[generator].at)
		return false;
	ret->code = generator;
	ret->alive = true;
	return true;
}

/* Does this `previous` of a generator lead to the frame, by C code if that runs it? */
static bool leads_to(struct walk *w, const struct use *use, raddr previous)
{
	raddr below;

	if (!use->by_c)
		return previous == use->by->at;
	return thread_find_shim(w->t, previous, &below) && below == use->by->at;
}

/* One that the frame runs, as either copy has it. */
static bool find_running(struct walk *w, const struct use *use, struct candidate *ret)
{
	for (unsigned i = 0; i < w->c->nforeign + w->c->nforeign_again; i++) {
		const struct region *r = i < w->c->nforeign
						 ? &w->c->foreign[i]
						 : &w->c->foreign_again[i - w->c->nforeign];

		if (copy_is_of(w, r, use->generator, ret) && leads_to(w, use, ret->previous) &&
		    !walk_frame_is_known(w, ret->at))
			return true;
	}
	return false;
}

/* The one that the frame refers to, as the first copy has it, running or suspended. */
static bool find_referred(struct walk *w, const struct use *use, struct candidate *ret)
{
	for (unsigned i = 0; i < w->c->nforeign; i++) {
		if (copy_is_of(w, &w->c->foreign[i], use->generator, ret) &&
		    walk_top_refers_to(w, ret->at - w->u->layout->generator_frame_at))
			return true;
	}
	return false;
}

/* --- building the chain, the topmost first --- */

void walk_put(struct walk *w, struct chain *chain, raddr at, uint32_t code, uint32_t unit)
{
	const struct code *c = &w->u->codes->codes[code];

	chain->generator[chain->n++] = (struct candidate){
		.at = at,
		.executable = c->at,
		.instr = c->units_at + 2 * (raddr)unit,
		.previous = 0,
		.owner = OWNER_GENERATOR,
		.code = code,
		.alive = true,
	};
	w->out->told = true;
	w->ntold++;
}

/* Nothing stands on the generator, so far as the data stack knows. */
static void tell_on_top(struct walk *w, const struct use *use, struct chain *ret)
{
	uint32_t unit;

	/* 3.13 says of a frame that it executes, and so has resumed nothing itself. */
	if (!use->by_c && !use->by->foreign && extra_executes(w->u->layout, use->by->extra)) {
		ret->known = true;
		return;
	}
	if (find_running(w, use, &ret->generator[0])) {
		ret->n = 1;
		ret->known = true;
		return;
	}
	/* Of generators that call each other, the bytecode does not tell how often. */
	if (use->by->code == use->generator || w->ntold >= TOLD_MAX ||
	    !callsite_place(&w->u->callsites, use->generator, DOING_ON_TOP, &unit))
		return;
	walk_put(w, ret, 0, use->generator, unit);
	ret->known = true;
}

/* C code has the generator, and now runs it and now does not: the copy tells, or else the
 * last copy that did. */
static void tell_under_c(struct walk *w, const struct use *use, struct chain *ret)
{
	struct callsites *s = &w->u->callsites;
	struct candidate g;

	if (find_referred(w, use, &g)) {
		callsite_note_running(s, use->by->code, use->unit, g.previous != 0);
		if (g.previous)
			ret->generator[ret->n++] = g;
		ret->known = true;
	} else if (!callsite_is_running(s, use->by->code, use->unit)) {
		w->out->told = ret->known = true;
	} else {
		tell_on_top(w, use, ret);
	}
}

static bool place_of(struct walk *w, const struct use *use, raddr at, enum doing doing,
		     uint32_t *ret_unit)
{
	for (unsigned i = 0; i < w->c->nforeign + w->c->nforeign_again; i++) {
		const struct region *r = i < w->c->nforeign
						 ? &w->c->foreign[i]
						 : &w->c->foreign_again[i - w->c->nforeign];
		struct candidate g;

		if (r->at == at && copy_is_of(w, r, use->generator, &g) &&
		    code_unit(w->u->codes, g.code, g.instr, g.tlbc_index, ret_unit) &&
		    doing_of(w, g.code, g.instr, *ret_unit) == doing)
			return true;
	}
	return callsite_place(&w->u->callsites, use->generator, doing, ret_unit);
}

/* The generator runs another, which has called what stands on the data stack. */
static void tell_two(struct walk *w, const struct use *use, raddr upper, struct chain *ret)
{
	struct unwinder *u = w->u;
	const struct code *code = &u->codes->codes[use->generator];
	uint32_t resumes, calls, second;

	if (!callsite_place(&u->callsites, use->generator, DOING_RESUME, &resumes))
		return;
	second = callsite_find(&u->callsites, u->codes, use->generator,
			       code->units_at + 2 * (raddr)resumes, resumes);
	/* How many there are is certain only if the second runs no third. */
	if (second == NO_GENERATOR || second == use->generator ||
	    callsite_place(&u->callsites, second, DOING_RESUME, &calls) ||
	    !callsite_place(&u->callsites, second, DOING_CALL, &calls))
		return;
	walk_put(w, ret, upper, second, calls);
	walk_put(w, ret, 0, use->generator, resumes);
	ret->known = true;
}

static enum ps_status tell_between(struct walk *w, const struct use *use, raddr upper,
				   struct chain *ret)
{
	raddr ignored;
	uint32_t unit;

	if (walk_is_bottom(w, upper) || walk_on_data_stack(w, upper) ||
	    thread_find_shim(w->t, upper, &ignored))
		return PS_OK;
	/* The copies may well agree; they also know of more than one or two. */
	PS_TRY(walk_follow(w, upper, ret));
	if (ret->known && ret->n && ret->end == top_address(w) &&
	    ret->generator[ret->n - 1].code == use->generator)
		return PS_OK;
	ret->n = 0;
	ret->known = ret->unread = false;
	thread_need_foreign(w->t, upper, true);
	if (!walk_top_refers_to(w, upper - w->u->layout->generator_frame_at)) {
		tell_two(w, use, upper, ret);
	} else if (place_of(w, use, upper, DOING_CALL, &unit)) {
		walk_put(w, ret, upper, use->generator, unit);
		ret->known = true;
	}
	return PS_OK;
}

enum ps_status walk_tell(struct walk *w, raddr upper, struct chain *ret)
{
	struct use use;

	ret->n = 0;
	ret->known = ret->unread = false;
	ret->end = top_address(w);
	if (!find_use(w, &use))
		return PS_OK;
	if (upper)
		return tell_between(w, &use, upper, ret);
	if (use.by_c)
		tell_under_c(w, &use, ret);
	else
		tell_on_top(w, &use, ret);
	return PS_OK;
}

/* A copy of a moment later may show it where it has gone on to. */
void walk_set_calling(struct walk *w, struct candidate *g, uint32_t callee)
{
	struct unwinder *u = w->u;
	uint32_t unit, place;

	if (g->tlbc_index || !code_unit(u->codes, g->code, g->instr, 0, &unit))
		return;
	if (!callsite_of(&u->callsites, u->codes, g->code, callee, unit, &place) &&
	    (code_marks(&u->codes->codes[g->code], unit) & MARK_CALLS ||
	     !callsite_place(&u->callsites, g->code, DOING_CALL, &place)))
		return;
	g->instr = u->codes->codes[g->code].units_at + 2 * (raddr)place;
}
