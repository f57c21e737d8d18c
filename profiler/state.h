/* SPDX-License-Identifier: MIT */
/* profiler/state.h - what a thread was doing when its sample was taken. */
#ifndef PROFILER_STATE_H
#define PROFILER_STATE_H

#include "profiler/sampler.h"

/* After the sample was unwound: of enum sample_state. Leaves the thread's status and
 * exception in it. may_read: further calls were needed for this sample anyway. */
unsigned state_take(struct sampler *s, struct thread *t, const struct capture *c, bool may_read);

/* Is the native thread in another interpreter, into which this stack has called? What it
 * does there is no time of this one. As of the last sample. */
bool state_is_elsewhere(const struct sampler *s, const struct thread *t);

/* What state_take() says, of a thread that was detached at its last sample and has stood still since. */
unsigned state_keep(struct sampler *s, struct thread *t);

#endif
