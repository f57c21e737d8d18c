/* SPDX-License-Identifier: MIT */
/* A request for a call in the ring is put, seen and taken; or it is not put, and why not. */
#include "tests/support/ring_world.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SECOND_INTERP = 0x200000 };

Test(request_ring, is_put_and_taken)
{
	EACH_MINOR(minor, r)
	{
		bool signalled;
		char text[160] = "";

		cr_assert_eq(put(r, "/tmp/x/s", NULL), PS_OK);
		cr_expect_eq(state_of(r, &signalled), REQUEST_WAITS, "3.%u", minor);
		cr_expect(signalled);
		cr_expect_eq(calls_in(r), (int)calls_of_ours(r));
		cr_assert_eq(poke_read(&r->poker, r->ring.text, text, sizeof text - 1), PS_OK);
		cr_expect(strncmp(text, "try:", 4) == 0 && strstr(text, "\"/tmp/x/s\""), "%s",
			  text);
		if (has_word(r, RW_CALLS_TO_DO))
			cr_expect_eq(get_word(r, RW_CALLS_TO_DO), 1);
		cr_expect_neq(get_word(r, RW_BREAKER), 0);
		take_call(r);
		cr_expect_eq(state_of(r, &signalled), REQUEST_TAKEN, "3.%u", minor);
	}
}

Test(request_ring, the_breaker_is_for_the_main_thread)
{
	EACH_MINOR(minor, r)
	{
		bool signalled;

		set_word(r, RW_HOLDER, WORLD_OTHER);
		cr_assert_eq(put(r, "/s", NULL), PS_OK);
		/* 3.8 never looks by itself; 3.13 has one of its own. */
		cr_expect_eq(get_word(r, RW_BREAKER) != 0, minor == 8 || minor == 13, "3.%u",
			     minor);
		state_of(r, &signalled);
		cr_expect(signalled);
		set_word(r, RW_HOLDER, WORLD_THREAD);
		set_word(r, RW_BREAKER, 0);
		cr_expect_eq(state_of(r, &signalled), REQUEST_WAITS);
		cr_expect_not(signalled, "3.%u", minor);
		cr_assert_eq(request_ring_ops.signal(r), PS_OK);
		state_of(r, &signalled);
		cr_expect(signalled, "3.%u", minor);
	}
}

Test(request_ring, other_bits_of_the_breaker_stay)
{
	struct request *r = ring_world_make(13);

	set_word(r, RW_BREAKER, 0x91);
	cr_assert_eq(put(r, "/s", NULL), PS_OK);
	cr_expect_eq(get_word(r, RW_BREAKER), 0x95);
	ring_world_end(r);
}

Test(request_ring, of_another_is_not_taken_for_ours)
{
	EACH_MINOR(minor, r)
	{
		bool signalled;

		cr_assert_eq(put(r, "/tmp/ours/s", NULL), PS_OK);
		strcpy(r->path, "/tmp/them/s");
		cr_expect_eq(state_of(r, &signalled), REQUEST_TAKEN, "3.%u", minor);
	}
}

Test(request_ring, a_thread_that_has_ended_meanwhile_is_not_written_to)
{
	struct request *r = ring_world_make(13);

	cr_assert_eq(put(r, "/s", NULL), PS_OK);
	end_main_thread(r);
	set_word(r, RW_BREAKER, 0);
	cr_expect_eq(request_ring_ops.signal(r), PS_OK);
	cr_expect_eq(get_word(r, RW_BREAKER), 0);
	ring_world_end(r);
}

Test(request_ring, the_longest_path_has_room)
{
	struct request *r = ring_world_make(10);
	char path[sizeof((struct request *)0)->path];
	bool signalled;

	memset(path, 'x', sizeof path);
	path[sizeof path - 1] = '\0';
	cr_assert_eq(put(r, path, NULL), PS_OK);
	cr_expect_eq(state_of(r, &signalled), REQUEST_WAITS);
	take_ours(r);
	cr_assert_eq(put(r, path, NULL), PS_OK, "what we left there is no obstacle");
	ring_world_end(r);
}

Test(request_ring, the_text_of_the_last_call_is_left_alone)
{
	struct request *r = ring_world_make(9);
	char text[64] = "";
	raddr first;

	/* It may be in use this very moment: of one without a mark, nothing tells until 3.11. */
	cr_assert_eq(put(r, "/tmp/first/s", NULL), PS_OK);
	first = r->ring.text;
	take_ours(r);
	cr_assert_eq(put(r, "/tmp/second/s", NULL), PS_OK);
	cr_expect_neq(r->ring.text, first);
	cr_assert_eq(poke_read(&r->poker, first + 36, text, sizeof text - 1), PS_OK);
	cr_expect(strstr(text, "/tmp/first/s"), "%s", text);
	take_ours(r);
	cr_assert_eq(put(r, "/tmp/third/s", NULL), PS_OK);
	cr_expect_eq(r->ring.text, first);
	ring_world_end(r);
}

