/* SPDX-License-Identifier: MIT */
/* profiler/thread.h - one thread state of the target: where its stack lies and what it
 * was at the last sample.
 *
 * The plan (chunks, foreign frames) predicts what the next sample has to read, so that
 * it takes one call. It is a guess that each sample checks, never a fact.
 */
#ifndef PROFILER_THREAD_H
#define PROFILER_THREAD_H

#include "offsets/layout.h"
#include "profiler/frames_seen.h"
#include "profiler/profile.h"

enum {
	CHUNKS_MAX = 16384,         /* of a thread's data stack; 10 000 frames take some 70 */
	CHUNK_BYTES_MAX = 64 << 20, /* one chunk holds one huge frame at most */
	CHUNK_HEADER = 24,          /* previous, size, top (_PyStackChunk, cpython/pystate.h) */
	FOREIGN_MAX = 64,           /* frames outside the data stack that are read along */
	HINGES_MAX = 4,
	STEADY_SEEN = 16,      /* samples that it takes to call a generator steady, ... */
	STEADY_SHARE = 20,     /* ... and of which at most 1/20 may differ */
	MOVES_FOR = 256,       /* samples, a thread of which one has moved while it was copied */
	SHIMS_MAX = 32,        /* entry frames on the C stack that are remembered */
	FRAMES_MAX = 16384,    /* that are walked of one stack, before it is truncated */
	KEEP_ROOT = 1024,      /* frames kept of a truncated stack at its root ... */
	KEEP_LEAF = 1024,      /* ... and at its leaf */
	COPY_MAX = 768 * 1024, /* bytes copied of one data stack; the middle is left out above */
};

/* A piece of the data stack, as linked from the newest down. */
struct chunk {
	raddr at;
	uint32_t size;   /* header included */
	uint32_t window; /* bytes from its start that the next sample copies; 0: none */
	uint32_t used;   /* the most that was live in it in the last period of samples or since */
	uint32_t recent; /* the same, of the present period alone */
	bool widened;    /* used is all of it, until the next sample has told how much it is */
};

/* A generator's frame, in its object on the heap, or an entry frame on the C stack. */
struct foreign {
	raddr at;
	uint32_t needed;     /* the sample that last had use for it */
	bool generator;      /* has been one, and so is never an entry frame */
	uint16_t seen, same; /* samples; in how many of them both copies ran the same code */
};

/* One frame of the last sample, as its bytes were (or would have been, see unwind_moment.c) and what
 * they meant. */
struct frame {
	raddr at, executable, instr, previous;
	uint64_t extra;      /* 3.13: the word with stacktop; else 0 */
	uint32_t code;       /* index in the code cache */
	uint32_t next;       /* bytes to its child's place, for a data-stack frame; else 0 */
	uint32_t tlbc_index; /* which copy of the bytecode instr points into */
	stack_id stack;      /* up to and including it */
	bool foreign;
};

struct thread {
	raddr at; /* of its PyThreadState */
	raddr interpreter;
	raddr next;         /* the thread state after it in the list */
	uint64_t ident;     /* pthread_self(), which threading uses as key */
	uint64_t inner_tid; /* kernel id as the target's pid namespace has it */
	int tid;            /* the same as ours; 0: not found */
	bool alive;         /* still in the list */
	/* A native thread that has entered another interpreter has a state in each, and its
	 * time is that of one of them: that which was seen attached last. */
	uint32_t native; /* the first in the list that is of the same native thread */
	bool shared;     /* there are others */
	uint32_t top;    /* of the first: which of them was attached last */
	bool was_top;    /* before the list was made anew */
	bool named;
	thread_id id;

	struct chunk *chunks; /* the oldest first */
	uint32_t nchunks, chunks_cap;
	uint32_t popped; /* samples since the newest of them was current */
	/* The parts of the data stack on which generators stood lately, or could. */
	struct {
		uint32_t chunk, from, to; /* an index, and bytes from the chunk's start */
	} hinges[HINGES_MAX];
	unsigned nhinges;
	uint32_t gap_from, gap_to;           /* chunks [from, to) are not copied; equal: all are */
	struct foreign foreign[FOREIGN_MAX]; /* in order of address */
	unsigned nforeign;
	struct {
		raddr at, previous;
	} shims[SHIMS_MAX];
	unsigned nshims, next_shim;

	struct frame *frames; /* the root first */
	uint32_t nframes, frames_cap;
	struct frames_seen *seen;  /* NULL: nothing yet */
	uint32_t codes_generation; /* of the code cache, for which frames[].code is good */
	uint32_t gap_at;           /* the first frame behind what was not copied; 0: all was */
	uint32_t nstacks;          /* leading frames whose .stack is good */
	uint32_t nsame;            /* leading frames that are as at the sample before */
	uint32_t nbefore;          /* frames of the sample before; UINT32_MAX: not to be compared */
	uint32_t verified_epoch;   /* of the code cache, in which all frames[].code were seen */
	bool truncated;
	stack_id stack; /* of the last usable sample, the whole of it */
	uint32_t samples;
	uint32_t moved_at;   /* the sample that last ended elsewhere than it began; 0: none */
	uint32_t settled_at; /* the look (gil.h) after which the last sample was certain; 0: none */
	uint32_t doubted_at; /* the one after which it was another, though it stood still */

	uint32_t status; /* of the last sample, the thread's status word */
	bool gil_requested;
	unsigned exception;        /* of enum exception_state */
	bool collects;             /* garbage */
	bool has_generators;       /* some were seen among the foreign frames */
	bool has_frames;           /* the thread had Python frames at the last sample */
	struct activity *activity; /* what the scheduler says; NULL until asked. Of those that
				    * share a native thread the first has it. */
};

/* For storage that the caller has; owns what it points to. */
void thread_init(struct thread *t, raddr at);
void thread_deinit(struct thread *t);

/* Remembers that this foreign frame was needed at the present sample, so that the next
 * ones read it along. */
void thread_need_foreign(struct thread *t, raddr at, bool generator);
/* Has there been a generator's frame? */
bool thread_knows_generator(const struct thread *t, raddr at);
/* Notes whether both copies of a generator's frame in this sample ran the same code. */
void thread_observe_generator(struct thread *t, raddr at, bool same);
/* Has it lately been elsewhere at the end of a sample than at its beginning? */
static inline bool thread_moves(const struct thread *t)
{
	return t->moved_at && t->samples - t->moved_at < MOVES_FOR;
}

/* Does the generator there live much longer than the copies are apart? */
bool thread_is_steady(const struct thread *t, raddr at);
/* Forgets those that were not needed for a while. */
void thread_age_foreign(struct thread *t);
/* Remembers what an entry frame is and leads to. */
void thread_note_shim(struct thread *t, raddr at, raddr previous);
bool thread_find_shim(const struct thread *t, raddr at, raddr *ret_previous);

#endif
