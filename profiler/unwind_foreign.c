/* SPDX-License-Identifier: MIT */
/* Generators and entry frames: where they stand, and whether that is true of the moment at
 * which the data stack was copied. */
#include "profiler/unwind_walk.h"

enum {
	MET_ENOUGH = 2,   /* further reads that show the same chain */
	NEW_SAMPLES = 64, /* of a thread, in which generator functions are met that were not yet */
	DOUBTED_MAX = 3,  /* reads besides the usual ones, for chains not met before */
};

static struct copies copies_of(const struct walk *w, unsigned i)
{
	const struct layout *l = w->u->layout;
	const struct region *r = &w->c->foreign[i], *again = &w->c->foreign_again[i];
	struct copies c = { 0 };
	raddr later;

	if (r->len != r->size)
		return c;
	c.bytes = r->bytes;
	c.previous = layout_get(l, r->bytes, F_FRAME_PREVIOUS);
	if (again->len != again->size)
		return c;
	later = layout_get(l, again->bytes, F_FRAME_PREVIOUS);
	c.moved = layout_get(l, r->bytes, F_FRAME_EXECUTABLE) !=
			  layout_get(l, again->bytes, F_FRAME_EXECUTABLE) ||
		  (c.previous && later && c.previous != later);
	if (!c.previous)
		c.previous = later;
	return c;
}

struct copies walk_foreign_copies(const struct walk *w, raddr at)
{
	for (unsigned i = 0; i < w->c->nforeign; i++) {
		if (w->c->foreign[i].at == at)
			return copies_of(w, i);
	}
	return (struct copies){ 0 };
}

/* Was this data-stack frame, as the first copy has it, there while the foreign frames
 * were copied? The second copy, after them, tells. *ret_asked: there is one. */
static bool stood_still(const struct walk *w, const struct frame *f, bool *ret_asked)
{
	const struct layout *l = w->u->layout;

	*ret_asked = false;
	for (unsigned i = 0; i < w->c->nagain; i++) {
		const struct region *r = &w->c->again[i];
		const unsigned char *b;

		if (f->at - r->at >= r->len || r->len - (f->at - r->at) < l->span[S_FRAME])
			continue;
		b = r->bytes + (f->at - r->at);
		*ret_asked = true;
		if ((layout_get(l, b, F_FRAME_EXECUTABLE) & ~l->tag_mask) != f->executable ||
		    layout_get(l, b, F_FRAME_INSTR) != f->instr ||
		    layout_get(l, b, F_FRAME_PREVIOUS) != f->previous)
			return false;
	}
	return *ret_asked;
}

/* Did the top frame so far stand still, so that what the foreign frames say of it holds?
 * Of a generator that is as certain as its own place. */
bool walk_top_stood_still(struct walk *w)
{
	const struct frame *f = w->n ? &w->t->frames[w->n - 1] : NULL;
	bool asked, still;
	uint32_t unit;

	if (!f)
		return !w->c->slow;
	if (f->foreign)
		return true; /* it was accepted for the frame below it stood still */
	if (w->judged == w->n)
		return w->judgement;
	still = stood_still(w, f, &asked);
	w->judged = w->n;
	/* A copy that took long is no sign of what is usual; see walk_chain_is_believed(). */
	w->judgement = asked && code_unit(w->u->codes, f->code, f->instr, f->tlbc_index, &unit) &&
		       (w->c->slow ? still && stillness_is_usual(&w->u->stillness, f->code, unit)
				   : stillness_judge(&w->u->stillness, f->code, unit, still));
	return w->judgement;
}

/* Reads a frame that the plan did not foresee, a moment after the rest. */
static bool fetch_foreign(struct walk *w, raddr at, unsigned char *into)
{
	if (at % 8 || at < 4096)
		return false;
	w->out->foreign = true;
	return target_read(w->u->target, at, into, w->u->layout->span[S_FRAME]) == PS_OK;
}

bool walk_is_bottom(const struct walk *w, raddr at)
{
	return at == 0 || at == w->base;
}

bool walk_on_data_stack(const struct walk *w, raddr at)
{
	for (uint32_t i = w->t->nchunks; i > 0; i--) {
		const struct chunk *c = &w->t->chunks[i - 1];

		if (at - c->at < c->size)
			return true;
	}
	return false;
}

bool walk_frame_is_known(const struct walk *w, raddr at)
{
	for (uint32_t i = w->n; i > 0 && w->n - i < CHAIN_MAX; i--) {
		if (w->t->frames[i - 1].at == at)
			return true;
	}
	return false;
}

/* Follows `previous` from a foreign frame down to one that we have, or the bottom. */
enum ps_status walk_follow(struct walk *w, raddr at, struct chain *ret)
{
	unsigned char fetched[256];

