/* SPDX-License-Identifier: MIT */
#include "profiler/frames_seen.h"

#include "profiler/mem.h"

#include <stdlib.h>

enum {
	SETS = 256,
	WAYS = 8 /* so that few collide: a chain of frames breaks at the first that is missing */
};

struct frames_seen {
	struct frame_seen v[SETS][WAYS];
	uint32_t noted;
};

static uint32_t set_of(raddr at)
{
	return hash_words(at, 0) % SETS;
}

void frames_seen_note(struct frames_seen **s, const struct frame_seen *f)
{
	struct frame_seen *set;
	unsigned way = 0;

	if (!*s && !(*s = calloc(1, sizeof **s)))
		return;
	set = (*s)->v[set_of(f->at)];
	while (way < WAYS && set[way].at && set[way].at != f->at)
		way++;
	if (way == WAYS)
		way = (*s)->noted++ % WAYS;
	set[way] = *f;
}

const struct frame_seen *frames_seen_find(const struct frames_seen *s, raddr at)
{
	const struct frame_seen *set = s && at ? s->v[set_of(at)] : NULL;

	for (unsigned way = 0; set && way < WAYS; way++) {
		if (set[way].at == at)
			return &set[way];
	}
	return NULL;
}
