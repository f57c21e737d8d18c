/* SPDX-License-Identifier: MIT */
/* profiler/frames_seen.h - what stood on a thread's data stack when it was last seen, by address, for
 * samples that cannot read it any more.
 *
 * Some two thousand frames; a few are forgotten where addresses collide. */
#ifndef PROFILER_FRAMES_SEEN_H
#define PROFILER_FRAMES_SEEN_H

#include "profiler/target.h"

struct frame_seen {
	raddr at, executable, instr, previous;
	uint32_t tlbc_index;
};

struct frames_seen;

/* Where there is no memory for it, nothing is remembered. *s is NULL at first; free() it. */
void frames_seen_note(struct frames_seen **s, const struct frame_seen *f);
/* NULL: nothing was seen there. Good until the next note. */
const struct frame_seen *frames_seen_find(const struct frames_seen *s, raddr at);

#endif
