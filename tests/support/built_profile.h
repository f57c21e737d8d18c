/* SPDX-License-Identifier: MIT */
/* tests/support/built_profile.h - profiles made by hand, for tests of what shows them.
 * Whatever fails ends the test. */
#ifndef TESTS_SUPPORT_BUILT_PROFILE_H
#define TESTS_SUPPORT_BUILT_PROFILE_H

#include "output/writer.h"

struct profile *built_profile(void);
thread_id built_thread(struct profile *p, const char *name, uint64_t tid);

/* The stack with one more frame: a function that starts at first and executes line. */
stack_id built_call(struct profile *p, stack_id parent, const char *name, const char *file,
		    uint32_t first, uint32_t line);
/* The stack with a frame that is no function. */
stack_id built_marker(struct profile *p, stack_id parent, const char *name,
		      enum function_kind kind);
void built_add(struct profile *p, thread_id t, stack_id s, unsigned state, uint32_t count);

/* What a writer makes of it; ended by NUL, freed by the caller. */
char *built_output(const struct profile *p, const char *format, struct view v);

#endif
