/* SPDX-License-Identifier: MIT */
/* From frames to stacks of the profile. */
#include "profiler/unwind_frame.h"

#include <stdlib.h>

enum { RUNS_TRIED = 4096 };

uint32_t comparable_frames(const struct unwinder *u, const struct thread *t)
{
	return t->codes_generation == u->codes->generation ? t->nframes : 0;
}

/* A script of ours stands on a module of its own. */
static bool is_hidden(const struct unwinder *u, const struct thread *t, uint32_t i)
{
	return u->codes->codes[t->frames[i].code].flags & CODE_HIDDEN ||
	       (i + 1 < t->nframes && u->codes->codes[t->frames[i + 1].code].flags & CODE_INJECTED);
}

static uint32_t line_of(struct unwinder *u, const struct frame *f)
{
	uint32_t unit;

	if (code_unit(u->codes, f->code, f->instr, f->tlbc_index, &unit))
		return code_line(&u->codes->codes[f->code], unit);
	return u->codes->codes[f->code].first_line;
}

static enum ps_status push_frame(struct unwinder *u, struct thread *t, uint32_t i, stack_id *stack)
{
	struct frame *f = &t->frames[i];

	if (!is_hidden(u, t, i))
		PS_TRY(profile_push(u->profile, *stack, u->codes->codes[f->code].function,
				    line_of(u, f), stack));
	f->stack = *stack;
	return PS_OK;
}

static enum ps_status push_marker(struct unwinder *u, stack_id *stack)
{
	static const char text[] = "[frames left out: the stack is too deep]";
	struct profile_function f = { .name = { text, sizeof text - 1 }, .kind = FUNCTION_OMITTED };

	PS_TRY(profile_function(u->profile, &f, &u->omitted));
	return profile_push(u->profile, *stack, u->omitted, 0, stack);
}

/* Which frames are kept: all before root_end, and from leaf_start on. */
struct kept {
	bool all;
	uint32_t root_end, leaf_start;
};

static struct kept choose_kept(const struct thread *t)
{
	struct kept k = { .all = t->nframes <= KEEP_ROOT + KEEP_LEAF && !t->gap_at,
			  .root_end = t->nframes,
			  .leaf_start = t->nframes };

	if (k.all)
		return k;
	k.root_end = KEEP_ROOT;
	k.leaf_start = t->nframes > KEEP_LEAF ? t->nframes - KEEP_LEAF : 0;
	if (t->gap_at && t->gap_at < k.root_end)
		k.root_end = t->gap_at;
	if (k.leaf_start < t->gap_at)
		k.leaf_start = t->gap_at;
	if (k.leaf_start < k.root_end)
		k.leaf_start = k.root_end;
	return k;
}

enum ps_status unwind_assign(struct unwinder *u, struct thread *t, uint32_t from)
{
	struct kept kept = choose_kept(t);
	stack_id stack = STACK_EMPTY;

	if (from > t->nstacks)
		from = t->nstacks;
	if (from > kept.root_end)
		from = kept.root_end;
	t->nstacks = from;
	if (from)
		stack = t->frames[from - 1].stack;
	for (uint32_t i = from; i < kept.root_end; i++) {
		PS_TRY(push_frame(u, t, i, &stack));
		t->nstacks = i + 1;
	}
	if (!kept.all) {
		PS_TRY(push_marker(u, &stack));
		for (uint32_t i = kept.leaf_start; i < t->nframes; i++)
			PS_TRY(push_frame(u, t, i, &stack));
	}
	t->truncated = !kept.all;
	t->stack = stack;
	return PS_OK;
}

/* Has the function of that frame been met upon that stack, at whichever of its lines? */
static bool is_known_callee(struct unwinder *u, stack_id stack, const struct frame *f)
{
	const struct code *code = &u->codes->codes[f->code];
	stack_id found;

	if (profile_find(u->profile, stack, code->function, code->first_line, &found))
		return true;
	for (uint32_t i = 0; i < code->nruns && i < RUNS_TRIED; i++) {
		if (profile_find(u->profile, stack, code->function, code->runs[i].line, &found))
			return true;
	}
	return false;
}

enum ps_status unwind_assign_known(struct unwinder *u, struct thread *t, uint32_t from, bool *ret)
{
	stack_id stack = from ? t->frames[from - 1].stack : STACK_EMPTY;

	*ret = false;
	if (!choose_kept(t).all)
		return PS_OK;
	for (uint32_t i = from; i + 1 < t->nframes; i++) {
		struct frame *f = &t->frames[i];

		if (!is_hidden(u, t, i) &&
		    !profile_find(u->profile, stack, u->codes->codes[f->code].function,
				  line_of(u, f), &stack))
			return PS_OK;
		f->stack = stack;
	}
	if (!is_hidden(u, t, t->nframes - 1) &&
	    !is_known_callee(u, stack, &t->frames[t->nframes - 1]))
		return PS_OK;
	PS_TRY(push_frame(u, t, t->nframes - 1, &stack));
	t->nstacks = t->nframes;
	t->stack = stack;
	*ret = true;
	return PS_OK;
}

enum ps_status unwinder_init(struct unwinder *u)
{
	PS_TRY(stillness_init(&u->stillness));
	PS_TRY(ways_init(&u->ways));
	PS_TRY(ways_init(&u->direct));
	return callsites_init(&u->callsites);
}

void unwinder_forget(struct unwinder *u)
{
	stillness_clear(&u->stillness);
	callsites_clear(&u->callsites);
	ways_clear(&u->ways);
	ways_clear(&u->direct);
}

void unwinder_deinit(struct unwinder *u)
{
	stillness_deinit(&u->stillness);
	callsites_deinit(&u->callsites);
	ways_deinit(&u->ways);
	ways_deinit(&u->direct);
	free(u->scratch);
	u->scratch = NULL;
	u->scratch_cap = 0;
}
