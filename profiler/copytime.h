/* SPDX-License-Identifier: MIT */
/* profiler/copytime.h - how long copies take, and what that says of them.
 *
 * The target runs on while it is copied. A copy that took longer than others of its kind is not
 * of one moment: we did not run all the time, or waited for the target's memory map.
 */
#ifndef PROFILER_COPYTIME_H
#define PROFILER_COPYTIME_H

#include <stdint.h>

enum copy_pace {
	COPY_USUAL,
	COPY_SLOW, /* what is the same before and after need not have been so in between */
	COPY_HELD, /* up for so long that its parts have nothing to do with each other */
};

/* All zeroes at first. */
struct copytime {
	uint64_t usual; /* ns for each piece: the median of all, or near it */
};

/* Of a copy of so many pieces, at least one, and bytes in all. */
enum copy_pace copytime_judge(struct copytime *s, uint64_t took_ns, uint32_t pieces,
			      uint64_t bytes);

#endif
