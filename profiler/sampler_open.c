/* SPDX-License-Identifier: MIT */
/* From a target to a sampler of it, and what ends or begins anew with it. */
#include "profiler/blocking.h"
#include "profiler/listing.h"
#include "profiler/look.h"
#include "profiler/sampler.h"

#include <stdlib.h>

static enum ps_status note_markers(struct sampler *s)
{
	static const char no_python[] = "[no Python code]", gc[] = "<GC>";
	struct profile_function f = { .name = { no_python, sizeof no_python - 1 },
				      .kind = FUNCTION_OMITTED };

	PS_TRY(profile_function(s->profile, &f, &s->no_python));
	f = (struct profile_function){ .name = { gc, sizeof gc - 1 }, .kind = FUNCTION_GC };
	return profile_function(s->profile, &f, &s->collecting);
}

static enum ps_status prepare(struct sampler *s)
{
	PS_TRY(code_cache_init(&s->codes, s->target, &s->site.layout, s->profile));
	PS_TRY(capture_create(s->target, &s->site.layout, &s->batch));
	PS_TRY(capture_create(s->target, &s->site.layout, &s->again));
	PS_TRY(note_markers(s));
	s->look_span = look_span(&s->site.layout);
	s->exceptions = (struct exceptions){ .target = s->target, .layout = &s->site.layout };
	s->unwinder = (struct unwinder){ .target = s->target,
					 .layout = &s->site.layout,
					 .codes = &s->codes,
					 .profile = s->profile };
	return unwinder_init(&s->unwinder);
}

enum ps_status sampler_open(struct target *t, struct profile *p, struct sampler *s,
			    struct ps_err *err)
{
	enum ps_status st;

	*s = (struct sampler){ .target = t, .profile = p };
	PS_TRY(locate(t, &s->site, err));
	st = prepare(s);
	if (!st)
		st = listing_now(s);
	if (st) {
		sampler_close(s);
		if (st == PS_FAULT || st == PS_TORN)
			return ps_fail(err, target_ended(t) ? PS_GONE : PS_NOT_READY,
				       "the interpreter's threads could not be listed");
		return ps_fail(err, st, "prepare to sample: %s", ps_status_name(st));
	}
	return PS_OK;
}

static void drop_threads(struct sampler *s)
{
	for (uint32_t i = 0; i < s->nthreads; i++)
		thread_deinit(&s->threads[i]);
	free(s->threads);
	free(s->interpreters);
	s->threads = NULL;
	s->interpreters = NULL;
	s->nthreads = s->ninterpreters = 0;
}

void sampler_close(struct sampler *s)
{
	blocking_destroy(s->blocking);
	drop_threads(s);
	capture_destroy(s->batch);
	capture_destroy(s->again);
	unwinder_deinit(&s->unwinder);
	if (s->codes.target)
		code_cache_deinit(&s->codes);
	free(s->codes_seen);
	tids_deinit(&s->tids);
	*s = (struct sampler){ 0 };
}

enum ps_status sampler_use_blocking(struct sampler *s, struct ps_err *err)
{
	return blocking_create(s->target->pid, &s->blocking, err);
}

enum ps_status sampler_follow_exec(struct sampler *s, struct ps_err *err)
{
	struct site site;

	PS_TRY(target_follow_exec(s->target, err));
	PS_TRY(locate(s->target, &site, err));
	drop_threads(s);
	s->site = site;
	s->exceptions.proved = false;
	s->gil = (struct gil){ 0 };
	s->look_span = look_span(&s->site.layout);
	code_cache_forget(&s->codes, &s->site.layout);
	unwinder_forget(&s->unwinder);
	s->listed_head = 0;
	if (listing_now(s))
		return ps_fail(err, PS_NOT_READY, "the interpreter's threads could not be listed");
	return PS_OK;
}
