/* SPDX-License-Identifier: MIT */
#include "profiler/attach.h"

#include "profiler/blocking.h"
#include "profiler/clock.h"
#include "profiler/proc.h"

#include <time.h>
#include <unistd.h>

enum { MS = 1000000, WAIT_MIN = MS / 2, WAIT_MAX = 20 * MS, YOUNG_NS = 2000 * MS };
#define START_UP_NS ((uint64_t)10000 * MS) /* that an interpreter may take to start */

/* Younger than two seconds: between fork and exec, or a launcher before it starts Python. */
static bool is_young(const struct target *t)
{
	struct timespec up;
	uint64_t age, started = t->starttime * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);

	clock_gettime(CLOCK_BOOTTIME, &up);
	age = (uint64_t)up.tv_sec * 1000 + (uint64_t)up.tv_nsec / MS;
	return age < started + YOUNG_NS / MS;
}

/* Is it worth asking again after this answer? */
static bool may_change(enum ps_status st, const struct target *t, const struct patience *p,
		       uint64_t began)
{
	uint64_t now = clock_now();

	if ((p->deadline && now >= p->deadline) || (p->interrupted && p->interrupted(p->ctx)))
		return false;
	switch (st) {
	case PS_NOT_READY:
	case PS_FAULT:
	case PS_FORMAT:
		return p->started || now - began < START_UP_NS;
	case PS_NOT_PYTHON:
		return p->started || is_young(t);
	default:
		return false;
	}
}

/* A traced target needs its stops served meanwhile, or it stands still. */
static void wait_a_little(struct blocking *b, uint64_t *pause)
{
	uint64_t until = clock_now() + *pause;

	(void)(b ? blocking_sleep_until(b, until) : clock_sleep_until(until));
	*pause = *pause * 2 < WAIT_MAX ? *pause * 2 : WAIT_MAX;
}

enum ps_status attach(int pid, const struct patience *p, struct target *target,
		      struct profile *profile, struct sampler *ret, struct ps_err *err)
{
	uint64_t began = clock_now(), pause = WAIT_MIN;
	enum ps_status st;

	PS_TRY(target_open(pid, target, err));
	for (;;) {
		if (target_execed(target)) {
			st = target_follow_exec(target, err);
			if (st)
				break;
		}
		st = sampler_open(target, profile, ret, err);
		if (!st)
			return PS_OK;
		if (target_ended(target)) {
			st = ps_fail(err, PS_GONE,
				     "process %d ended before a sample could be taken", pid);
			break;
		}
		if (!may_change(st, target, p, began))
			break;
		wait_a_little(NULL, &pause);
	}
	target_close(target);
	return st;
}

enum ps_status attach_follow_exec(struct sampler *s, const struct patience *p, struct ps_err *err)
{
	struct patience patient = *p;
	uint64_t pause = WAIT_MIN;
	enum ps_status st;

	/* What was a Python and became something else may become one again. */
	patient.started = true;
	for (;;) {
		st = sampler_follow_exec(s, err);
		if (!st)
			return PS_OK;
		if (target_ended(s->target))
			return ps_fail(err, PS_GONE, "the target ended");
		if (!may_change(st, s->target, &patient, 0))
			return st;
		wait_a_little(s->blocking, &pause);
	}
}
