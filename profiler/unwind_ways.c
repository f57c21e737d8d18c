/* SPDX-License-Identifier: MIT */
/* Chains of generators that were seen whole at other samples, for those moments in which the
 * copies of their frames contradict each other. The data stack, or what was current a moment
 * from when it was copied, says which generator is on top; ways.h knows by which others the
 * frame below comes to it; and of several ways that one is taken of which the copies show
 * the most. */
#include "profiler/unwind_walk.h"

#include "profiler/mem.h"

enum {
	STEPS_MAX = 8,    /* frames that were pushed since the data stack was copied */
	SUSPENDED_IN = 4, /* units from where a generator runs another to where it yields */
	REFERRED_BONUS = WAY_NODES + 1, /* more than all else */
};

/* What is looked for, and the best that was found so far. */
struct guess {
	struct way_node from;
	uint32_t told;   /* the lowest, by the bytecode; or NO_GENERATOR */
	uint32_t callee; /* what stands on them: the last node of the way; or NO_CALLEE */
	const struct way *way;
	uint32_t n;          /* generators of it */
	uint32_t code, unit; /* of the one on top */
	int score;
};

static bool node_of(const struct walk *w, uint32_t i, struct way_node *ret)
{
	const struct frame *f = &w->t->frames[i];

	ret->code = f->code;
	return code_unit(w->u->codes, f->code, f->instr, f->tlbc_index, &ret->unit);
}

/* As which ways from it are known: also by who has called it, for a function may be there twice, at
 * the same instruction, and run another generator for each of them, as the exit of a context manager
 * does that leaves another. */
static bool hinge_of(const struct walk *w, uint32_t i, struct way_node *ret)
{
	uint32_t caller = i ? w->t->frames[i - 1].code : NO_CALLEE;

	if (!node_of(w, i, ret))
		return false;
	ret->unit = (uint32_t)hash_words(ret->unit, caller);
	return true;
}

/* --- which generator was on top --- */

/* A frame of the data stack that was pushed since that was copied: the later copy of what is
 * above the top frame says who called it. */
static raddr previous_of_pushed(const struct walk *w, raddr at)
{
	const struct layout *l = w->u->layout;

	for (unsigned i = 0; i < w->c->nagain; i++) {
		const struct region *r = &w->c->again[i];

		if (at - r->at < r->len && r->len - (at - r->at) >= l->span[S_FRAME])
			return layout_get(l, r->bytes + (at - r->at), F_FRAME_PREVIOUS);
	}
	return 0;
}

raddr walk_running_after(const struct walk *w)
{
	raddr at = w->current;

	for (unsigned step = 0; step < STEPS_MAX; step++) {
		struct copies copies = walk_foreign_copies(w, at);
		raddr previous;

		if (walk_is_bottom(w, at) || walk_frame_is_known(w, at))
			return 0;
		if (walk_on_data_stack(w, at))
			previous = previous_of_pushed(w, at);
		else if (!thread_knows_generator(w->t, at) && thread_find_shim(w->t, at, &previous))
			previous = copies.bytes ? copies.previous : previous;
		else
			return at;
		at = previous;
	}
	return 0;
}

/* --- choosing a way --- */

static bool is_of(const struct walk *w, const struct region *r, uint32_t code)
{
	return r->len == r->size && (layout_get(w->u->layout, r->bytes, F_FRAME_EXECUTABLE) &
				     ~w->u->layout->tag_mask) == w->u->codes->codes[code].at;
}

/* Do these bytes show a generator of that code which stands there, or has yielded from what
 * it runs there? */
static bool shows(struct walk *w, const struct region *r, const struct way_node *node)
{
	const struct layout *l = w->u->layout;
	struct candidate g;
	uint32_t unit;

	if (!is_of(w, r, node->code))
		return false;
	candidate_read(l, r->at, r->bytes, &g);
	return g.owner == OWNER_GENERATOR &&
	       code_unit(w->u->codes, node->code, g.instr, g.tlbc_index, &unit) &&
	       unit - node->unit <= (g.previous ? 0 : SUSPENDED_IN);
}

