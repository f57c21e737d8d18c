/* SPDX-License-Identifier: MIT */
#include "profiler/frames_seen.h"

#include "profiler/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	SETS_FEW = 32,
	SETS_MANY = 256,
	WAYS = 8 /* so that few collide: a chain of frames breaks at the first that is missing */
};

struct set {
	struct frame_seen v[WAYS];
	bool has_forgotten; /* some, and whether they came another way */
};

struct frames_seen {
	uint32_t nsets, noted;
	struct set set[];
};

static size_t bytes_of(uint32_t nsets)
{
	return sizeof(struct frames_seen) + nsets * sizeof(struct set);
}

static bool make_room(struct frames_seen **s, uint32_t nsets)
{
	struct frames_seen *larger;

	if (*s && (*s)->nsets >= nsets)
		return true;
	larger = calloc(1, bytes_of(nsets));
	if (!larger)
		return *s != NULL;
	larger->nsets = nsets;
	free(*s);
	*s = larger;
	return true;
}

void frames_seen_clear(struct frames_seen *s)
{
	uint32_t nsets = s ? s->nsets : 0;

	if (!s)
		return;
	memset(s, 0, bytes_of(nsets));
	s->nsets = nsets;
}

static uint32_t set_of(const struct frames_seen *s, raddr at)
{
	return hash_words(at, 0) % s->nsets;
}

/* Its own place, or a free one, or that of which nothing was noted for longest. */
static struct frame_seen *place_for(const struct frames_seen *s, struct set *set,
				    const struct frame_seen *f)
{
	struct frame_seen *ret = set->v;

	for (unsigned way = 0; way < WAYS; way++) {
		struct frame_seen *v = &set->v[way];

		if (!v->at || (v->at == f->at && v->executable == f->executable))
			return v;
		if (s->noted - v->when > s->noted - ret->when)
			ret = v;
	}
	*ret = (struct frame_seen){ 0 };
	set->has_forgotten = true;
	return ret;
}

void frames_seen_note(struct frames_seen **s, const struct frame_seen *f, bool many)
{
	struct frame_seen *place;
	struct set *set;
	bool only;

	if (!make_room(s, many ? SETS_MANY : SETS_FEW))
		return;
	set = &(*s)->set[set_of(*s, f->at)];
	place = place_for(*s, set, f);
	only = place->at ? place->is_only_way && place->caller == f->caller &&
				   place->previous == f->previous
			 : !set->has_forgotten;
	*place = *f;
	place->is_only_way = only;
	place->when = (*s)->noted++;
}

const struct frame_seen *frames_seen_find(const struct frames_seen *s, raddr at)
{
	const struct set *set = s && at ? &s->set[set_of(s, at)] : NULL;
	const struct frame_seen *ret = NULL;

	for (unsigned way = 0; set && way < WAYS; way++) {
		const struct frame_seen *v = &set->v[way];

		if (v->at == at && (!ret || s->noted - v->when < s->noted - ret->when))
			ret = v;
	}
	return ret;
}

const struct frame_seen *frames_seen_find_as(const struct frames_seen *s, raddr at,
					     raddr executable)
{
	const struct set *set = s && at ? &s->set[set_of(s, at)] : NULL;

	for (unsigned way = 0; set && way < WAYS; way++) {
		if (set->v[way].at == at && set->v[way].executable == executable)
			return &set->v[way];
	}
	return NULL;
}
