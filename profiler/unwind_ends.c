/* SPDX-License-Identifier: MIT */
/* Frames that are at their end: what a copy still shows of them, and the interpreter has done with. */
#include "profiler/unwind_walk.h"

/* 3.14+: a frame that ends is unlinked, then its locals are cleared from the top down, then
 * its executable (_PyEval_FrameClearAndPop, _PyFrame_ClearLocals in Python/frame.c). The
 * clearing sets the stack pointer below the locals first, where no live frame has it. What
 * it takes is the caller's time, as it is for the interpreter. */
static bool top_is_cleared(const struct walk *w)
{
	const struct layout *l = w->u->layout;
	const struct frame *f = w->n > 1 ? &w->t->frames[w->n - 1] : NULL;
	const struct region *r = &w->c->data[w->region];
	uint32_t nlocalsplus;
	raddr pointer;

	if (!f || f->foreign || !layout_has(l, F_FRAME_STACKPOINTER) ||
	    f->at - r->at > r->len - l->span[S_FRAME])
		return false;
	nlocalsplus = w->u->codes->codes[f->code].nlocalsplus;
	pointer = layout_get(l, r->bytes + (f->at - r->at), F_FRAME_STACKPOINTER);
	return nlocalsplus && pointer - f->at < l->frame_locals_at + nlocalsplus * 8ull;
}

static void drop_top(struct walk *w)
{
	w->n--;
	w->judged = 0; /* that was of another frame */
	if (w->same > w->n)
		w->same = w->n;
}

/* 3.13: a frame that an exception leaves, and that its traceback holds on to, stays as it
 * was when it called (take_ownership in Python/frame.c). While the copy goes up the stack,
 * the target may come down it: then none of the frames is one that executes, though the
 * topmost always is, unless it runs a generator. What was current then is the top. */
void walk_drop_left(struct walk *w)
{
	const struct layout *l = w->u->layout;
	uint32_t at = w->n, unit;
	const struct frame *f = w->n ? &w->t->frames[w->n - 1] : NULL;

	if (!f || !layout_has(l, F_FRAME_STACKTOP) || f->foreign || extra_executes(l, f->extra) ||
	    !code_unit(w->u->codes, f->code, f->instr, f->tlbc_index, &unit) ||
	    code_marks(&w->u->codes->codes[f->code], unit) & MARK_RESUMES)
		return;
	while (at > 0 && w->t->frames[at - 1].at != w->current)
		at--;
	while (at > 0 && w->n > at)
		drop_top(w);
}

void walk_drop_cleared(struct walk *w)
{
	if (top_is_cleared(w))
		drop_top(w);
}

bool walk_top_returns(const struct walk *w)
{
	const struct frame *f = w->n ? &w->t->frames[w->n - 1] : NULL;
	uint32_t unit;

	return f && (top_is_cleared(w) ||
		     (code_unit(w->u->codes, f->code, f->instr, f->tlbc_index, &unit) &&
		      code_marks(&w->u->codes->codes[f->code], unit) & MARK_RETURNS));
}

/* A frame that is being popped runs destructors: what they call, by C code, stands above
 * it on the data stack, but for the interpreter it is gone already. That another frame
 * called it, its entry frame says alone, which is copied later than the data stack and may
 * be another's by then, at the same place of the C stack. */
void walk_drop_dying(struct walk *w, raddr end)
{
	while (w->n && top_address(w) != end && walk_frame_is_known(w, end) && walk_top_returns(w))
		drop_top(w);
}
