/* SPDX-License-Identifier: MIT */
/* The words of a request, in a file that stands for the memory of a target. */
#include "profiler/request.h"

#include "tests/support/tables.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { INTERP = 0x10000, FIRST = 0x40000, SECOND = 0x50000, IDENT = 77 };

static void put_word(const struct request *r, raddr at, uint64_t v)
{
	cr_assert_eq(poke(&r->poker, at, &v, sizeof v), PS_OK);
}

static void put_bytes(const struct request *r, raddr at, const void *bytes, size_t len)
{
	cr_assert_eq(poke(&r->poker, at, bytes, len), PS_OK);
}

static uint64_t word(const struct request *r, raddr at)
{
	uint64_t v = 0;

	cr_assert_eq(poke_read(&r->poker, at, &v, sizeof v), PS_OK);
	return v;
}

/* An interpreter with two threads; the second is asked. */
static void set_up(struct request *r, enum table_id id)
{
	struct layout l = table_layout(id);

	*r = (struct request){ .way = EXEC_DOOR };
	r->poker.fd = memfd_create("memory", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(r->poker.fd, 1 << 20), 0);
	r->door = (struct request_door){ .words = l.door,
					 .threads_at = l.at[F_INTERP_THREADS_HEAD],
					 .next_at = l.at[F_THREAD_NEXT],
					 .ident_at = l.at[F_THREAD_IDENT] };
	put_word(r, INTERP + r->door.threads_at, FIRST);
	put_word(r, FIRST + r->door.next_at, SECOND);
	put_word(r, SECOND + r->door.ident_at, IDENT);
	put_word(r, SECOND + r->door.words.breaker, 0x1122334455667701);
}

static const struct request_thread second = { .at = SECOND, .interpreter = INTERP, .ident = IDENT };

static enum request_state state(const struct request *r, bool *signalled)
{
	enum request_state s = REQUEST_NONE;

	cr_assert_eq(request_door_ops.state(r, &s, signalled), PS_OK);
	return s;
}

Test(request, is_put_signalled_taken_and_withdrawn)
{
	for (int id = TABLE_3_14_10; id < NTABLES; id++) {
		struct request r;
		bool signalled;
		char path[16] = "";

		set_up(&r, id);
		cr_assert_eq(request_door_ops.put(&r, &second, "/tmp/x/s", NULL), PS_OK);
		cr_expect_eq(state(&r, &signalled), REQUEST_WAITS);
		cr_expect(signalled);
		cr_expect_eq(word(&r, SECOND + r.door.words.breaker), 0x1122334455667721u,
			     "no other bit has changed");
		cr_assert_eq(poke_read(&r.poker, SECOND + r.door.words.path, path, 9), PS_OK);
		cr_expect_str_eq(path, "/tmp/x/s");

		put_word(&r, SECOND + r.door.words.breaker, 0x1122334455667700);
		cr_expect_eq(state(&r, &signalled), REQUEST_WAITS);
		cr_expect_not(signalled, "another event used the bit up");
		cr_assert_eq(request_door_ops.signal(&r), PS_OK);
		cr_expect_eq(state(&r, &signalled), REQUEST_WAITS);
		cr_expect(signalled);

		cr_assert_eq(request_door_ops.clear(&r), PS_OK);
		cr_expect_eq(state(&r, &signalled), REQUEST_TAKEN);
		close(r.poker.fd);
	}
}

Test(request, of_another_is_left_alone)
{
	struct request r;
	int32_t one = 1;
	bool signalled;
	char path[8] = "";

	set_up(&r, TABLE_3_15_2);
	put_bytes(&r, SECOND + r.door.words.pending, &one, 4);
	put_bytes(&r, SECOND + r.door.words.path, "theirs", 7);
	cr_expect_eq(request_door_ops.put(&r, &second, "/tmp/x/s", NULL), PS_NOT_READY);
	cr_assert_eq(poke_read(&r.poker, SECOND + r.door.words.path, path, 7), PS_OK);
	cr_expect_str_eq(path, "theirs");
	cr_expect_eq(r.thread, 0);

	set_up(&r, TABLE_3_15_2);
	cr_assert_eq(request_door_ops.put(&r, &second, "/tmp/x/s", NULL), PS_OK);
	put_bytes(&r, SECOND + r.door.words.path, "theirs", 7);
	cr_expect_eq(state(&r, &signalled), REQUEST_LOST);
}

Test(request, goes_only_to_a_thread_that_is_there)
{
	struct request_thread other = second;
	struct request r;

	set_up(&r, TABLE_3_14_10);
	other.ident = IDENT + 1;
	cr_expect_eq(request_door_ops.put(&r, &other, "/s", NULL), PS_TORN, "another one's state");
	other = second;
	other.at = SECOND + 8;
	cr_expect_eq(request_door_ops.put(&r, &other, "/s", NULL), PS_TORN, "not in the list");
	put_word(&r, SECOND + r.door.next_at, FIRST);
	cr_expect_eq(request_door_ops.put(&r, &other, "/s", NULL), PS_TORN, "a list without end");
	put_word(&r, FIRST + r.door.next_at, (uint64_t)1 << 40);
	cr_expect_eq(request_door_ops.put(&r, &second, "/s", NULL), PS_TORN, "one that leads away");
	cr_expect_eq(word(&r, SECOND + r.door.words.breaker), 0x1122334455667701u);
}

Test(request, a_thread_that_has_ended_meanwhile_is_not_written_to)
{
	struct request r;

	set_up(&r, TABLE_3_14_10);
	cr_assert_eq(request_door_ops.put(&r, &second, "/s", NULL), PS_OK);
	put_word(&r, FIRST + r.door.next_at, 0);
	put_word(&r, SECOND + r.door.words.breaker, 0);
	cr_expect_eq(request_door_ops.signal(&r), PS_OK);
	cr_expect_eq(word(&r, SECOND + r.door.words.breaker), 0);
	cr_expect_eq(request_door_ops.clear(&r), PS_OK);
	cr_expect_eq((uint32_t)word(&r, SECOND + r.door.words.pending), 1);
}

Test(request, a_path_that_is_too_long_is_refused)
{
	char path[600];
	struct request r;

	memset(path, 'x', sizeof path);
	path[sizeof path - 1] = '\0';
	set_up(&r, TABLE_3_14_10);
	cr_expect_eq(request_door_ops.put(&r, &second, path, NULL), PS_LIMIT);
	cr_expect_eq(r.thread, 0);
}
