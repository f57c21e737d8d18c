/* SPDX-License-Identifier: MIT */
/* profiler/clock.h - when to sample: absolute deadlines with jitter.
 *
 * Time is cut into periods of equal length, and each has one deadline at a random place
 * inside it, so that a target with a rhythm of its own is not always met at the same
 * beat. A sample that slips into the following period still stands for its own; a period
 * that is over before that is skipped and counted, and the next sample stands for it as
 * well. Nothing is queued.
 */
#ifndef PROFILER_CLOCK_H
#define PROFILER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
	uint64_t start, period; /* ns; period 0: as fast as it goes */
	uint64_t next;          /* the period, counted from start, that has no sample yet */
	uint64_t deadline;
	uint64_t skipped;
	uint64_t random;
};

uint64_t clock_now(void); /* ns of CLOCK_MONOTONIC */

void schedule_init(struct schedule *s, uint64_t now, uint64_t period, uint64_t seed);
/* The sample of the present deadline begins at `now`: returns how many periods it stands
 * for, and sets the next deadline. Without a period: for how many ns, those since the last. */
uint32_t schedule_take(struct schedule *s, uint64_t now);
/* The time until `now` is nobody's: no sample stands for it, and it does not count as
 * skipped. */
void schedule_pass(struct schedule *s, uint64_t now);
/* Sleeps until that time or until a signal comes; true: the time has come. */
bool clock_sleep_until(uint64_t when);

#endif
