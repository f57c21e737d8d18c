/* SPDX-License-Identifier: MIT */
/* tests/support/rig.h - what takes samples of one thread of an image. */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "profiler/capture.h"
#include "profiler/code.h"
#include "profiler/plan.h"
#include "profiler/unwind.h"
#include "tests/support/image.h"

struct rig {
	struct image *im;
	struct profile *profile;
	struct code_cache codes;
	struct unwinder unwinder;
	struct capture_batch *batch;
	struct capture capture;
	struct thread thread;
	struct unwound out; /* of the last sample */
	bool looks_once;    /* generators' frames have no second copy to be compared with */
	raddr later_code;   /* what the second copies show instead; 0: what is there */
	unsigned char later[FOREIGN_MAX][256];
	char *text;
};

/* Of a thread; im must outlive the rig. The status is of what allocates. */
enum ps_status rig_init(struct rig *r, struct image *im, raddr thread) PS_MUST_USE;
void rig_deinit(struct rig *r);

/* One sample: plan, copy, unwind; plans again as often as the sampler would. */
enum ps_status rig_sample(struct rig *r) PS_MUST_USE;
enum ps_status rig_sample_stopped(struct rig *r) PS_MUST_USE;

/* The last sample's stack from the root, "main:1 f:3"; marked frames by their kind. Good
 * until the next call. */
const char *rig_stack(struct rig *r);

#endif
