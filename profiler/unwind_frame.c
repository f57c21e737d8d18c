/* SPDX-License-Identifier: MIT */
#include "profiler/unwind_frame.h"

#include <stdlib.h>

void candidate_read(const struct layout *l, raddr at, const unsigned char *bytes,
		    struct candidate *ret)
{
	*ret = (struct candidate){
		.at = at,
		.executable = layout_get(l, bytes, F_FRAME_EXECUTABLE) & ~l->tag_mask,
		.instr = layout_get(l, bytes, F_FRAME_INSTR),
		.previous = layout_get(l, bytes, F_FRAME_PREVIOUS),
		.owner = (uint8_t)layout_get(l, bytes, F_FRAME_OWNER),
		.tlbc_index = (uint32_t)layout_get(l, bytes, F_FRAME_TLBC_INDEX),
		.extra = layout_get(l, bytes, F_FRAME_STACKTOP),
	};
}

/* 3.13: frames that were popped, or are on their way out, for which unwind.h has the
 * rule. A live caller's stacktop is at least its locals; one that executes has -1. */
static bool looks_popped(const struct code *code, uint64_t extra, uint32_t unit)
{
	int32_t stacktop = (int32_t)(uint32_t)extra;

	/* Up to the end it executes; its stacktop is saved as it is unlinked (RETURN_VALUE). */
	if (stacktop == -1)
		return false;
	if (code_marks(code, unit) & MARK_RETURNS || stacktop < -1)
		return true;
	return (uint32_t)stacktop < code->nlocalsplus || (uint32_t)stacktop * 8 > code->frame_bytes;
}

/* As far as the record of its code object goes. */
static bool looks_alive(struct unwinder *u, const struct candidate *c, uint8_t owner)
{
	const struct code *code;
	uint32_t unit;
	bool generator;

	if (!code_unit(u->codes, c->code, c->instr, c->tlbc_index, &unit))
		return false;
	code = &u->codes->codes[c->code];
	/* RETURN_GENERATOR moves a generator's frame into its object and leaves the slot on
	 * the data stack as it was: such code is alive in its object only. */
	generator = code->flags & CODE_GENERATOR;
	return generator == (owner == OWNER_GENERATOR) &&
	       (u->layout->clears_executable || !looks_popped(code, c->extra, unit));
}

/* Seems dead; but by the record of an object that was freed since, and whose memory another
 * has now? Nobody else would look: only frames that are on the stack get verified. */
static enum ps_status look_again(struct unwinder *u, struct candidate *c, uint8_t owner)
{
	bool renewed;
	enum ps_status st = code_renew(u->codes, c->code, &renewed);

	if (st == PS_TORN || st == PS_FAULT || st == PS_LIMIT)
		return PS_OK;
	PS_TRY(st);
	if (!renewed)
		return PS_OK;
	unwinder_forget(u);
	c->alive = looks_alive(u, c, owner);
	return PS_OK;
}

enum ps_status candidate_judge(struct unwinder *u, struct candidate *c, uint8_t owner)
{
	enum ps_status st;

	/* The cheap questions first: most dead slots end here. */
	c->alive = false;
	if (!c->executable || c->owner != owner || !c->previous || c->previous % 8 ||
	    c->executable % 8 || c->instr % 2)
		return PS_OK;
	st = code_find(u->codes, c->executable, &c->code);
	if (st == PS_TORN || st == PS_FAULT)
		return PS_OK;
	PS_TRY(st);
	c->alive = looks_alive(u, c, owner);
	return c->alive ? PS_OK : look_again(u, c, owner);
}

enum ps_status frames_reserve(struct frame **frames, uint32_t *cap, uint32_t n)
{
	uint32_t wanted = *cap ? *cap : 64;
	struct frame *grown;

	if (n <= *cap)
		return PS_OK;
	while (wanted < n)
		wanted *= 2;
	grown = realloc(*frames, wanted * sizeof **frames);
	if (!grown)
		return PS_NOMEM;
	*frames = grown;
	*cap = wanted;
	return PS_OK;
}