static int score_node(struct walk *w, const struct way_node *node, bool lowest)
{
	int best = 0;

	for (unsigned i = 0; i < w->c->nforeign; i++) {
		const struct region *r = &w->c->foreign[i];

		if (!shows(w, r, node) && !shows(w, &w->c->foreign_again[i], node))
			continue;
		best = 1;
		if (!lowest)
			break;
		if (walk_top_refers_to(w, r->at - w->u->layout->generator_frame_at))
			return REFERRED_BONUS;
	}
	return best;
}

static int score_of(struct walk *w, const struct way *way)
{
	int score = 0;

	for (uint32_t i = 0; i + 1 < way->n; i++)
		score += score_node(w, &way->node[i], i == 0);
	return score;
}

/* What runs a generator has it on its stack. So the first one of the way is one to which the
 * top frame refers: by what is known, the one at that address if there is no other, or else one
 * that a copy shows to be of that code. Other frames of the same code, at the same instruction,
 * run other generators: one context manager enters another. */
static bool can_begin(const struct walk *w, const struct way *way, uint32_t n, raddr at)
{
	bool others = false;

	if (n == 1)
		return walk_top_refers_to(w, at - w->u->layout->generator_frame_at);
	for (unsigned i = 0; i < w->c->nforeign; i++) {
		const struct region *r = &w->c->foreign[i], *again = &w->c->foreign_again[i];

		if (!thread_knows_generator(w->t, r->at) ||
		    !walk_top_refers_to(w, r->at - w->u->layout->generator_frame_at))
			continue;
		if (is_of(w, r, way->node[0].code) || is_of(w, again, way->node[0].code))
			return true;
		others = true;
	}
	return !others;
}

/* What a copy shows to run there is run by another frame: its memory was another generator's at
 * the moment of the data stack. */
static bool is_run_elsewhere(const struct walk *w, const struct candidate *g)
{
	raddr below = g->previous;

	return g->previous && g->previous != top_address(w) &&
	       thread_find_shim(w->t, g->previous, &below) && below != top_address(w);
}

/* The generator of which these bytes are a copy; false: of none that is known. */
static bool generator_of(struct walk *w, const struct region *r, struct candidate *ret,
			 uint32_t *ret_unit)
{
	if (r->len != r->size)
		return false;
	candidate_read(w->u->layout, r->at, r->bytes, ret);
	return ret->owner == OWNER_GENERATOR &&
	       code_known(w->u->codes, ret->executable, &ret->code) &&
	       code_unit(w->u->codes, ret->code, ret->instr, ret->tlbc_index, ret_unit);
}

/* One of these ways, the first `generators` nodes of which come to the generator g. */
static void consider_way(struct walk *w, const struct candidate *g, const struct way *way,
			 uint32_t generators, uint32_t unit, int score, struct guess *best)
{
	if (!generators || way->node[generators - 1].code != g->code ||
	    (best->told != NO_GENERATOR && way->node[0].code != best->told) ||
	    (best->way && score <= best->score) || (generators == 1 && is_run_elsewhere(w, g)) ||
	    !can_begin(w, way, generators, g->at))
		return;
	best->way = way;
	best->n = generators;
	best->code = g->code;
	best->unit = unit;
	best->score = score;
}

static void consider(struct walk *w, const struct region *r, struct guess *best)
{
	const struct way *ways[WAYS_EACH];
	struct candidate g;
	uint32_t unit;
	unsigned n;
	bool called = best->callee != NO_CALLEE;

	if (!generator_of(w, r, &g, &unit))
		return;
	n = ways_find(&w->u->ways, best->from, called ? best->callee : g.code, ways);
	for (unsigned i = 0; i < n; i++) {
		uint32_t generators = ways[i]->n - called;

		consider_way(w, &g, ways[i], generators,
			     called && generators ? ways[i]->node[generators - 1].unit : unit,
			     n > 1 ? score_of(w, ways[i]) : 1, best);
	}
}

