/* SPDX-License-Identifier: MIT */
#include "profiler/clock.h"

#include <time.h>

enum { NS = 1000000000 };

uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* xorshift64*: jitter needs no better. */
static uint64_t next_random(struct schedule *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1du;
}

/* Somewhere in the next period, but not before `now`. */
static void set_deadline(struct schedule *s, uint64_t now)
{
	uint64_t from = s->start + s->next * s->period, to = from + s->period;

	if (now > from)
		from = now < to ? now : to;
	s->deadline = from + (to > from ? next_random(s) % (to - from) : 0);
}

void schedule_init(struct schedule *s, uint64_t now, uint64_t period, uint64_t seed)
{
	*s = (struct schedule){ .start = now, .period = period, .random = seed | 1 };
	set_deadline(s, now);
}

uint32_t schedule_take(struct schedule *s, uint64_t now)
{
	uint64_t current, skipped;

	if (!s->period) {
		uint64_t since = now > s->start ? now - s->start : 1;

		s->start = now;
		return since < UINT32_MAX ? (uint32_t)since : UINT32_MAX;
	}
	/* One that slips into the following period still stands for its own. */
	current = now > s->start ? (now - s->start) / s->period : 0;
	skipped = current > s->next + 1 ? current - s->next - 1 : 0;
	s->skipped += skipped;
	s->next += skipped + 1;
	set_deadline(s, now);
	return skipped < UINT32_MAX ? (uint32_t)skipped + 1 : UINT32_MAX;
}

void schedule_pass(struct schedule *s, uint64_t now)
{
	uint64_t skipped = s->skipped;

	(void)schedule_take(s, now);
	s->skipped = skipped;
}

bool clock_sleep_until(uint64_t when)
{
	struct timespec t = { .tv_sec = (time_t)(when / NS), .tv_nsec = (long)(when % NS) };

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, (struct timespec *)0) == 0;
}
