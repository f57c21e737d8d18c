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

/* Its own place, or a free one, or that of which nothing was noted for longest. */
static struct frame_seen *place_for(struct frames_seen *s, const struct frame_seen *f)
{
	struct frame_seen *set = s->v[set_of(f->at)], *ret = set;

	for (unsigned way = 0; way < WAYS; way++) {
		if (!set[way].at || (set[way].at == f->at && set[way].executable == f->executable))
			return &set[way];
		if (s->noted - set[way].when > s->noted - ret->when)
			ret = &set[way];
	}
	*ret = (struct frame_seen){ 0 };
	return ret;
}

void frames_seen_note(struct frames_seen **s, const struct frame_seen *f)
{
	struct frame_seen *place;
	bool several;

	if (!*s && !(*s = calloc(1, sizeof **s)))
		return;
	place = place_for(*s, f);
	several = place->at && (place->has_several_ways || place->caller != f->caller ||
				place->previous != f->previous);
	*place = *f;
	place->has_several_ways = several;
	place->when = (*s)->noted++;
}

const struct frame_seen *frames_seen_find(const struct frames_seen *s, raddr at)
{
	const struct frame_seen *set = s && at ? s->v[set_of(at)] : NULL, *ret = NULL;

	for (unsigned way = 0; set && way < WAYS; way++) {
		if (set[way].at == at && (!ret || s->noted - set[way].when < s->noted - ret->when))
			ret = &set[way];
	}
	return ret;
}

const struct frame_seen *frames_seen_find_as(const struct frames_seen *s, raddr at,
					     raddr executable)
{
	const struct frame_seen *set = s && at ? s->v[set_of(at)] : NULL;

	for (unsigned way = 0; set && way < WAYS; way++) {
		if (set[way].at == at && set[way].executable == executable)
			return &set[way];
	}
	return NULL;
}
