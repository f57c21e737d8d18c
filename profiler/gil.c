/* SPDX-License-Identifier: MIT */
/* Facts of CPython 3.13 to 3.15 (Python/ceval_gil.c, take_gil() and drop_gil(); pystate.c):
 *  - Who takes the GIL and is not its last holder stores itself as `last_holder` and adds 1
 *    to `switch_number`, between the lock and the unlock of a mutex: in either order, but
 *    both before it executes anything, and while nobody else holds the GIL.
 *  - A thread is attached (its status says active) only after it took the GIL and until it
 *    drops it. Only then it changes its frames.
 *  - _gil lies in the main interpreter, and all its threads use that one.
 * All takers do it in the same order, for take_gil() is one function. Who lets go through the
 * PyEval_ReleaseLock() that is left for old extensions stays active, but still stores and counts
 * when it comes back.
 *
 * A look reads, in this order: the count, the holder, the count. It is whole if both counts
 * are the same. x86 keeps stores in order, and loads, so the words are seen in order.
 *
 * 1. Two whole looks, the same count n in both: who ran in between is in one of them.
 *    Let T run then. It is the holder of number n, for to take the GIL again it would have
 *    to count if anybody had stored himself meanwhile. If it stored itself before the first
 *    look read the holder, that look has T; for another would have had to take the GIL
 *    first and to count. Else it had counted before it stored itself, was interrupted in
 *    between, and has stored itself when it runs, so before the second look, which has T:
 *    there a next one would count before it stores, and the second look is whole.
 * 2. The second has n + 1, and both are proved: the holder was seen attached between two
 *    readings of the same count, so it is the holder of that number. Then who ran in
 *    between is the holder of n or that of n + 1, and both looks have theirs.
 */
#include "profiler/gil.h"

/* The order of loads and stores that the proof needs. */
#ifdef __x86_64__
#define ORDERED 1
#else
#define ORDERED 0
#endif

/* As the words came; `got` of the first of them. */
struct words {
	uint64_t before, holder, after;
	uint32_t status; /* of the thread that held it at the last look ... */
	uint64_t last;   /* ... and the count after it */
};

/* One that ends stays active for good (_PyThreadState_DeleteCurrent() in Python/pystate.c), but
 * is marked as cleared before it drops the GIL. */
static bool is_attached(const struct layout *l, uint32_t status)
{
	return (status & (l->gil_holder | l->status_gone)) == l->gil_holder;
}

static enum ps_status read_words(const struct gil *g, struct target *t, const struct layout *l,
				 struct words *w, bool *ret_whole, bool *ret_status)
{
	raddr count = g->interpreter + l->at[F_INTERP_GIL_SWITCHES];
	raddr holder = g->interpreter + l->at[F_INTERP_GIL_HOLDER];
	raddr status = g->view.holder + l->at[F_THREAD_STATUS];
	struct iovec local[] = { { &w->before, 8 },
				 { &w->holder, 8 },
				 { &w->after, 8 },
				 { &w->status, 4 },
				 { &w->last, 8 } };
	struct iovec remote[] = { { (void *)(uintptr_t)count, 8 },
				  { (void *)(uintptr_t)holder, 8 },
				  { (void *)(uintptr_t)count, 8 },
				  { (void *)(uintptr_t)status, 4 },
				  { (void *)(uintptr_t)count, 8 } };
	unsigned n = g->view.holder ? 5 : 3;
	size_t got;
	enum ps_status st = target_readv(t, local, n, remote, n, &got);

	if (st != PS_OK && st != PS_FAULT)
		return st;
	*ret_whole = got >= 24 && w->before == w->after;
	*ret_status = got == 36 && w->last == w->after;
	return PS_OK;
}

/* The holder is another than at the last look, so its status was not read along. */
static enum ps_status prove(const struct gil *g, struct target *t, const struct layout *l,
			    struct gil_view *v)
{
	uint32_t status = 0;
	uint64_t count = 0;
	struct iovec local[] = { { &status, 4 }, { &count, 8 } };
	struct iovec remote[] = {
		{ (void *)(uintptr_t)(v->holder + l->at[F_THREAD_STATUS]), 4 },
		{ (void *)(uintptr_t)(g->interpreter + l->at[F_INTERP_GIL_SWITCHES]), 8 }
	};
	size_t got;
	enum ps_status st = target_readv(t, local, 2, remote, 2, &got);

	if (st != PS_OK && st != PS_FAULT)
		return st;
	v->proved = got == 12 && count == v->switches && is_attached(l, status);
	return PS_OK;
}

static bool nobody_else_ran(const struct gil_view *from, const struct gil_view *to)
{
	if (!from->whole || !to->whole)
		return false;
	return to->switches == from->switches ||
	       (to->switches == from->switches + 1 && from->proved && to->proved);
}

static bool can_be_count(uint64_t word, uint32_t lived)
{
	enum { FEW = 4 }; /* threads, whose number a word that is something else may exceed, too */
	const uint64_t most = UINT64_C(1) << 40; /* a hundred thousand a second for months */

	return lived >= FEW && word >= lived && word < most;
}

enum ps_status gil_look(struct gil *g, struct target *t, const struct layout *l, raddr main,
			uint32_t lived)
{
	struct gil_view last, v = { 0 };
	struct words w = { 0 };
	bool attached;

	if (g->interpreter != main)
		*g = (struct gil){ .interpreter = main, .looks = g->looks, .off = g->off };
	last = g->view;
	gil_pass(g);
	if (!ORDERED || g->off || !main || !layout_has(l, F_INTERP_GIL_SWITCHES))
		return PS_OK;
	PS_TRY(read_words(g, t, l, &w, &v.whole, &attached));
	v.switches = w.before;
	v.holder = w.holder;
	if (v.whole && v.holder == last.holder)
		v.proved = attached && is_attached(l, w.status);
	else if (v.whole && v.holder)
		PS_TRY(prove(g, t, l, &v));
	if (last.whole && v.whole &&
	    (can_be_count(v.switches, lived) ||
	     (v.switches > last.switches && v.holder != last.holder)))
		g->counts = true;
	g->still = g->counts && nobody_else_ran(&last, &v);
	g->runner[0] = last.holder;
	g->runner[1] = v.holder;
	g->view = v;
	return PS_OK;
}

void gil_pass(struct gil *g)
{
	g->looks++;
	g->still = false;
	g->view = (struct gil_view){ .holder = g->view.holder };
}

bool gil_stood_still(const struct gil *g, const struct thread *t)
{
	return g->still && t->interpreter == g->interpreter && t->at != g->runner[0] &&
	       t->at != g->runner[1];
}

void gil_doubt(const struct gil *g, struct thread *t)
{
	t->doubted_at = g->looks;
}

void gil_settle_doubt(struct gil *g, const struct thread *t)
{
	if (t->doubted_at && t->doubted_at == g->looks - 1 && gil_stood_still(g, t))
		g->off = true;
}