	ret->n = 0;
	ret->known = ret->unread = false;
	for (unsigned steps = 0; steps < CHAIN_MAX; steps++) {
		struct copies copies;
		struct candidate *g = &ret->generator[ret->n];

		if (walk_is_bottom(w, at) || walk_frame_is_known(w, at) ||
		    walk_on_data_stack(w, at)) {
			ret->end = walk_is_bottom(w, at) ? 0 : at;
			ret->known = true;
			return PS_OK;
		}
		copies = walk_foreign_copies(w, at);
		if (!copies.bytes && fetch_foreign(w, at, fetched))
			copies.bytes = fetched;
		if (!copies.bytes) {
			ret->unread = true;
			return PS_OK;
		}
		candidate_read(w->u->layout, at, copies.bytes, g);
		if (!g->previous)
			g->previous = copies.previous;
		if (g->owner == OWNER_GENERATOR) {
			w->t->has_generators = true;
			thread_need_foreign(w->t, at, false);
			PS_TRY(candidate_judge(w->u, g, OWNER_GENERATOR));
			/* Suspended in both copies, or moved: another attempt may tell. */
			ret->unread = copies.moved || !g->previous;
			if (!g->alive || ret->unread)
				return PS_OK;
			thread_need_foreign(w->t, at, true);
			ret->n++;
		} else if (g->owner <= OWNER_ENTRY_MAX && g->owner > OWNER_OBJECT &&
			   !thread_knows_generator(w->t, at)) {
			thread_need_foreign(w->t, at, false);
			thread_note_shim(w->t, at, g->previous);
		} else {
			return PS_OK;
		}
		at = g->previous;
	}
	return PS_OK;
}

bool walk_top_refers_to(const struct walk *w, raddr object)
{
	return walk_refers_to(w, &w->t->frames[w->n - 1], object);
}

/* 3.14+ tells how high the stack was; 3.13 only where it has called Python. */
bool walk_refers_to(const struct walk *w, const struct frame *f, raddr object)
{
	const struct layout *l = w->u->layout;
	unsigned i = 0;
	const struct region *r;
	uint32_t at, from, end;

	while (i < w->nregions && f->at - w->c->data[i].at >= w->c->data[i].len)
		i++;
	if (f->foreign || i == w->nregions)
		return false;
	r = &w->c->data[i];
	at = (uint32_t)(f->at - r->at);
	from = at + l->frame_locals_at;
	end = at + f->next;
	if (end > r->len || end < from)
		return false;
	if (layout_has(l, F_FRAME_STACKPOINTER)) {
		raddr top = layout_get(l, r->bytes + at, F_FRAME_STACKPOINTER) - r->at;

		if (top % 8 || top < from || top > end)
			return false;
		end = (uint32_t)top;
	} else if ((int32_t)(uint32_t)f->extra >= 0 && (uint32_t)f->extra <= (end - from) / 8) {
		end = from + (uint32_t)f->extra * 8;
	}
	for (uint32_t word = from; word + 8 <= end; word += 8) {
		if ((load64(r->bytes + word) & ~l->tag_mask) == object)
			return true;
	}
	return false;
}

static unsigned top_marks(const struct walk *w)
{
	const struct frame *f = &w->t->frames[w->n - 1];
	uint32_t unit;

	return code_unit(w->u->codes, f->code, f->instr, f->tlbc_index, &unit)
		       ? code_marks(&w->u->codes->codes[f->code], unit)
		       : 0;
}

bool walk_top_can_run(const struct walk *w, const struct candidate *lowest)
{
	return !w->n || lowest->previous != top_address(w) || top_marks(w) & MARK_RESUMES;
}

bool walk_stood_there(const struct walk *w, const struct candidate *g)
{
	const struct layout *l = w->u->layout;

	for (unsigned i = 0; i < w->c->nforeign; i++) {
		const struct region *r = &w->c->foreign[i], *again = &w->c->foreign_again[i];

		if (r->at == g->at)
			return r->len == r->size && again->len == again->size && g->previous &&
			       layout_get(l, again->bytes, F_FRAME_INSTR) == g->instr &&
			       layout_get(l, again->bytes, F_FRAME_PREVIOUS) == g->previous &&
			       (layout_get(l, again->bytes, F_FRAME_EXECUTABLE) & ~l->tag_mask) ==
				       g->executable;
	}
	return false;
}

/* We did not run for a while, or the machine is slow: that the frame below is the same as
 * before is no proof. But if all is the same at four moments, then it stands. */
static bool chain_stood_there(const struct walk *w, const struct chain *chain)
{
	for (unsigned i = 0; i < chain->n; i++) {
		if (!walk_stood_there(w, &chain->generator[i]))
			return false;
	}
	return true;
}

static bool chain_is_steady(const struct walk *w, const struct chain *chain)
{
	for (unsigned i = 0; i < chain->n; i++) {
		if (!thread_is_steady(w->t, chain->generator[i].at))
			return false;
	}
	return true;
}

/* In this sample or the one before it, by another read than this. */
static struct meeting *find_meeting(struct unwinder *u, const struct meeting *now)
{
	for (unsigned i = 0; i < MEETINGS; i++) {
		struct meeting *m = &u->meeting[i];

		if (m->thread == now->thread && m->chain == now->chain &&
		    now->sample - m->sample <= 1)
			return m;
	}
	return NULL;
}

