/* SPDX-License-Identifier: MIT */
#include "profiler/attach.h"

#include "profiler/blocking.h"
#include "profiler/clock.h"
#include "profiler/proc.h"

enum {
	MS = 1000000,
	WAIT_MIN = MS / 2,
	WAIT_MAX = 20 * MS,        /* between two looks at an interpreter that starts up */
	WAIT_OTHER_MAX = 320 * MS, /* at a program that is none: its memory is searched whole */
	SLICE = 5 * MS,            /* exec is noticed within */
	YOUNG_NS = 2000 * MS,
};
#define START_UP_NS ((uint64_t)10000 * MS) /* that an interpreter may take to start */

/* Younger than two seconds: between fork and exec, or a launcher before it starts Python. */
static bool is_young(const struct target *t)
{
	return proc_age_ms(t->starttime) < YOUNG_NS / MS;
}

static bool is_over(const struct patience *p)
{
	return (p->deadline && clock_now() >= p->deadline) ||
	       (p->interrupted && p->interrupted(p->ctx));
}

/* Is it worth asking again after this answer? A program that replaced a Python may be on
 * the way to one again. */
static bool may_change(enum ps_status st, const struct target *t, const struct patience *p,
		       uint64_t began, bool replaced)
{
	bool fresh = clock_now() - began < START_UP_NS;

	switch (st) {
	case PS_NOT_READY:
	case PS_FAULT:
	case PS_FORMAT:
		return p->started || fresh;
	case PS_NOT_PYTHON:
		return p->started || (replaced ? fresh : is_young(t));
	default:
		return false;
	}
}

/* Cut short by exec, which changes everything. A traced target needs its stops served
 * meanwhile, or it stands still. */
static void wait_a_little(struct target *t, struct blocking *b, const struct patience *p,
			  enum ps_status st, uint64_t *pause)
{
	uint64_t until = clock_now() + *pause,
		 max = st == PS_NOT_PYTHON ? WAIT_OTHER_MAX : WAIT_MAX;
	uint64_t now;

	while ((now = clock_now()) < until && !is_over(p) && !target_execed(t) &&
	       !target_ended(t)) {
		uint64_t next = until - now < SLICE ? until : now + SLICE;

		(void)(b ? blocking_sleep_until(b, next) : clock_sleep_until(next));
	}
	*pause = *pause * 2 < max ? *pause * 2 : max;
}

enum ps_status attach_by(int pid, const struct patience *p, struct target *target, attach_fn *find,
			 void *ctx, struct ps_err *err)
{
	uint64_t began = clock_now(), pause = WAIT_MIN;
	enum ps_status st;

	PS_TRY(target_open(pid, target, err));
	for (;;) {
		if (target_execed(target)) {
			pause = WAIT_MIN;
			st = target_follow_exec(target, err);
			if (st)
				break;
		}
		st = find(target, ctx, err);
		if (!st)
			return PS_OK;
		if (target_ended(target)) {
			st = ps_fail(err, PS_GONE, "process %d ended before anything was done",
				     pid);
			break;
		}
		if (is_over(p) || !may_change(st, target, p, began, false))
			break;
		wait_a_little(target, NULL, p, st, &pause);
	}
	target_close(target);
	return st;
}

struct opening {
	struct profile *profile;
	struct sampler *sampler;
};

static enum ps_status open_sampler(struct target *t, void *ctx, struct ps_err *err)
{
	struct opening *o = ctx;

	return sampler_open(t, o->profile, o->sampler, err);
}

enum ps_status attach(int pid, const struct patience *p, struct target *target,
		      struct profile *profile, struct sampler *ret, struct ps_err *err)
{
	struct opening o = { profile, ret };

	return attach_by(pid, p, target, open_sampler, &o, err);
}

enum ps_status attach_await_program(struct sampler *s, const struct patience *p)
{
	struct target *t = s->target;

	for (;;) {
		enum ps_status st = target_follow_exec(t, NULL);
		uint64_t next = clock_now() + WAIT_MIN;

		/* What may not be opened is another program as well. */
		if (st != PS_GONE && !target_execed(t))
			return PS_OK;
		if (target_ended(t))
			return PS_GONE;
		if (is_over(p))
			return PS_NOT_READY;
		(void)(s->blocking ? blocking_sleep_until(s->blocking, next)
				   : clock_sleep_until(next));
	}
}

enum ps_status attach_follow_exec(struct sampler *s, const struct patience *p, struct ps_err *err)
{
	uint64_t began = clock_now(), pause = WAIT_MIN;
	enum ps_status st;

	for (;;) {
		if (target_execed(s->target)) {
			began = clock_now();
			pause = WAIT_MIN;
		}
		st = sampler_follow_exec(s, err);
		if (!st)
			return PS_OK;
		if (target_ended(s->target))
			return ps_fail(err, PS_GONE, "the target ended");
		if (is_over(p) || !may_change(st, s->target, p, began, true))
			return st;
		wait_a_little(s->target, s->blocking, p, st, &pause);
	}
}