/* It was not seen yet that a generator there had called this. But by its bytecode it does, both
 * copies say that it is there, and there are ways that come to it. */
static void consider_caller(struct walk *w, const struct region *r, const struct region *again,
			    struct guess *best)
{
	const struct way *ways[WAYS_EACH];
	struct candidate g, later;
	uint32_t unit, ignored;
	unsigned n;

	if (best->way || best->callee == NO_CALLEE || !generator_of(w, r, &g, &unit) ||
	    !generator_of(w, again, &later, &ignored) || later.code != g.code ||
	    !callsite_of(&w->u->callsites, w->u->codes, g.code, best->callee, unit, &unit))
		return;
	n = ways_find(&w->u->ways, best->from, g.code, ways);
	for (unsigned i = 0; i < n; i++)
		consider_way(w, &g, ways[i], ways[i]->n, unit, n > 1 ? score_of(w, ways[i]) : 1,
			     best);
}

bool walk_find_way(struct walk *w, raddr at, uint32_t callee, struct chain *ret)
{
	struct guess best = { .told = walk_told_generator(w), .callee = callee };

	ret->n = 0;
	ret->known = ret->unread = false;
	ret->end = top_address(w);
	if (!w->n || w->c->slow || w->t->frames[w->n - 1].foreign || !w->u->ways.used ||
	    !hinge_of(w, w->n - 1, &best.from))
		return false;
	for (unsigned i = 0; i < w->c->nforeign; i++) {
		if (w->c->foreign[i].at != at)
			continue;
		consider(w, &w->c->foreign[i], &best);
		consider(w, &w->c->foreign_again[i], &best);
		consider_caller(w, &w->c->foreign[i], &w->c->foreign_again[i], &best);
	}
	if (!best.way)
		return false;
	walk_put(w, ret, at, best.code, best.unit);
	for (uint32_t i = best.n - 1; i > 0; i--)
		walk_put(w, ret, 0, best.way->node[i - 1].code, best.way->node[i - 1].unit);
	ret->known = true;
	return true;
}

/* --- links that the data stack itself proves --- */

/* Does the top frame refer to no other generator that is known of the thread? */
static bool refers_to_no_other(const struct walk *w, raddr at)
{
	raddr object = w->u->layout->generator_frame_at;

	for (unsigned i = 0; i < w->c->nforeign; i++) {
		raddr other = w->c->foreign[i].at;

		if (other != at && thread_knows_generator(w->t, other) &&
		    walk_top_refers_to(w, other - object))
			return false;
	}
	return true;
}

/* Was it seen that a generator of this code alone stood between the top frame and what it
 * called; or was nothing seen that did, and there is no other that could? */
static bool can_stand_alone(const struct walk *w, raddr at, uint32_t code, uint32_t callee)
{
	const struct way *ways[WAYS_EACH];
	struct way_node from;
	unsigned n;

	if (!hinge_of(w, w->n - 1, &from) || !ways_have_room(&w->u->ways))
		return false;
	n = ways_find(&w->u->ways, from, callee, ways);
	for (unsigned i = 0; i < n; i++) {
		if (ways[i]->n != 2 || ways[i]->node[0].code != code)
			return false;
	}
	return n || refers_to_no_other(w, at);
}

