/* SPDX-License-Identifier: MIT */
/* profiler/tids.h - thread ids of a target in another pid namespace, as our /proc has them.
 *
 * Only a thread's own status file tells its id inside. It is read once for each thread,
 * and kept as long as the thread is there: that takes as many reads as there are threads,
 * however they come.
 */
#ifndef PROFILER_TIDS_H
#define PROFILER_TIDS_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stdint.h>

struct tid_pair {
	int tid, inner;
};

struct tids {
	struct tid_pair *v; /* by inner */
	uint32_t n;
};

/* Brings the pairs up to date with /proc: once before threads that are new are looked up.
 * anew: also those that are known are read, for an id that a thread gave back may belong
 * to another. PS_GONE, PS_NOMEM: as it was. */
enum ps_status tids_update(struct tids *t, int pid, bool anew) PS_MUST_USE;
/* 0: no such thread. */
int tids_find(const struct tids *t, uint64_t inner);
void tids_deinit(struct tids *t);

#endif
