/* SPDX-License-Identifier: MIT */
/* profiler/frames_seen.h - what stood on a thread's data stack, by address and code object, and what
 * had called it there, for samples whose copy has something else by then.
 *
 * Some hundred frames, or some two thousand; those not noted for longest are forgotten where
 * addresses collide. */
#ifndef PROFILER_FRAMES_SEEN_H
#define PROFILER_FRAMES_SEEN_H

#include "profiler/target.h"

struct frame_seen {
	raddr at, executable, instr, previous;
	raddr caller; /* the executable of the frame at `previous`; 0: of another kind */
	uint32_t tlbc_index;
	uint32_t when;    /* larger: noted later */
	bool is_only_way; /* to it: it was never noted with another caller or `previous` */
};

struct frames_seen;

/* `when` and is_only_way are of the note's own making. many: two thousand from now on, and what was
 * noted among fewer is forgotten. Where there is no memory for it, nothing is remembered. *s is NULL
 * at first; free() it. */
void frames_seen_note(struct frames_seen **s, const struct frame_seen *f, bool many);
void frames_seen_clear(struct frames_seen *s);
/* What was noted there last. NULL: nothing. Good until the next note, as is the next. */
const struct frame_seen *frames_seen_find(const struct frames_seen *s, raddr at);
/* The frame of that code object there. */
const struct frame_seen *frames_seen_find_as(const struct frames_seen *s, raddr at,
					     raddr executable);

#endif
