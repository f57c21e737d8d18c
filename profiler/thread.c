/* SPDX-License-Identifier: MIT */
#include "profiler/thread.h"

#include "profiler/activity.h"

#include <stdlib.h>

enum { FOREIGN_KEEP = 256 }; /* samples that an unneeded foreign frame is still read along */

void thread_init(struct thread *t, raddr at)
{
	*t = (struct thread){ .at = at, .alive = true };
}

void thread_deinit(struct thread *t)
{
	activity_close(t->activity);
	free(t->chunks);
	free(t->frames);
	t->chunks = NULL;
	t->frames = NULL;
	t->activity = NULL;
}

void thread_need_foreign(struct thread *t, raddr at)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < t->nforeign; i++) {
		if (t->foreign[i].at == at) {
			t->foreign[i].needed = t->samples;
			return;
		}
		if (t->samples - t->foreign[i].needed > t->samples - t->foreign[oldest].needed)
			oldest = i;
	}
	if (t->nforeign < FOREIGN_MAX)
		oldest = t->nforeign++;
	t->foreign[oldest] = (struct foreign){ at, t->samples };
}

void thread_age_foreign(struct thread *t)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < t->nforeign; i++) {
		if (t->samples - t->foreign[i].needed < FOREIGN_KEEP)
			t->foreign[kept++] = t->foreign[i];
	}
	t->nforeign = kept;
}

void thread_note_shim(struct thread *t, raddr at, raddr previous)
{
	unsigned i = 0;

	while (i < t->nshims && t->shims[i].at != at)
		i++;
	if (i == t->nshims) {
		if (t->nshims < SHIMS_MAX) {
			t->nshims++;
		} else {
			i = t->next_shim;
			t->next_shim = (t->next_shim + 1) % SHIMS_MAX;
		}
	}
	t->shims[i].at = at;
	t->shims[i].previous = previous;
}

bool thread_find_shim(const struct thread *t, raddr at, raddr *ret_previous)
{
	for (unsigned i = 0; i < t->nshims; i++) {
		if (t->shims[i].at == at) {
			*ret_previous = t->shims[i].previous;
			return true;
		}
	}
	return false;
}
