/* SPDX-License-Identifier: MIT */
/* profiler/exceptions.h - does a thread raise or handle an exception?
 *
 * What it handles are items on a stack of their own: the thread's, at the bottom, is in its
 * state, and each generator that runs has put one of its own on top. An exception is being
 * handled if any of them holds one.
 *
 * Before 3.15 the target does not say where all this lies. So nothing is told of a target
 * until one of its threads has proved the places: its topmost item must be the bottom one,
 * or lead to it.
 */
#ifndef PROFILER_EXCEPTIONS_H
#define PROFILER_EXCEPTIONS_H

#include "profiler/capture.h"

enum exception_state {
	EXCEPTION_NONE,
	EXCEPTION_RAISED,  /* propagates */
	EXCEPTION_HANDLED, /* `except` or `finally` is under way, or what they called */
};

struct exceptions {
	struct target *target;
	const struct layout *layout;
	bool proved;
};

/* Of a thread as captured. may_read: items that were not copied along may be fetched, by a
 * few calls; without it, they hold nothing. */
enum exception_state exceptions_of(struct exceptions *e, const struct thread *t,
				   const struct capture *c, bool may_read);

#endif
