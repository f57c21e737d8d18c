/* SPDX-License-Identifier: MIT */
#include "profiler/locate.h"
#include "profiler/names.h"
#include "profiler/sampler.h"
#include "tests/fuzz/frames.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/rig.h"

#include <string.h>

struct input {
	const uint8_t *at, *end;
};

/* Writes records until the input or this moment of it ends. */
static void write_memory(struct fake_target *f, struct input *in)
{
	uint32_t at = 0;

	while (in->end - in->at >= 4) {
		uint32_t skip = in->at[0] | (uint32_t)in->at[1] << 8;
		size_t len = 8 * (in->at[2] | (size_t)in->at[3] << 8);

		in->at += 4;
		if (skip == FRAMES_LATER)
			return;
		at += 8 * skip;
		if (len > (size_t)(in->end - in->at))
			len = (size_t)(in->end - in->at);
		if (at + len > FRAMES_BYTES_MAX)
			return;
		if (len) {
			fake_map(f, FAKE_BASE + at, len);
			fake_put(f, FAKE_BASE + at, in->at, len);
		}
		at += (uint32_t)len;
		in->at += len;
	}
}

static void ignore_name(uint64_t ident, struct profile_text name, void *ctx)
{
	(void)ident;
	(void)name;
	(void)ctx;
}

/* A stack of the profile is closed, whatever it is made of. */
static void check_stack(struct rig *r)
{
	CHECK(r->thread.nframes <= FRAMES_MAX);
	for (stack_id id = r->thread.stack; id.v; id = profile_stack_at(r->profile, id).parent)
		CHECK(profile_stack_at(r->profile, id).parent.v < id.v);
}

/* What is told of a thread beside its stack, and a collection on one of its frames. */
static void check_state(struct rig *r, uint32_t which)
{
	struct exceptions e = { .target = r->unwinder.target, .layout = r->unwinder.layout };
	struct interpreter in = { .at = r->thread.interpreter };
	struct sampler s = { .profile = r->profile, .interpreters = &in, .ninterpreters = 1 };
	bool collects;

	CHECK(exceptions_of(&e, &r->thread, &r->capture, false) <= EXCEPTION_HANDLED);
	CHECK(exceptions_of(&e, &r->thread, &r->capture, true) <= EXCEPTION_HANDLED);
	s.site.layout = *r->unwinder.layout;
	s.threads = &r->thread;
	s.nthreads = 1;
	s.any_collection = true;
	r->thread.status = s.site.layout.gil_holder;
	CHECK(profile_function(r->profile, &(struct profile_function){ .kind = FUNCTION_GC },
			       &s.collecting) == PS_OK);
	for (uint32_t tick = 0; tick < 2 && r->thread.nframes; tick++) {
		raddr frame = r->thread.frames[which % r->thread.nframes].at;

		collection_note(&in.collection, true, &frame, tick);
		CHECK(collection_mark(&s, &r->thread, true, &collects) == PS_OK);
		check_stack(r);
	}
}

static void walk(struct image *im, struct input *in, raddr thread, raddr interpreter, raddr runtime)
{
	struct rig r;
	struct names names = { &im->fake.target, &im->layout, interpreter, 0 };
	struct site site = { runtime, im->layout, "fuzz" };
	bool changed;

	CHECK(rig_init(&r, im, thread) == PS_OK);
	if (rig_sample(&r) == PS_OK) {
		check_stack(&r);
		check_state(&r, im->fake.fail_at ? 0 : (uint32_t)interpreter);
	}
	write_memory(&im->fake, in);
	code_next_epoch(&r.codes);
	for (uint32_t i = 0; i < r.codes.ncodes; i++)
		(void)!code_verify(&r.codes, &i, 1, &changed);
	if (rig_sample(&r) == PS_OK) {
		check_stack(&r);
		check_state(&r, (uint32_t)runtime);
	}
	if (rig_sample_stopped(&r) == PS_OK)
		check_stack(&r);
	(void)!names_read(&names, ignore_name, NULL);
	(void)!locate_check(&im->fake.target, &site, NULL);
	rig_deinit(&r);
}

static raddr word(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof v);
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data + FRAMES_HEADER, data + size };
	struct image *im;

	if (size < FRAMES_HEADER)
		return 0;
	im = calloc(1, sizeof *im);
	CHECK(im);
	im->layout = table_layout(data[0] % NTABLES);
	fake_init(&im->fake);
	im->fake.fail_at = data[1];
	write_memory(&im->fake, &in);
	walk(im, &in, word(data + 2), word(data + 6), word(data + 10));
	image_deinit(im);
	free(im);
	return 0;
}
