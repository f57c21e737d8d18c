/* SPDX-License-Identifier: MIT */
/* The stack of a thread that stands still: from current_frame down, by `previous`, as the
 * interpreter itself has it. The steps are bounded, whatever the chain does. */
#include "profiler/unwind_frame.h"

/* A frame's bytes, from the capture or, into room, by a read of its own: nothing moves. */
static const unsigned char *frame_bytes(struct unwinder *u, struct thread *t,
					const struct capture *c, raddr at, unsigned char *room)
{
	uint32_t need = u->layout->span[S_FRAME];

	for (unsigned i = 0; i < c->ndata + c->nforeign; i++) {
		const struct region *r = i < c->ndata ? &c->data[i] : &c->foreign[i - c->ndata];

		if (at - r->at < r->len && need <= r->len - (at - r->at))
			return r->bytes + (at - r->at);
	}
	if (at % 8 || at < 4096 || target_read(u->target, at, room, need))
		return NULL;
	thread_need_foreign(t, at, false);
	return room;
}

/* Into u->scratch, the leaf first. */
static enum ps_status descend(struct unwinder *u, struct thread *t, const struct capture *c,
			      uint32_t *ret_n)
{
	raddr at = layout_get(u->layout, c->state, F_THREAD_FRAME);
	raddr base = layout_get(u->layout, c->state, F_THREAD_BASE_FRAME);
	unsigned char room[256];
	uint32_t n = 0;

	for (uint32_t steps = 0; at && at != base; steps++) {
		const unsigned char *b = frame_bytes(u, t, c, at, room);
		struct candidate f;

		if (!b || steps == 4 * FRAMES_MAX)
			return PS_TORN;
		candidate_read(u->layout, at, b, &f);
		at = f.previous;
		if (f.owner > OWNER_OBJECT)
			continue;
		PS_TRY(code_find(u->codes, f.executable, &f.code));
		PS_TRY(frames_reserve(&u->scratch, &u->scratch_cap, n + 1));
		u->scratch[n++] = (struct frame){ .at = f.at,
						  .executable = f.executable,
						  .instr = f.instr,
						  .previous = f.previous,
						  .code = f.code,
						  .tlbc_index = f.tlbc_index,
						  .foreign = f.owner == OWNER_GENERATOR };
	}
	*ret_n = n;
	return PS_OK;
}

static bool is_same_frame(const struct frame *a, const struct frame *b)
{
	return a->at == b->at && a->executable == b->executable && a->instr == b->instr;
}

/* Turns the scratch round into t->frames; returns how many are as they were. */
static uint32_t take_over(struct unwinder *u, struct thread *t, uint32_t n)
{
	uint32_t before = comparable_frames(u, t), same = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct frame *fresh = &u->scratch[n - 1 - i];

		if (same == i && i < before && is_same_frame(&t->frames[i], fresh))
			same++;
		else
			t->frames[i] = *fresh;
	}
	return same;
}

enum ps_status unwind_stopped(struct unwinder *u, struct thread *t, const struct capture *c,
			      struct unwound *ret)
{
	enum ps_status st;
	uint32_t n = 0;

	*ret = (struct unwound){ 0 };
	if (!c->state)
		return PS_FAULT;
	st = descend(u, t, c, &n);
	if (!st)
		st = frames_reserve(&t->frames, &t->frames_cap, n);
	if (st) {
		t->nframes = t->nstacks = 0;
		return st;
	}
	t->nsame = take_over(u, t, n);
	t->nframes = n;
	t->gap_at = 0;
	t->has_frames = n != 0;
	t->codes_generation = u->codes->generation;
	st = unwind_assign(u, t, t->nsame);
	ret->truncated = t->truncated;
	return st;
}
