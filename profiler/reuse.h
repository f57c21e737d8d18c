/* SPDX-License-Identifier: MIT */
/* profiler/reuse.h - of a sample some of whose code objects were replaced, what is certain.
 *
 * A program that makes and frees code objects all the time gives their memory to others
 * before they can be read. The frames below such a one are not in doubt for that: what the
 * stack has there is left as it is, and its top is left out. */
#ifndef PROFILER_REUSE_H
#define PROFILER_REUSE_H

#include "profiler/code.h"

/* Of the frames whose code objects these are, the root first: how many are certain from the
 * root on. Certain is whose record is older than the sample (reads: codes->reads before it
 * was looked at) and holds now. Reads the target. PS_NOMEM, PS_GONE, PS_DENIED, PS_LIMIT. */
enum ps_status reuse_certain(struct code_cache *codes, const uint32_t *code, uint32_t n,
			     uint32_t reads, uint32_t *ret) PS_MUST_USE;

#endif
