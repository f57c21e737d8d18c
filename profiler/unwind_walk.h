/* SPDX-License-Identifier: MIT */
/* profiler/unwind_walk.h - the state of one unwinding, and what it asks of frames outside
 * the data stack. Shared by unwind.c and unwind_foreign.c; not for others. */
#ifndef PROFILER_UNWIND_WALK_H
#define PROFILER_UNWIND_WALK_H

#include "profiler/unwind_frame.h"

enum { CHAIN_MAX = 64, TOLD_MAX = 4 };
#define NO_CALLEE UINT32_MAX

struct walk {
	struct unwinder *u;
	struct thread *t;
	const struct capture *c;
	struct unwound *out;
	raddr current, base; /* current_frame and, 3.15+, the sentinel at the bottom */
	uint32_t n;          /* frames found so far */
	uint32_t same;       /* so many of them are as they were at the last sample */
	uint32_t before;     /* frames of the last sample that are there to compare with */
	unsigned nregions;   /* chunks of the capture that hang together */
	unsigned ntold;      /* generators that were told without a copy */
	uint32_t judged;     /* frames that there were when the top was judged to be still ... */
	bool judgement;      /* ... or not */
	uint32_t gap_at;     /* the first frame behind what was not copied; 0: all was */
	unsigned region;     /* where the next data-stack frame would be: ... */
	uint32_t offset;     /* ... this far into this region */
};

/* The generators through which a chain of `previous` leads, the topmost first. */
struct chain {
	struct candidate generator[CHAIN_MAX];
	unsigned n;
	raddr end; /* the first frame that is no shim and no generator; 0: the bottom */
	bool known, unread;
};

/* Two copies of a foreign frame. */
struct copies {
	const unsigned char *bytes; /* the first; NULL: it was not foreseen, or cannot be read */
	raddr previous;             /* of the first, or, if it was suspended then, of the second */
	bool moved; /* they contradict each other: neither need be true of the data stack */
};

static inline raddr top_address(const struct walk *w)
{
	return w->n ? w->t->frames[w->n - 1].at : 0;
}

/* Is the top frame the one that was current when the sample began? */
static inline bool walk_is_back(const struct walk *w)
{
	return w->c->began && w->c->began == top_address(w);
}

/* A foreign frame that was foreseen. */
struct copies walk_foreign_copies(const struct walk *w, raddr at);
/* Did the top frame so far stand still while the foreign frames were copied? */
bool walk_top_stood_still(struct walk *w);
bool walk_is_bottom(const struct walk *w, raddr at);
bool walk_on_data_stack(const struct walk *w, raddr at);
/* Is it one of the last CHAIN_MAX frames that were found? */
bool walk_frame_is_known(const struct walk *w, raddr at);
/* Follows `previous` from a foreign frame down to one that we have, or the bottom. */
enum ps_status walk_follow(struct walk *w, raddr at, struct chain *ret) PS_MUST_USE;
/* Does the top frame stand where its code resumes generators, if it is said to have resumed
 * the lowest of a chain itself? What C code does is not looked at. */
bool walk_top_can_run(const struct walk *w, const struct candidate *lowest);
/* Is this generator the same in both copies of it, and running? */
bool walk_stood_there(const struct walk *w, const struct candidate *g);
/* Was a chain that ends at the top frame so at the moment of the data stack? */
bool walk_chain_is_believed(struct walk *w, const struct chain *chain);
/* Does this frame, as it was copied, refer to this object in its locals or its stack? */
bool walk_refers_to(const struct walk *w, const struct frame *f, raddr object);
bool walk_top_refers_to(const struct walk *w, raddr object);
/* Notes of each generator whether its two copies ran the same code. */
void walk_observe_generators(struct walk *w);

/* --- unwind_ends.c: frames that are at their end --- */

/* Has the top frame come to its end? */
bool walk_top_returns(const struct walk *w);
/* Drops the top frame if it is being cleared. */
void walk_drop_cleared(struct walk *w);
/* Drops the frames that an exception has left. 3.13 only. */
void walk_drop_left(struct walk *w);
/* Drops the frames that are being popped, if the frame at `end` is below them. */
void walk_drop_dying(struct walk *w, raddr end);

/* --- unwind_moment.c --- */

/* Puts back, upon the thread's stack as it was assigned, what has ended since the sample began, if
 * that can be told. PS_NOMEM, PS_LIMIT. */
enum ps_status walk_put_back(struct walk *w) PS_MUST_USE;
/* Notes what stands there, for that. */
void walk_note_seen(struct walk *w);

/* --- unwind_told.c --- */

/* The generator function of which the top frame runs a generator that it has just made, by
 * its bytecode; NO_GENERATOR: that does not tell. */
uint32_t walk_told_generator(struct walk *w);
/* What stands on the top frame according to its bytecode, below a frame of the data stack
 * whose `previous` is upper, or with nothing above if upper is 0. ret->known: that is
 * certain, though it may be nothing (n 0). */
enum ps_status walk_tell(struct walk *w, raddr upper, struct chain *ret) PS_MUST_USE;
/* Notes where in their code generators are met. */
enum ps_status walk_note_places(struct walk *w) PS_MUST_USE;
/* Adds a generator to the chain, told to stand there; `at` 0: its address is not known. */
void walk_put(struct walk *w, struct chain *chain, raddr at, uint32_t code, uint32_t unit);
/* Puts the chain's topmost generator where its code calls a function of that code. */
void walk_set_calling(struct walk *w, struct candidate *generator, uint32_t callee);

/* --- unwind_ways.c --- */

/* The generator that ran right beside the copy of the data stack, or had called what ran then,
 * if it is above the top frame; else 0. */
raddr walk_running_after(const struct walk *w);
/* The generators from the top frame to the one at that address, as they were seen at other
 * samples: below a frame of the code `callee`, or, NO_CALLEE, whatever is above. */
bool walk_find_way(struct walk *w, raddr at, uint32_t callee, struct chain *ret);
/* The data stack's own copy links a generator to the top frame, which refers to it, and to what
 * lies next, of the code `callee`, which names it as its caller. Whose generator it is, both later
 * copies have to say, and nothing may be known that could stand in between. */
bool walk_find_linked(struct walk *w, raddr at, uint32_t callee, struct chain *ret);
/* Did C code call this frame of the data stack for the top frame, in all samples that were
 * certain without a generator in between? Its entry frame may be another call's by now. `chain`:
 * what walk_follow() found behind that. */
bool walk_is_direct(const struct walk *w, const struct candidate *c, const struct chain *chain);
/* Notes that C code called this frame for the top one, as its entry frame says. */
void walk_note_link(struct walk *w, const struct candidate *c);
/* C code called this frame, and its entry frame leads to another than the top one, from whose
 * place in its code no such frame was ever seen to be called (for sure). *ret: that place. */
bool walk_is_strange(const struct walk *w, const struct candidate *c, const struct chain *chain,
		     struct way_node *ret);
/* Does each generator stand where it can run the next one? If not, the copies of them are of
 * different moments. */
bool walk_chain_hangs_together(const struct walk *w, const struct chain *chain);
/* Notes what is certain in the stack that was found. */
void walk_note_ways(struct walk *w);

#endif
