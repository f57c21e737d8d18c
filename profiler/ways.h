/* SPDX-License-Identifier: MIT */
/* profiler/ways.h - by which generators a frame was seen to run another.
 *
 * Generators and coroutines that run each other move on while their frames are copied, so
 * that the copies rarely show the whole of a chain at once. But a chain that was seen whole
 * is one that the code can have: the same frame, at the same instruction, comes to the same
 * generator function by one of few ways. They are kept here, with the instruction at which
 * each generator on the way ran the next.
 */
#ifndef PROFILER_WAYS_H
#define PROFILER_WAYS_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	WAY_NODES = 12, /* generators of a way at most */
	WAYS_EACH = 4,  /* ways that are kept of one frame to one generator function */
};

/* A generator function (an index in the code cache), and where in its code. The last one of a
 * way may be another function, which the generator before it has called. */
struct way_node {
	uint32_t code, unit;
};

struct way {
	uint32_t n;
	struct way_node node[WAY_NODES]; /* the one that the frame runs comes first */
};

struct ways {
	struct ways_entry *v;
	uint32_t used;
};

enum ps_status ways_init(struct ways *s) PS_MUST_USE;
void ways_deinit(struct ways *s);
/* Code objects were replaced: nothing that was learnt holds. */
void ways_clear(struct ways *s);

/* From a frame that stands there, this way was seen. Ways of no or too many nodes, and what
 * there is no room for, are not noted. */
void ways_note(struct ways *s, struct way_node from, const struct way *way);

/* Is there room for ways of other frames? If not, that none is found says nothing. */
bool ways_have_room(const struct ways *s);

/* The ways from there to frames of that code, the one that was noted last first;
 * returns how many. Good until the next note. */
unsigned ways_find(const struct ways *s, struct way_node from, uint32_t code,
		   const struct way *ret[static WAYS_EACH]);

#endif
