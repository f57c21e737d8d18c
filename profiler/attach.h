/* SPDX-License-Identifier: MIT */
/* profiler/attach.h - from a pid to a sampler, with patience for a target that starts up.
 */
#ifndef PROFILER_ATTACH_H
#define PROFILER_ATTACH_H

#include "profiler/sampler.h"

struct patience {
	bool started;                   /* we started it: it may become a Python at any time */
	uint64_t deadline;              /* ns of CLOCK_MONOTONIC at which to give up; 0: none */
	bool (*interrupted)(void *ctx); /* asked while waiting; may be NULL */
	void *ctx;
};

/* Opens pid as target and finds its interpreter. Waits for one that is starting up; for a
 * process that is no Python only while it is so young that it may become one (or as long
 * as it lives, if we started it). PS_NOT_READY: patience ended. */
enum ps_status attach(int pid, const struct patience *p, struct target *target,
		      struct profile *profile, struct sampler *ret, struct ps_err *err) PS_MUST_USE;

/* The same for whatever finds something in a target: find() is asked until it has, or says
 * something that will not change. */
typedef enum ps_status attach_fn(struct target *t, void *ctx, struct ps_err *err);
enum ps_status attach_by(int pid, const struct patience *p, struct target *target, attach_fn *find,
			 void *ctx, struct ps_err *err) PS_MUST_USE;

/* A process that ends gives its memory back first, which takes a while if that is much, and
 * looks meanwhile like one whose program was replaced. Waits until it is known: PS_OK: it has
 * another program; PS_GONE: it has ended; PS_NOT_READY: patience ended. */
enum ps_status attach_await_program(struct sampler *s, const struct patience *p) PS_MUST_USE;

/* As attach() for a target whose program was replaced, with its sampler. One that is no Python
 * is given some seconds to become one again, and as long as it lives if we started it.
 * PS_GONE, PS_DENIED, PS_NOT_PYTHON, PS_UNSUPPORTED, PS_NOT_READY as attach() has them. */
enum ps_status attach_follow_exec(struct sampler *s, const struct patience *p,
				  struct ps_err *err) PS_MUST_USE;

#endif
