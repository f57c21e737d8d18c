/* SPDX-License-Identifier: MIT */
/* profiler/gil.h - which threads have certainly not run since the look before?
 *
 * A thread's frames change only while it holds the GIL, and whoever takes the GIL from
 * another says so in two words: who it is, and a count of such changes. A thread that does
 * not stand in the words of two looks, between which the count has not changed, has stood
 * still from the one to the other; gil.c has the proof. What was told of it from a copy
 * between the two looks is true still, and neither has to be copied nor looked at again.
 *
 * Not for free-threaded builds, nor for subinterpreters, which may share the GIL.
 */
#ifndef PROFILER_GIL_H
#define PROFILER_GIL_H

#include "profiler/target.h"
#include "profiler/thread.h"

struct gil_view {
	uint64_t switches;
	raddr holder;
	bool whole;  /* the count stood still while the holder was read ... */
	bool proved; /* ... and while that executed: it is the one who was counted last */
};

struct gil {
	raddr interpreter;    /* the main one, whose GIL this is; 0: not looked at yet */
	struct gil_view view; /* at the last look */
	raddr runner[2];      /* who may have run since the look before, ... */
	bool still;           /* ... and nobody else has */
	bool counts;          /* the count is one: it has grown, or is as it must have */
	bool off;             /* the count was caught lying */
	uint32_t looks;
};

/* Before the threads of a tick are copied. `main` is the main interpreter, `lived` how many of
 * the threads in its list have frames. One call, seldom two. PS_GONE,
 * PS_DENIED; what cannot be read is no error, and nobody stands still then. */
enum ps_status gil_look(struct gil *g, struct target *t, const struct layout *l, raddr main,
			uint32_t lived) PS_MUST_USE;
/* There is no look this time: nobody is known to stand still. */
void gil_pass(struct gil *g);

/* From the look before to this one. */
bool gil_stood_still(const struct gil *g, const struct thread *t);

/* A sample of a thread that is said to stand still was taken all the same, and is another.
 * It may have begun to run after the look. If it has not by the next one either, the words
 * are not what we take them for, and nobody stands still ever again. */
void gil_doubt(const struct gil *g, struct thread *t);
void gil_settle_doubt(struct gil *g, const struct thread *t);

#endif
