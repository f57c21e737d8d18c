/* SPDX-License-Identifier: MIT */
/* offsets/ring.h - where CPython 3.8 to 3.13 keep the calls that their main thread has yet to
 * make (a ring of functions and arguments), and what tells whether one may be added. Pure.
 *
 * These versions have no table of their own for it, so there is one here for each, of builds
 * for x86-64 with default options: offsetof() on the headers of that release, with
 * Py_BUILD_CORE. What is found by it must stand checks before it is believed
 * (profiler/ring_site.h).
 */
#ifndef OFFSETS_RING_H
#define OFFSETS_RING_H

#include "offsets/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an offset counts from. */
enum ring_base { RING_RUNTIME, RING_INTERPRETER, RING_THREAD, RING_GIL, RING_NBASES };

enum ring_word {
	RW_INTERPRETERS,  /* the first of the list */
	RW_MAIN,          /* the main interpreter */
	RW_MAIN_IDENT,    /* which thread is the main one, as pthread_self() */
	RW_STARTED,       /* 1 from the end of its start to the end of its shutdown */
	RW_FINALIZING,    /* not zero once the interpreter shuts down */
	RW_RUNTIME_HOOKS, /* the first audit hook in C */
	RW_NEXT,          /* the next interpreter */
	RW_ID,
	RW_THREADS, /* the first thread state */
	RW_HOOKS,   /* the list of audit hooks in Python */
	RW_RECURSION_LIMIT,
	RW_EXTRA_USERS, /* how many of the functions below are in use; see RING_EXTRA */
	RW_EXTRA,
	RW_GIL, /* the address of the GIL */
	RW_THREAD_NEXT,
	RW_THREAD_INTERPRETER,
	RW_THREAD_IDENT,
	RW_THREAD_NATIVE, /* its id for the kernel, as the target sees it */
	RW_ASYNC_EXC,     /* an exception that another thread has sent it */
	RW_DEPTH,         /* how deep it is in calls */
	RW_DEPTH_LEFT,    /* or how much deeper it may go, in Python */
	RW_C_DEPTH_LEFT,  /* ... in C */
	RW_LOCK,          /* of the ring: one byte, or the address of a semaphore */
	RW_BUSY,          /* calls are being made, or no more are taken */
	RW_CALLS_TO_DO,   /* the ring is not empty */
	RW_BREAKER,       /* makes bytecode look up at its next check */
	RW_HOLDER,        /* the thread state that has the GIL, or had it last */
	RW_LOCKED,        /* somebody has the GIL */
	/* For what else the breaker may be set. */
	RW_REASON_DROP,
	RW_REASON_SIGNALS,
	RW_REASON_ASYNC,
	RW_REASON_GC,
	RW_REASON_CALLS, /* of another ring */
	RING_NWORDS
};

struct ring_place {
	uint8_t base;
	uint8_t width; /* in bytes; 0: this version has none */
	uint32_t at;
};

enum { RING_BYTES_MAX = 7232, RING_EXTRA = 255 };

struct ring_layout {
	uint8_t minor; /* 3.minor */
	struct ring_place word[RING_NWORDS];
	struct ring_place ring;
	/* In the ring. */
	uint32_t calls;   /* the first slot: function, argument, and maybe flags */
	uint32_t slot;    /* bytes of one */
	uint32_t slots;   /* how many */
	uint32_t first;   /* int: the slot of the next call; right behind it int: where the one
	                   * after the last goes */
	uint32_t pending; /* int: how many calls there are; 0: the version does not count */
	uint32_t limits;  /* two ints that are always 32 and 0; 0: none */
	/* Of the breaker: every bit is one reason (3.13), else it is 0 or 1. */
	uint8_t breaker_bit;
	/* Our call has to be seen while it is made, and BUSY cannot be: so a mark lies behind it,
	 * a call that does nothing, until it has returned. */
	bool marked;
};

struct ring_call {
	raddr function, argument;
};

/* NULL: that version has no such ring, or another machine is not known. */
const struct ring_layout *ring_layout_find(uint32_t version);
/* 3.13 has grown before its ring from one release to another: the same layout with that part
 * further back. False: further than can be. */
bool ring_layout_move(struct ring_layout *l, uint32_t by);

/* --- the bytes of a ring, from layout.ring on, as many as ring_size() says --- */

size_t ring_size(const struct ring_layout *l);
/* How many calls wait; -1: these bytes are no ring. */
int ring_count(const struct ring_layout *l, const unsigned char *bytes);
/* Into an empty one, so that the call lies in slot 0. mark: a function that does nothing with
 * the argument 0, of a layout that is marked; else 0. */
void ring_put(const struct ring_layout *l, unsigned char *bytes, const struct ring_call *call,
	      raddr mark);
/* Is the mark the next call? Then the one before it is being made. */
bool ring_shows(const struct ring_layout *l, const unsigned char *bytes, raddr mark);
/* What slot 0 holds, or held last. */
void ring_slot0(const struct ring_layout *l, const unsigned char *bytes, struct ring_call *ret);
/* Is the call in slot 0 the next one? */
bool ring_begins_at_0(const struct ring_layout *l, const unsigned char *bytes);
/* Takes the next call, in slot 0, out, and its mark with it; the others keep their order. */
void ring_take(const struct ring_layout *l, unsigned char *bytes, raddr mark);

#endif
