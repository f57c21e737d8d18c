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

/* request: opened, nothing asked; it moves into the shared memory. parcel: chosen, not made; from
 * now on until the guard is dismissed or left it notes there which folder it is.
 * PS_NOMEM, PS_IO. */
enum ps_status guard_start(const struct request *request, struct parcel *parcel, struct guard *ret,
			   struct ps_err *err) PS_MUST_USE;
/* Another process that is to end if we do: a pidfd, which stays the caller's. One at a time. */
void guard_take_charge(const struct guard *g, int pidfd);
/* Settles a request that was taken (request_settle()), before the parcel is removed and the guard
 * is dismissed. channel is the pipe of a script that has said its last word, else -1. goes_on: it has not ended; another process of this
 * kind waits for that, an hour at most, and settles it then. */
void guard_settle(const struct guard *g, const struct parcel *parcel, int channel, bool goes_on);
/* Everything is undone already: it ends without a deed. Frees the request. */
void guard_dismiss(struct guard *g);
/* Lets it do its work now, and does not wait for it. */
void guard_leave(struct guard *g);

#endif
