/* SPDX-License-Identifier: MIT */
#include "profiler/copytime.h"

enum {
	SLOW_NS = 10000,      /* a call takes 2 to 5 us; above this, and ... */
	SLOW_PIECE_NS = 1000, /* ... this for each piece, it was slow, ... */
	SLOW_FACTOR = 2,      /* ... also if each took so many times what it usually does, ... */
	SLOW_STEP = 64,       /* ... which is found out in steps of such a part of it */
	HELD_NS = 200000,     /* a wait for the memory map is over by then, as a rule, ... */
	HELD_BYTE_NS = 4,     /* ... and a copy of many bytes by this, ... */
	HELD_FACTOR = 8,      /* ... nor is it just a slow machine */
};

enum copy_pace copytime_judge(struct copytime *s, uint64_t took_ns, uint32_t pieces, uint64_t bytes)
{
	uint64_t each = took_ns / pieces, usual = s->usual, step = usual / SLOW_STEP + 1;

	if (!usual)
		s->usual = each;
	else
		s->usual = each > usual ? usual + step : usual - step;
	if (took_ns > HELD_NS + bytes * HELD_BYTE_NS && usual && each > HELD_FACTOR * usual)
		return COPY_HELD;
	if (usual && each > SLOW_FACTOR * usual)
		return COPY_SLOW;
	return took_ns > SLOW_NS + (uint64_t)pieces * SLOW_PIECE_NS ? COPY_SLOW : COPY_USUAL;
}
