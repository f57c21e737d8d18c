/* SPDX-License-Identifier: MIT */
/* profiler/collection.h - garbage collections, as a frame of their own.
 *
 * A collection has no Python frame. So the stack of the thread that collects gets a marker
 * on top of the frame that was current when it began; what finalizers run stands above.
 * That a collection runs is read along with the interpreter, see look.h. Which frame it
 * stands on, 3.15 says. Before, it is the top frame of the thread that executes Python when
 * the collection is first seen, and stays that as long as it stands where it stood.
 */
#ifndef PROFILER_COLLECTION_H
#define PROFILER_COLLECTION_H

#include "offsets/layout.h"
#include "profiler/error.h"

struct sampler;
struct thread;

/* Of one interpreter. */
struct collection {
	bool running;  /* at the last look ... */
	uint64_t tick; /* ... which was at this tick */
	raddr frame;   /* that it stands on; 0: not known */
	raddr thread;  /* whose frame that is, and ... */
	raddr instr;   /* ... where it stands */
};

/* What a look has found; told: the frame, where the target says it, else NULL. */
void collection_note(struct collection *c, bool running, const raddr *told, uint64_t tick);

/* After a sample of t was unwound: puts the marker into t->stack if the thread collects;
 * *ret says whether it does. top_known: the stack was not cut. PS_LIMIT, PS_NOMEM: of the
 * profile. */
enum ps_status collection_mark(struct sampler *s, struct thread *t, bool top_known,
			       bool *ret) PS_MUST_USE;

#endif