static unsigned meetings_in(const struct unwinder *u, const struct meeting *now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MEETINGS; i++)
		n += u->meeting[i].thread == now->thread && u->meeting[i].sample == now->sample;
	return n;
}

/* The same chain on the same frame, by three reads one after another, and it stood still each
 * time: two might be as far apart as a loop takes. */
static bool is_met_again(struct walk *w, const struct chain *chain)
{
	struct unwinder *u = w->u;
	const struct frame *f = &w->t->frames[w->n - 1];
	struct meeting *before,
		now = { .thread = w->t->at, .sample = w->t->samples, .unwinding = u->unwindings };

	if (!walk_top_stood_still(w) || !chain_stood_there(w, chain))
		return false;
	now.chain = hash_words(hash_words(f->at, f->executable), f->instr);
	for (unsigned i = 0; i < chain->n; i++)
		now.chain = hash_words(hash_words(now.chain, chain->generator[i].at),
				       chain->generator[i].executable);
	before = find_meeting(u, &now);
	if (!before) {
		/* To be read once more, but not for ever where each read shows another chain. */
		w->out->doubted |= meetings_in(u, &now) < DOUBTED_MAX;
		u->meeting[u->next_meeting++ % MEETINGS] = now;
		return false;
	}
	before->sample = now.sample;
	if (before->unwinding != now.unwinding) {
		before->unwinding = now.unwinding;
		before->times++;
	}
	w->out->doubted |= before->times < MET_ENOUGH;
	return before->times >= MET_ENOUGH;
}

static bool stands_long(const struct walk *w)
{
	const struct frame *f = &w->t->frames[w->n - 1];
	uint32_t unit;

	return code_unit(w->u->codes, f->code, f->instr, f->tlbc_index, &unit) &&
	       stillness_is_certain(&w->u->stillness, f->code, unit);
}

/* C code runs it. If the top frame stands where it gives something to C code, and refers to it,
 * that is as good as having resumed it. Else nothing but addresses says that they belong
 * together, and a loop that takes as long as the copies are apart has other frames at the same
 * ones in between; unless they change seldom. *ret_seen: the first. Returns whether it is
 * believed all the same. */
static bool is_believed_unseen(struct walk *w, const struct chain *chain, bool *ret_seen)
{
	const struct candidate *lowest = &chain->generator[chain->n - 1];
	bool gives = top_marks(w) & (MARK_RESUMES | MARK_CALLS | MARK_USES);

	*ret_seen = gives && walk_top_refers_to(w, lowest->at - w->u->layout->generator_frame_at);
	if (*ret_seen)
		return false;
	if (gives && walk_top_stood_still(w) &&
	    (chain_is_steady(w, chain) || (!w->c->slow && stands_long(w))))
		return true;
	return is_met_again(w, chain);
}

/* The generator functions of a program are met one after another. Until that of a loop is, its
 * bytecode cannot tell which one it is, but that it is none of the others. */
static bool is_of_another(const struct walk *w, uint32_t generator)
{
	const struct frame *f = w->n ? &w->t->frames[w->n - 1] : NULL;
	uint32_t unit;

	return f && w->t->samples < NEW_SAMPLES &&
	       code_unit(w->u->codes, f->code, f->instr, f->tlbc_index, &unit) &&
	       callsite_excludes(&w->u->callsites, w->u->codes, f->code, f->instr, unit, generator);
}

/* The chain ends at the top frame. Was it so at the moment of the data stack? If that
 * frame stood still, yes. If not, the chain may be of a moment later; but generators that
 * live long, the lowest of which the top frame itself refers to, stand so whenever they
 * run, so that the stack is one that exists, if that frame stands where it calls. */
bool walk_chain_is_believed(struct walk *w, const struct chain *chain)
{
	const struct candidate *lowest = &chain->generator[chain->n - 1];
	uint32_t told = chain->n ? walk_told_generator(w) : NO_GENERATOR;

	if (told != NO_GENERATOR && lowest->code != told)
		return false;
	if (chain->n && is_of_another(w, lowest->code))
		return false;
	if (chain->n && !walk_top_can_run(w, lowest))
		return false;
	if (w->n && chain->n && lowest->previous != top_address(w)) {
		bool seen, believed = is_believed_unseen(w, chain, &seen);

		if (!seen)
			return believed;
	}
	if (walk_top_stood_still(w) && (!w->c->slow || chain_stood_there(w, chain)))
		return true;
	return w->n && chain->n && chain_is_steady(w, chain) &&
	       walk_top_refers_to(w, lowest->at - w->u->layout->generator_frame_at);
}

void walk_observe_generators(struct walk *w)
{
	const struct layout *l = w->u->layout;

	for (unsigned i = 0; i < w->c->nforeign; i++) {
		const struct region *r = &w->c->foreign[i], *again = &w->c->foreign_again[i];

		if (r->len == r->size && again->len == again->size)
			thread_observe_generator(
				w->t, r->at,
				layout_get(l, r->bytes, F_FRAME_EXECUTABLE) ==
					layout_get(l, again->bytes, F_FRAME_EXECUTABLE));
	}
}
