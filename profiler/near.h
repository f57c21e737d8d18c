/* SPDX-License-Identifier: MIT */
/* profiler/near.h - what was meant by a name that there is not. */
#ifndef PROFILER_NEAR_H
#define PROFILER_NEAR_H

/* Longer names are near to none. */
enum { NEAR_BYTES = 64, NEAR_NOT = 1000 };

/* How many letters are to be put in, left out or changed to make one of the other, whatever their
 * case; NEAR_NOT: more than somebody mistypes in a name of that length. */
unsigned near_distance(const char *a, const char *b);

#endif
