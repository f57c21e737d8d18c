/* SPDX-License-Identifier: MIT */
/* profiler/listing.h - which interpreters and threads there are, and how they are called.
 * The slow part of the sampler, run when a list has changed and now and then. */
#ifndef PROFILER_LISTING_H
#define PROFILER_LISTING_H

#include "profiler/sampler.h"

/* Brings s->interpreters and s->threads up to date. Threads that are still there keep
 * what is known of them. PS_TORN: the lists changed while they were read; as before. */
enum ps_status listing_refresh(struct sampler *s) PS_MUST_USE;

/* The same, a few times where lists change while they are read; what is still wrong then is for
 * the next refresh, s->relist. */
enum ps_status listing_now(struct sampler *s) PS_MUST_USE;

/* Is there a thread whose name threading has not told yet? */
bool listing_has_unnamed(const struct sampler *s);

#endif
