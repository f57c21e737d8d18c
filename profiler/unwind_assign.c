/* SPDX-License-Identifier: MIT */
/* From frames to stacks of the profile. */
#include "profiler/unwind_frame.h"

#include <stdlib.h>

uint32_t comparable_frames(const struct unwinder *u, const struct thread *t)
{
	return t->codes_generation == u->codes->generation ? t->nframes : 0;
}

static enum ps_status push_frame(struct unwinder *u, struct frame *f, stack_id *stack)
{
	const struct code *code = &u->codes->codes[f->code];
	uint32_t unit;

	if (!(code->flags & CODE_HIDDEN)) {
		uint32_t line = code->first_line;

		if (code_unit(u->codes, f->code, f->instr, f->tlbc_index, &unit))
			line = code_line(&u->codes->codes[f->code], unit);
		PS_TRY(profile_push(u->profile, *stack, u->codes->codes[f->code].function, line,
				    stack));
	}
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

enum ps_status unwind_assign(struct unwinder *u, struct thread *t, uint32_t from)
{
	bool truncated = t->nframes > KEEP_ROOT + KEEP_LEAF;
	uint32_t whole = truncated ? KEEP_ROOT : t->nframes;
	stack_id stack = STACK_EMPTY;

	if (from > t->nstacks)
		from = t->nstacks;
	if (from > whole)
		from = whole;
	t->nstacks = from;
	if (from)
		stack = t->frames[from - 1].stack;
	for (uint32_t i = from; i < whole; i++) {
		PS_TRY(push_frame(u, &t->frames[i], &stack));
		t->nstacks = i + 1;
	}
	if (truncated) {
		PS_TRY(push_marker(u, &stack));
		for (uint32_t i = t->nframes - KEEP_LEAF; i < t->nframes; i++)
			PS_TRY(push_frame(u, &t->frames[i], &stack));
	}
	t->truncated = truncated;
	t->stack = stack;
	return PS_OK;
}

void unwinder_deinit(struct unwinder *u)
{
	stillness_deinit(&u->stillness);
	free(u->scratch);
	u->scratch = NULL;
	u->scratch_cap = 0;
}
