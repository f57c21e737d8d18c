/* SPDX-License-Identifier: MIT */
#include "tests/support/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROFILE_MAX = 64 << 20, TEXT_MAX = 256 << 10 };

enum ps_status rig_init(struct rig *r, struct image *im, raddr thread)
{
	struct target *t = &im->fake.target;
	enum ps_status st;

	*r = (struct rig){ .im = im };
	thread_init(&r->thread, thread);
	st = profile_create(PROFILE_MAX, &r->profile);
	if (!st)
		st = code_cache_init(&r->codes, t, &im->layout, r->profile);
	if (!st)
		st = capture_create(t, &im->layout, &r->batch);
	r->unwinder = (struct unwinder){
		.target = t, .layout = &im->layout, .codes = &r->codes, .profile = r->profile
	};
	if (!st)
		st = unwinder_init(&r->unwinder);
	if (st)
		rig_deinit(r);
	return st;
}

void rig_deinit(struct rig *r)
{
	unwinder_deinit(&r->unwinder);
	capture_destroy(r->batch);
	if (r->codes.target)
		code_cache_deinit(&r->codes);
	profile_destroy(r->profile);
	thread_deinit(&r->thread);
	free(r->text);
	*r = (struct rig){ 0 };
}

/* The target has run on until the second copy. */
static void look_again(struct rig *r, struct region *again, unsigned char later[static 256])
{
	if (r->looks_once)
		again->len = 0;
	if (!r->later_code || !again->len || again->len > 256)
		return;
	memcpy(later, again->bytes, again->len);
	memcpy(later + r->im->layout.at[F_FRAME_EXECUTABLE], &r->later_code, sizeof r->later_code);
	again->bytes = later;
}

static enum ps_status capture(struct rig *r)
{
	capture_reset(r->batch, true);
	if (!capture_add(r->batch, &r->thread))
		return PS_LIMIT;
	PS_TRY(capture_read(r->batch));
	capture_get(r->batch, 0, &r->capture);
	for (unsigned i = 0; i < r->capture.nforeign_again; i++)
		look_again(r, &r->capture.foreign_again[i], r->later[i]);
	return r->capture.state ? PS_OK : PS_FAULT;
}

static raddr newest_chunk(const struct rig *r)
{
	return layout_get(&r->im->layout, r->capture.state, F_THREAD_CHUNK);
}

static bool plan_fits(const struct rig *r)
{
	uint32_t n = r->thread.nchunks;

	return (n ? r->thread.chunks[n - 1].at : 0) == newest_chunk(r);
}

static enum ps_status prepare(struct rig *r)
{
	enum ps_status st = PS_OK;

	r->thread.samples++;
	PS_TRY(capture(r));
	for (int attempt = 0; attempt < 4 && !plan_fits(r); attempt++) {
		st = plan_chunks(&r->im->fake.target, &r->thread, newest_chunk(r));
		if (st == PS_NOMEM)
			return st;
		PS_TRY(capture(r));
	}
	return plan_fits(r) ? PS_OK : st ? st : PS_TORN;
}

typedef enum ps_status unwind_fn(struct unwinder *u, struct thread *t, const struct capture *c,
				 struct unwound *ret);

static enum ps_status sample(struct rig *r, unwind_fn *unwind)
{
	enum ps_status st;

	PS_TRY(prepare(r));
	for (int attempt = 0;; attempt++) {
		st = unwind(&r->unwinder, &r->thread, &r->capture, &r->out);
		if (st != PS_LIMIT || !r->out.short_copy || attempt == 4)
			break;
		plan_widen(&r->thread, &r->capture, r->out.region);
		PS_TRY(capture(r));
	}
	if (!st)
		plan_windows(&r->thread);
	thread_age_foreign(&r->thread);
	return st;
}

enum ps_status rig_sample(struct rig *r)
{
	return sample(r, unwind_live);
}

enum ps_status rig_sample_stopped(struct rig *r)
{
	return sample(r, unwind_stopped);
}

static size_t append(struct rig *r, size_t len, stack_id id)
{
	struct profile_stack s = profile_stack_at(r->profile, id);
	struct profile_function f;

	if (id.v == 0)
		return len;
	len = append(r, len, s.parent);
	f = profile_function_at(r->profile, s.function);
	len += (size_t)snprintf(r->text + len, TEXT_MAX - len, "%s%.*s:%u", len ? " " : "",
				(int)f.name.len, f.name.at, s.line);
	return len < TEXT_MAX ? len : TEXT_MAX - 1;
}

const char *rig_stack(struct rig *r)
{
	if (!r->text && !(r->text = malloc(TEXT_MAX)))
		abort();
	r->text[0] = '\0';
	append(r, 0, r->thread.stack);
	return r->text;
}