/* The generator that both copies have there, and where it stands; false: they disagree. */
static bool generator_there(const struct walk *w, raddr at, uint32_t *ret_code, uint32_t *ret_unit)
{
	const struct layout *l = w->u->layout;

	for (unsigned i = 0; i < w->c->nforeign; i++) {
		const struct region *r = &w->c->foreign[i], *again = &w->c->foreign_again[i];
		struct candidate g;

		if (r->at != at || r->len != r->size || again->len != again->size)
			continue;
		candidate_read(l, at, r->bytes, &g);
		if (g.owner != OWNER_GENERATOR || !code_known(w->u->codes, g.executable, ret_code))
			return false;
		return layout_get(l, r->bytes, F_FRAME_EXECUTABLE) ==
			       layout_get(l, again->bytes, F_FRAME_EXECUTABLE) &&
		       w->u->codes->codes[*ret_code].flags & CODE_GENERATOR &&
		       code_unit(w->u->codes, *ret_code, g.instr, g.tlbc_index, ret_unit);
	}
	return false;
}

bool walk_find_linked(struct walk *w, raddr at, uint32_t callee, struct chain *ret)
{
	uint32_t code, unit;

	ret->n = 0;
	ret->known = ret->unread = false;
	ret->end = top_address(w);
	if (!w->n || w->c->slow || !thread_knows_generator(w->t, at) ||
	    !walk_top_refers_to(w, at - w->u->layout->generator_frame_at) ||
	    !generator_there(w, at, &code, &unit) || !can_stand_alone(w, at, code, callee))
		return false;
	thread_need_foreign(w->t, at, true);
	walk_put(w, ret, at, code, unit);
	ret->known = true;
	return true;
}

/* Does the chain behind a frame's caller hold, or begin with, a generator? */
static bool has_generator(const struct walk *w, raddr previous, const struct chain *chain)
{
	struct copies copies = walk_foreign_copies(w, previous);

	return (chain->known && chain->n && chain->end == top_address(w)) ||
	       thread_knows_generator(w->t, previous) ||
	       (copies.bytes &&
		layout_get(w->u->layout, copies.bytes, F_FRAME_OWNER) == OWNER_GENERATOR);
}

bool walk_is_direct(const struct walk *w, const struct candidate *c, const struct chain *chain)
{
	const struct way *ways[WAYS_EACH];
	struct way_node from, hinge;
	raddr ignored;

	return w->n && !w->t->frames[w->n - 1].foreign && !walk_on_data_stack(w, c->previous) &&
	       thread_find_shim(w->t, c->previous, &ignored) &&
	       !has_generator(w, c->previous, chain) && node_of(w, w->n - 1, &from) &&
	       hinge_of(w, w->n - 1, &hinge) && ways_have_room(&w->u->ways) &&
	       !ways_find(&w->u->ways, hinge, c->code, ways) &&
	       ways_find(&w->u->direct, from, c->code, ways);
}

/* --- what C code calls, where there are no generators --- */

static void note_callee(struct walk *w, struct way_node from, uint32_t callee)
{
	const struct way way = { .n = 1, .node = { { .code = callee } } };

	ways_note(&w->u->direct, from, &way);
}

void walk_note_link(struct walk *w, const struct candidate *c)
{
	struct way_node from;

	if (!w->t->frames[w->n - 1].foreign && node_of(w, w->n - 1, &from))
		note_callee(w, from, c->code);
}

bool walk_is_strange(const struct walk *w, const struct candidate *c, const struct chain *chain,
		     struct way_node *ret)
{
	const struct way *ways[WAYS_EACH];

	return w->n && chain->known && !chain->n && top_address(w) != chain->end &&
	       walk_frame_is_known(w, chain->end) && !w->t->frames[w->n - 1].foreign &&
	       node_of(w, w->n - 1, ret) && ways_have_room(&w->u->direct) &&
	       !ways_find(&w->u->direct, *ret, c->code, ways);
}

/* --- noting ways --- */

static bool stood_there(const struct walk *w, const struct frame *f)
{
	const struct candidate g = {
		.at = f->at, .executable = f->executable, .instr = f->instr, .previous = f->previous
	};

	return walk_stood_there(w, &g);
}

