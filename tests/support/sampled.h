/* SPDX-License-Identifier: MIT */
/* tests/support/sampled.h - a sampler of an image: what sampler_open() makes of a process. */
#ifndef TESTS_SUPPORT_SAMPLED_H
#define TESTS_SUPPORT_SAMPLED_H

#include "profiler/sampler.h"
#include "tests/support/image.h"

/* s is zeroed, and lies where it stays; im must outlive it. It has a profile of its own, which the
 * caller destroys after sampler_close(). */
void sampled_init(struct sampler *s, struct image *im);

#endif