/* --- what is in the way --- */

static void add_one(const struct request *r)
{
	add_call(r, 5);
}

static void be_busy(const struct request *r)
{
	set_word(r, RW_BUSY, 1);
}

static void be_finalizing(const struct request *r)
{
	set_word(r, RW_FINALIZING, 1);
}

static void be_sent_an_exception(const struct request *r)
{
	set_word(r, RW_ASYNC_EXC, 0x1234);
}

static void be_deep(const struct request *r)
{
	if (has_word(r, RW_DEPTH))
		set_word(r, RW_DEPTH, 990);
	else
		set_word(r, RW_DEPTH_LEFT, 10);
}

static void be_deep_in_c(const struct request *r)
{
	set_word(r, RW_C_DEPTH_LEFT, 10);
}

static void hook(const struct request *r)
{
	set_word(r, RW_HOOKS, 0x1234);
}

static void hook_in_c(const struct request *r)
{
	set_word(r, RW_RUNTIME_HOOKS, 0x1234);
}

static void have_two_interpreters(const struct request *r)
{
	struct ring_site other = r->ring.site;
	uint64_t id = 1;

	other.base[RING_INTERPRETER] = SECOND_INTERP;
	put_bytes(r, ring_site_at(&other, RW_ID, 0), &id, sizeof id);
	set_word(r, RW_NEXT, SECOND_INTERP);
}

Test(request_ring, waits_or_says_why_not)
{
	static const struct {
		void (*is_so)(const struct request *r);
		enum ps_status status;
		const char *word;
		enum ring_word needs;
		unsigned first, last; /* minor versions */
	} rows[] = {
		{ hold_lock, PS_NOT_READY, "lock", RW_LOCK, 8, 13 },
		{ add_one, PS_NOT_READY, "busy", RW_LOCK, 8, 13 },
		{ be_busy, PS_NOT_READY, "busy", RW_BUSY, 9, 13 },
		{ be_busy, PS_NOT_READY, "shutting down", RW_BUSY, 8, 8 },
		{ be_finalizing, PS_NOT_READY, "shutting down", RW_FINALIZING, 8, 13 },
		{ be_sent_an_exception, PS_NOT_READY, "exception", RW_ASYNC_EXC, 8, 13 },
		{ be_deep, PS_NOT_READY, "recursion", RW_LOCK, 8, 13 },
		{ be_deep_in_c, PS_NOT_READY, "recursion", RW_C_DEPTH_LEFT, 8, 13 },
		{ hook, PS_DENIED, "audit hooks", RW_HOOKS, 8, 13 },
		{ hook_in_c, PS_DENIED, "audit hooks", RW_RUNTIME_HOOKS, 8, 13 },
		{ have_many_users, PS_UNSUPPORTED, "ring", RW_LOCK, 8, 13 },
		{ have_no_room, PS_UNSUPPORTED, "ring", RW_LOCK, 8, 13 },
		{ end_main_thread, PS_TORN, "main thread", RW_LOCK, 8, 13 },
		{ go_round, PS_TORN, "main thread", RW_LOCK, 8, 13 },
		{ have_two_interpreters, PS_NOT_READY, "several", RW_LOCK, 8, 8 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		MINORS(minor, rows[i].first, rows[i].last, r)
		{
			unsigned char before[RING_BYTES_MAX], after[RING_BYTES_MAX];
			struct ps_err err = { 0 };

			if (!has_word(r, rows[i].needs))
				continue;
			rows[i].is_so(r);
			ring_bytes(r, before);
			cr_expect_eq(put(r, "/s", &err), rows[i].status, "row %zu, 3.%u", i, minor);
			cr_expect(strstr(err.msg, rows[i].word), "row %zu, 3.%u: %s", i, minor,
				  err.msg);
			cr_expect_eq(r->thread, 0);
			ring_bytes(r, after);
			cr_expect_eq(memcmp(before, after, ring_size(&r->ring.site.layout)), 0);
		}
	}
}

Test(request_ring, several_interpreters_matter_to_3_8_only)
{
	MINORS(minor, 9, LAST_MINOR, r)
	{
		have_two_interpreters(r);
		cr_expect_eq(put(r, "/s", NULL), PS_OK, "3.%u", minor);
	}
}

Test(request_ring, waits_for_one_that_is_being_made)
{
	MINORS(minor, FIRST_MINOR, 11, r)
	{
		struct ps_err err = { 0 };

		cr_assert_eq(put(r, "/tmp/first/s", NULL), PS_OK);
		take_call(r);
		cr_expect_eq(put(r, "/tmp/second/s", &err), PS_NOT_READY, "3.%u", minor);
		cr_expect(strstr(err.msg, "at work on a call"), "%s", err.msg);
		add_one(r);
		cr_expect_eq(put(r, "/tmp/second/s", &err), PS_NOT_READY);
		take_call(r);
		take_call(r);
		cr_expect_eq(put(r, "/tmp/second/s", &err), PS_OK);
	}
}
