/* SPDX-License-Identifier: MIT */
/* Sources: _PyErr_StackItem and current_exception in cpython/pystate.h; gen_send_ex2() in
 * Objects/genobject.c, SEND_GEN and FOR_ITER_GEN in Python/bytecodes.c, which push the item
 * of a generator, and YIELD_VALUE, which pops it. An item without an exception holds null:
 * since 3.11 None is not stored (POP_EXCEPT, PyErr_SetHandledException). */
#include "profiler/exceptions.h"

enum {
	ITEMS_MAX = FOREIGN_MAX + 1, /* of a chain, whatever it does */
	FETCHED_MAX = 4,
};

/* A generator's item is copied together with its frame. */
static const unsigned char *copied(const struct layout *l, const struct capture *c, raddr item)
{
	for (unsigned i = 0; i < c->nforeign; i++) {
		const struct region *r = &c->foreign[i];

		if (r->at == item + l->exc_before_frame && r->len == r->size &&
		    r->before >= l->exc_before_frame)
			return r->bytes - l->exc_before_frame;
	}
	return NULL;
}

/* Does a generator's item on the way from the topmost to the thread's own hold one? */
static bool generators_handle(struct exceptions *e, const struct capture *c, raddr item, raddr own,
			      unsigned fetch)
{
	const struct layout *l = e->layout;
	bool handled = false;

	for (unsigned n = 0; n < ITEMS_MAX && item; n++) {
		unsigned char fetched[64];
		const unsigned char *b;

		if (item == own) {
			e->proved = true;
			return handled;
		}
		b = copied(l, c, item);
		if (!b && fetch && item % 8 == 0 && item >= 4096) {
			fetch--;
			if (target_read(e->target, item, fetched, l->span[S_EXC]) == PS_OK)
				b = fetched;
		}
		if (!b)
			break;
		handled |= layout_get(l, b, F_EXC_VALUE) != 0;
		if (handled && e->proved)
			return true;
		item = layout_get(l, b, F_EXC_PREVIOUS);
	}
	return handled && e->proved;
}

enum exception_state exceptions_of(struct exceptions *e, const struct thread *t,
				   const struct capture *c, bool may_read)
{
	const struct layout *l = e->layout;
	raddr item = layout_get(l, c->state, F_THREAD_EXC_INFO);
	raddr own = t->at + l->at[F_THREAD_EXC_STATE];
	bool handled = layout_get(l, c->state, F_THREAD_EXC_VALUE) != 0;

	if (item == own)
		e->proved = true;
	else if (!handled || !e->proved)
		handled |= generators_handle(e, c, item, own, may_read ? FETCHED_MAX : 0);
	if (!e->proved)
		return EXCEPTION_NONE;
	if (layout_get(l, c->state, F_THREAD_RAISED))
		return EXCEPTION_RAISED;
	return handled ? EXCEPTION_HANDLED : EXCEPTION_NONE;
}