/* Can a generator that stands there have the next one run? */
static bool can_run_next(const struct walk *w, const struct way_node *node, bool directly)
{
	unsigned marks = code_marks(&w->u->codes->codes[node->code], node->unit);

	return marks & (directly ? MARK_RESUMES : MARK_RESUMES | MARK_CALLS | MARK_USES);
}

bool walk_chain_hangs_together(const struct walk *w, const struct chain *chain)
{
	for (unsigned i = 1; i < chain->n; i++) {
		const struct candidate *g = &chain->generator[i];
		struct way_node node = { .code = g->code };

		if (!code_unit(w->u->codes, g->code, g->instr, g->tlbc_index, &node.unit) ||
		    !can_run_next(w, &node, chain->generator[i - 1].previous == g->at))
			return false;
	}
	return true;
}

/* Does the generator use one of that code at this instruction, whatever it is that the copies
 * show? Then it is no matter that they are not of one moment. */
static bool is_told_to_run(struct walk *w, const struct way_node *node, const struct frame *f,
			   uint32_t code)
{
	return callsite_find(&w->u->callsites, w->u->codes, node->code, f->instr, node->unit) ==
	       code;
}

/* The same way with what its last generator has called. */
static void note_called(struct walk *w, struct way_node hinge, struct way *way,
			const struct frame *callee)
{
	const struct way_node *last = &way->node[way->n - 1];

	if (way->n == WAY_NODES || callee->previous != callee[-1].at ||
	    !(code_marks(&w->u->codes->codes[last->code], last->unit) & MARK_CALLS))
		return;
	way->node[way->n++] = (struct way_node){ .code = callee->code };
	ways_note(&w->u->ways, hinge, way);
}

/* Of generators [from, to) of the frames, on the one below them. */
static void note_way(struct walk *w, uint32_t from, uint32_t to)
{
	struct way way = { 0 };
	struct way_node hinge, runs;
	const struct frame *below, *lowest = &w->t->frames[from];

	if (!from || !node_of(w, from - 1, &runs) || !hinge_of(w, from - 1, &hinge))
		return;
	below = &w->t->frames[from - 1];
	/* What C code is said to run for a frame may be a link of before, or of after, to another
	 * at the same address; but for that the frame has given C code the generator. */
	if (lowest->previous != below->at &&
	    !walk_refers_to(w, below, lowest->at - w->u->layout->generator_frame_at))
		return;
	if (!can_run_next(w, &runs, lowest->previous == below->at))
		return;
	for (uint32_t i = from; i < to && way.n < WAY_NODES; i++) {
		const struct frame *f = &w->t->frames[i];

		if (!node_of(w, i, &way.node[way.n]))
			return;
		way.n++;
		ways_note(&w->u->ways, hinge, &way);
		if (i + 1 < to && is_told_to_run(w, &way.node[way.n - 1], f, f[1].code))
			continue;
		if (i + 1 == w->n || !stood_there(w, f))
			return;
		if (i + 1 == to)
			note_called(w, hinge, &way, &f[1]);
		else if (!can_run_next(w, &way.node[way.n - 1], f[1].previous == f->at))
			return;
	}
}

/* A frame that C code called for the one below, with no generator in between. */
static void note_direct(struct walk *w, uint32_t i)
{
	const struct frame *f = &w->t->frames[i];
	struct way_node hinge;

	if (f->previous != f[-1].at && node_of(w, i - 1, &hinge) && can_run_next(w, &hinge, false))
		note_callee(w, hinge, f->code);
}

void walk_note_ways(struct walk *w)
{
	uint32_t i = w->n;

	while (i > 0 && w->n - i < CHAIN_MAX) {
		uint32_t to = i;

		while (i > 0 && w->t->frames[i - 1].foreign)
			i--;
		if (i < to)
			note_way(w, i, to);
		else if (--i > 0 && i != w->gap_at && !w->t->frames[i - 1].foreign)
			note_direct(w, i);
	}
}
