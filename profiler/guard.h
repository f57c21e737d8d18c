/* SPDX-License-Identifier: MIT */
/* profiler/guard.h - a process that undoes what we have done to a target, if we cannot.
 *
 * It is forked before anything is done, sleeps, and wakes up when this process ends without
 * having dismissed it, SIGKILL included: then it takes the request back and removes the
 * parcel. (That the target is not left stopped is the kernel's part, see blocking.h.) It is in
 * a session of its own, so that no terminal's signal reaches it.
 */
#ifndef PROFILER_GUARD_H
#define PROFILER_GUARD_H

#include "profiler/parcel.h"
#include "profiler/request.h"

struct guard {
	int pid, wire;
	struct request *request; /* shared with it; what is written here it knows */
};

/* request: opened, nothing asked; it moves into the shared memory. parcel: chosen, not made.
 * PS_NOMEM, PS_IO. */
enum ps_status guard_start(const struct request *request, const struct parcel *parcel,
			   struct guard *ret, struct ps_err *err) PS_MUST_USE;
/* The script goes on without us: another process of this kind waits for its end, an hour at
 * most, and settles the request then (request_settle()). To be called before the parcel is
 * removed and the guard is dismissed. */
void guard_settle_later(const struct guard *g, const struct parcel *parcel);
/* Everything is undone already: it ends without a deed. Frees the request. */
void guard_dismiss(struct guard *g);
/* Lets it do its work now, and does not wait for it. */
void guard_leave(struct guard *g);

#endif
