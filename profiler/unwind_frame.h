/* SPDX-License-Identifier: MIT */
/* profiler/unwind_frame.h - one frame's bytes, and whether it is alive. Shared by the
 * unwinders; not for others. */
#ifndef PROFILER_UNWIND_FRAME_H
#define PROFILER_UNWIND_FRAME_H

#include "profiler/unwind.h"

/* A frame as its bytes have it; code only if alive. */
struct candidate {
	raddr at, executable, instr, previous;
	uint64_t extra;
	uint32_t tlbc_index;
	uint32_t code;
	uint8_t owner;
	bool alive;
};

static inline uint64_t load64(const unsigned char *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof v);
	return v;
}

/* bytes are span[S_FRAME] long. Only takes apart; sets alive to false. */
void candidate_read(const struct layout *l, raddr at, const unsigned char *bytes,
		    struct candidate *ret);

/* Decides alive and code for a frame of that owner, see unwind.h. Reads the target if the
 * code object is new. PS_NOMEM, PS_LIMIT, PS_GONE pass through; all else is "dead". */
enum ps_status candidate_judge(struct unwinder *u, struct candidate *c, uint8_t owner) PS_MUST_USE;

/* 3.13: does this frame execute at this moment, so that no Python call is above it? */
static inline bool extra_executes(const struct layout *l, uint64_t extra)
{
	return layout_has(l, F_FRAME_STACKTOP) && (int32_t)(uint32_t)extra == -1;
}

/* How many frames of the last sample there are to compare with. */
uint32_t comparable_frames(const struct unwinder *u, const struct thread *t);

/* Makes room for n frames. */
enum ps_status frames_reserve(struct frame **frames, uint32_t *cap, uint32_t n) PS_MUST_USE;

#endif
