/* SPDX-License-Identifier: MIT */
/* profiler/unwind.h - from the bytes of one sample to a stack that existed.
 *
 * The target runs on while it is read. The copy of its data stack is nearly one instant;
 * current_frame, read a little later, is not of that instant. So the stack is rebuilt
 * from the bottom of the copy: a frame's child lies right behind it (or at the start of
 * the next chunk) and names it as `previous`; the first slot that is not alive ends the
 * stack. Frames outside the data stack (generators, and the entry frames by which C code
 * calls Python) come in where a `previous` leads through them. A stack of many pages, or of
 * nothing but the data stack, ends at the frame that was current before it was copied
 * (unwind_moment.c).
 *
 * Alive is: the executable is a code object, the instruction pointer lies in its
 * bytecode, the owner is the thread. 3.14+ clears the executable of a popped frame, so
 * that this is exact but for the moment of clearing, which the stack pointer tells. 3.13
 * does not; there a frame is dead if it stands at a return instruction with its stacktop
 * saved, or its stacktop is 0 though it has locals (both are left by a frame that was
 * popped), and one that executes (stacktop -1) has no child but through C.
 */
#ifndef PROFILER_UNWIND_H
#define PROFILER_UNWIND_H

#include "profiler/callsite.h"
#include "profiler/capture.h"
#include "profiler/code.h"
#include "profiler/stillness.h"
#include "profiler/ways.h"

/* A call that cannot be, as far as the bytecode or the entry frame of C code tells, and how often it
 * was met in one go. */
struct doubt {
	raddr thread;
	uint32_t sample, below, code, unit, callee; /* below: frames that there are */
	uint32_t times;
};

/* A chain of generators that nothing but addresses ties to the frame below, and when it was
 * met. */
struct meeting {
	raddr thread;
	uint32_t sample, unwinding;
	uint32_t times; /* reads that showed it */
	uint64_t chain; /* a hash of it */
};
enum { MEETINGS = 8 };

struct unwinder {
	struct target *target;
	const struct layout *layout;
	struct code_cache *codes;
	struct profile *profile;
	struct stillness stillness;
	struct callsites callsites;
	struct ways ways;
	struct ways direct; /* by C code, with no generator: of one node, what was called */
	struct doubt doubt;
	struct meeting meeting[MEETINGS]; /* the latest */
	uint32_t next_meeting;
	uint32_t unwindings; /* of running threads so far */
	func_id omitted;     /* marker in the middle of truncated stacks */
	struct frame *scratch;
	uint32_t scratch_cap;
};

/* What unwinding found besides the stack, which is left in the thread. */
struct unwound {
	bool foreign; /* frames had to be fetched by further reads */
	bool cut;     /* the top was uncertain and left out ... */
	bool doubted; /* ... for it cannot be, or need not, unless it is met again at once */
	bool moved;   /* what was current before the stack was copied is not what it ends at ... */
	bool ended;   /* ... but had ended, and was put back: its line is where it did */
	bool told;    /* a generator was told by the code that uses it, see callsite.h */
	bool truncated;  /* the middle was left out */
	bool short_copy; /* with PS_LIMIT: the copied part ended before the stack did ... */
	unsigned region; /* ... in this region of the capture */
};

/* Is the stack what the copies show, nothing less, nothing more? */
static inline bool unwound_is_certain(const struct unwound *u)
{
	return !u->cut && !u->told && !u->moved && !u->ended;
}

/* The stack of a running thread. PS_OK: t->frames[] and t->stack are it, possibly empty.
 * PS_LIMIT with short_copy: copy more. PS_TORN, PS_FAULT: no closed stack in these bytes.
 * PS_LIMIT, PS_NOMEM: of the profile. */
enum ps_status unwind_live(struct unwinder *u, struct thread *t, const struct capture *c,
			   struct unwound *ret) PS_MUST_USE;

/* The stack of a thread that stands still: from current_frame down, which is exact. */
enum ps_status unwind_stopped(struct unwinder *u, struct thread *t, const struct capture *c,
			      struct unwound *ret) PS_MUST_USE;

/* Gives t->frames[from..] their stacks in the profile; done by the two above. Again
 * after code_verify() has changed a record. */
enum ps_status unwind_assign(struct unwinder *u, struct thread *t, uint32_t from) PS_MUST_USE;

/* The same if that stack has been met before, with whichever line at its top: *ret. Else t->stack
 * stays, and what is assigned is not good. */
enum ps_status unwind_assign_known(struct unwinder *u, struct thread *t, uint32_t from,
				   bool *ret) PS_MUST_USE;

/* Fills what the caller has not; PS_NOMEM. */
enum ps_status unwinder_init(struct unwinder *u) PS_MUST_USE;
void unwinder_deinit(struct unwinder *u);
/* Code objects were replaced: what was learnt of them is void. */
void unwinder_forget(struct unwinder *u);

#endif
