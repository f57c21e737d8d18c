/* SPDX-License-Identifier: MIT */
#include "tests/support/sampled.h"

#include "profiler/listing.h"
#include "profiler/look.h"

#include <criterion/criterion.h>

void sampled_init(struct sampler *s, struct image *im)
{
	struct target *t = &im->fake.target;
	struct profile_function gc = { .name = { "<GC>", 4 }, .kind = FUNCTION_GC };

	s->target = t;
	s->site = (struct site){ im->runtime, im->layout, "memory scan" };
	cr_assert_eq(profile_create(16 << 20, &s->profile), PS_OK);
	cr_assert_eq(code_cache_init(&s->codes, t, &s->site.layout, s->profile), PS_OK);
	cr_assert_eq(capture_create(t, &s->site.layout, &s->batch), PS_OK);
	cr_assert_eq(capture_create(t, &s->site.layout, &s->again), PS_OK);
	s->unwinder = (struct unwinder){
		.target = t, .layout = &s->site.layout, .codes = &s->codes, .profile = s->profile
	};
	cr_assert_eq(unwinder_init(&s->unwinder), PS_OK);
	s->exceptions = (struct exceptions){ .target = t, .layout = &s->site.layout };
	s->look_span = look_span(&s->site.layout);
	cr_assert_eq(profile_function(s->profile, &gc, &s->collecting), PS_OK);
	cr_assert_eq(listing_refresh(s), PS_OK);
}
