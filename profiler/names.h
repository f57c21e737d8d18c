/* SPDX-License-Identifier: MIT */
/* profiler/names.h - what Python calls its threads.
 *
 * Walks sys.modules["threading"]._active, a dict from thread ident to Thread. It is the
 * target's live data, read while it may change: what contradicts itself is passed over.
 */
#ifndef PROFILER_NAMES_H
#define PROFILER_NAMES_H

#include "offsets/layout.h"
#include "profiler/profile.h"
#include "profiler/target.h"

struct names {
	struct target *target;
	const struct layout *layout;
	raddr interpreter;
	raddr active; /* the dict, once it was found; starts as 0 */
};

/* Calls each with the ident (pthread_self()) and name of every Thread of the interpreter.
 * PS_TORN: threading was not imported yet, or the walk went astray; try again later. */
enum ps_status names_read(struct names *n,
			  void (*each)(uint64_t ident, struct profile_text name, void *ctx),
			  void *ctx) PS_MUST_USE;

/* Has the interpreter a module of that name, among the first thousand that were imported? False as
 * well if that cannot be told. */
bool names_has_module(struct names *n, const char *name);

#endif
