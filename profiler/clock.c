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

static void set_deadline(struct schedule *s)
{
	uint64_t offset = s->period ? next_random(s) % s->period : 0;

	s->deadline = s->start + s->next * s->period + offset;
}

void schedule_init(struct schedule *s, uint64_t now, uint64_t period, uint64_t seed)
{
	*s = (struct schedule){ .start = now, .period = period, .random = seed | 1 };
	set_deadline(s);
}

uint32_t schedule_take(struct schedule *s, uint64_t now)
{
	uint64_t current, stands_for;

	if (!s->period)
		return 1;
	current = now > s->start ? (now - s->start) / s->period : 0;
	if (current < s->next)
		current = s->next;
	stands_for = current - s->next + 1;
	s->skipped += stands_for - 1;
	s->next = current + 1;
	set_deadline(s);
	return stands_for > UINT32_MAX ? UINT32_MAX : (uint32_t)stands_for;
}

bool clock_sleep_until(uint64_t when)
{
	struct timespec t = { .tv_sec = (time_t)(when / NS), .tv_nsec = (long)(when % NS) };

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, (struct timespec *)0) == 0;
}
