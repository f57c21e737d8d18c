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
	free(t->seen);
	t->chunks = NULL;
	t->frames = NULL;
	t->seen = NULL;
	t->activity = NULL;
}

static unsigned stalest(const struct thread *t)
{
	unsigned oldest = 0;

	for (unsigned i = 1; i < t->nforeign; i++) {
		if (t->samples - t->foreign[i].needed > t->samples - t->foreign[oldest].needed)
			oldest = i;
	}
	return oldest;
}

static void remove_foreign(struct thread *t, unsigned which)
{
	t->nforeign--;
	for (unsigned i = which; i < t->nforeign; i++)
		t->foreign[i] = t->foreign[i + 1];
}

void thread_need_foreign(struct thread *t, raddr at, bool generator)
{
	unsigned place;

	for (unsigned i = 0; i < t->nforeign; i++) {
		if (t->foreign[i].at == at) {
			t->foreign[i].needed = t->samples;
			t->foreign[i].generator |= generator;
			return;
		}
	}
	if (t->nforeign == FOREIGN_MAX)
		remove_foreign(t, stalest(t));
	for (place = t->nforeign++; place > 0 && t->foreign[place - 1].at > at; place--)
		t->foreign[place] = t->foreign[place - 1];
	t->foreign[place] =
		(struct foreign){ .at = at, .needed = t->samples, .generator = generator };
}

bool thread_knows_generator(const struct thread *t, raddr at)
{
	for (unsigned i = 0; i < t->nforeign; i++) {
		if (t->foreign[i].at == at)
			return t->foreign[i].generator;
	}
	return false;
}

void thread_observe_generator(struct thread *t, raddr at, bool same)
{
	enum { SEEN_HALVE = 1024 };

	for (unsigned i = 0; i < t->nforeign; i++) {
		struct foreign *f = &t->foreign[i];

		if (f->at != at || !f->generator)
			continue;
		f->seen++;
		f->same = (uint16_t)(f->same + same);
		if (f->seen >= SEEN_HALVE) {
			f->seen /= 2;
			f->same /= 2;
		}
	}
}

bool thread_is_steady(const struct thread *t, raddr at)
{
	for (unsigned i = 0; i < t->nforeign; i++) {
		const struct foreign *f = &t->foreign[i];

		if (f->at == at)
			return f->seen >= STEADY_SEEN &&
			       (f->seen - f->same) * STEADY_SHARE <= f->seen;
	}
	return false;
}

void thread_age_foreign(struct thread *t)
{
	for (unsigned i = t->nforeign; i > 0; i--) {
		if (t->samples - t->foreign[i - 1].needed >= FOREIGN_KEEP)
			remove_foreign(t, i - 1);
	}
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
