/* SPDX-License-Identifier: MIT */
/* A request for a call in the ring is taken back: alone, from among others, and by who mends what
 * one who was killed has left. */
#include "tests/support/ring_world.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>
#include <unistd.h>

Test(request_ring, is_withdrawn_alone)
{
	EACH_MINOR(minor, r)
	{
		bool signalled;

		cr_assert_eq(put(r, "/s", NULL), PS_OK);
		cr_assert_eq(request_ring_ops.clear(r), PS_OK);
		cr_expect_eq(state_of(r, &signalled), REQUEST_TAKEN);
		cr_expect_eq(calls_in(r), 0);
		if (has_word(r, RW_CALLS_TO_DO)) {
			cr_expect_eq(get_word(r, RW_CALLS_TO_DO), 0);
			cr_expect_eq(get_word(r, RW_BREAKER), 0);
			set_word(r, RW_REASON_DROP, 1);
			cr_assert_eq(put(r, "/s", NULL), PS_OK);
			cr_assert_eq(request_ring_ops.clear(r), PS_OK);
			cr_expect_eq(get_word(r, RW_BREAKER), 1, "there is another reason");
		}
	}
}

Test(request_ring, is_withdrawn_from_among_others)
{
	EACH_MINOR(minor, r)
	{
		bool signalled;

		cr_assert_eq(put(r, "/s", NULL), PS_OK);
		for (unsigned i = 0; i < 29; i++)
			add_call(r, 1000 + i);
		cr_expect_eq(state_of(r, &signalled), REQUEST_WAITS, "nothing overwrites its text");
		cr_assert_eq(request_ring_ops.clear(r), PS_OK);
		cr_expect_eq(calls_in(r), 29);
		cr_expect_eq(get_int(r, r->ring.site.layout.first), calls_of_ours(r));
		for (unsigned i = 0; i < 29; i++)
			cr_expect_eq(get_int(r, r->ring.site.layout.calls +
							(calls_of_ours(r) + i) *
								r->ring.site.layout.slot),
				     1000 + i);
		if (has_word(r, RW_CALLS_TO_DO))
			cr_expect_eq(get_word(r, RW_CALLS_TO_DO), 1);
	}
}

Test(request_ring, is_not_withdrawn_under_the_lock)
{
	EACH_MINOR(minor, r)
	{
		bool signalled;

		cr_assert_eq(put(r, "/s", NULL), PS_OK);
		hold_lock(r);
		cr_expect_eq(request_ring_ops.clear(r), PS_TORN);
		cr_expect_eq(state_of(r, &signalled), REQUEST_WAITS);
	}
}

/* --- killed in the middle --- */

/* So many writes are made from now on, and all others fail, as when we are killed there. */
static unsigned writes_left = ~0u;

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	if (!writes_left)
		return -1;
	writes_left -= writes_left != ~0u;
	return syscall(SYS_pwrite64, fd, bytes, len, at);
}

/* As a guard does it. */
static void undo(struct request *r)
{
	bool signalled;

	if (r->thread && state_of(r, &signalled) == REQUEST_WAITS)
		cr_assert_eq(request_ring_ops.clear(r), PS_OK);
}

/* Is it the program's own calls that are in there, in their order, and will they be made? */
static void expect_sound(const struct request *r, unsigned others, const char *when, unsigned k)
{
	const struct ring_layout *l = &r->ring.site.layout;
	uint32_t first = get_int(r, l->first);

	cr_expect_eq(calls_in(r), (int)others, "3.%u, killed after %u writes of %s", l->minor, k,
		     when);
	for (unsigned i = 0; i < others; i++)
		cr_expect_eq(get_int(r, l->calls + (first + i) % l->slots * l->slot), 1000 + i,
			     "3.%u, killed after %u writes of %s", l->minor, k, when);
}

/* Some calls have been made before, so that the ring is empty somewhere. */
static void use_a_little(const struct request *r)
{
	for (unsigned i = 0; i < 5; i++) {
		add_call(r, 1000);
		take_call(r);
	}
}

static bool put_and_die(struct request *r, unsigned k)
{
	bool done;

	writes_left = k;
	done = put(r, "/s", NULL) == PS_OK;
	writes_left = ~0u;
	return done;
}

static bool clear_and_die(struct request *r, unsigned k)
{
	bool done;

	writes_left = k;
	done = request_ring_ops.clear(r) == PS_OK;
	writes_left = ~0u;
	return done;
}

Test(request_ring, whoever_dies_between_two_writes_leaves_a_ring_that_can_be_mended)
{
	for (unsigned minor = FIRST_MINOR; minor <= LAST_MINOR; minor++) {
		bool done = false;

		for (unsigned k = 0; !done; k++) {
			struct request *r = ring_world_make(minor);

			use_a_little(r);
			done = put_and_die(r, k);
			cr_assert(done || k < 10);
			undo(r);
			expect_sound(r, 0, "putting", k);
			add_call(r, 1000);
			expect_sound(r, 1, "putting", k);
			ring_world_end(r);
		}
	}
}

Test(request_ring, so_it_is_in_the_middle_of_taking_it_back)
{
	for (unsigned minor = FIRST_MINOR; minor <= LAST_MINOR; minor++) {
		bool done = false;

		for (unsigned k = 0; !done; k++) {
			struct request *r = ring_world_make(minor);

			use_a_little(r);
			cr_assert_eq(put(r, "/s", NULL), PS_OK);
			add_call(r, 1000);
			add_call(r, 1001);
			done = clear_and_die(r, k);
			cr_assert(done || k < 10);
			undo(r);
			expect_sound(r, 2, "taking back", k);
			ring_world_end(r);
		}
	}
}
