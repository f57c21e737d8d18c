/* SPDX-License-Identifier: MIT */
#include "profiler/debug_wire.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct line {
	int target; /* the other end */
	struct channel channel;
};

static void setup(struct line *l)
{
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	l->target = ends[0];
	channel_init(&l->channel, ends[1]);
}

static void teardown(struct line *l)
{
	if (l->target >= 0)
		close(l->target);
	channel_close(&l->channel);
}

static void say(const struct line *l, char letter, uint32_t len, const char *bytes)
{
	char head[CHANNEL_HEAD] = { letter, (char)len, (char)(len >> 8), (char)(len >> 16),
				    (char)(len >> 24) };

	cr_assert_eq(write(l->target, head, sizeof head), (ssize_t)sizeof head);
	cr_assert_eq(write(l->target, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
}

Test(debug_wire, messages_come_one_after_the_other_and_whole)
{
	struct debug_message m;
	struct line l;

	setup(&l);
	cr_assert_eq(debug_wire_next(&l.channel, &m), PS_NOT_READY);
	say(&l, 'o', 5, "hello");
	say(&l, 'p', 6, "(Pd");
	cr_assert_eq(debug_wire_next(&l.channel, &m), PS_OK);
	cr_assert(m.said == DEBUG_OUT && m.len == 5 && memcmp(m.text, "hello", 5) == 0);
	cr_assert_eq(debug_wire_next(&l.channel, &m), PS_NOT_READY);
	cr_assert_eq(write(l.target, "b) ", 3), 3);
	cr_assert_eq(debug_wire_next(&l.channel, &m), PS_OK);
	cr_assert(m.said == DEBUG_PROMPT && m.len == 6 && memcmp(m.text, "(Pdb) ", 6) == 0);
	say(&l, 'e', 0, "");
	close(l.target);
	l.target = -1;
	cr_assert_eq(debug_wire_next(&l.channel, &m), PS_OK);
	cr_assert(m.said == DEBUG_END && m.len == 0);
	cr_assert_eq(debug_wire_next(&l.channel, &m), PS_NOT_READY);
	cr_assert(l.channel.ended);
	teardown(&l);
}

Test(debug_wire, what_is_none_of_ours_is_refused)
{
	struct debug_message m;

	for (int letter = 0; letter < 256; letter++) {
		bool known = letter && strchr("onpce", letter);
		struct line l;

		setup(&l);
		say(&l, (char)letter, 1, "x");
		cr_assert_eq(debug_wire_next(&l.channel, &m), known ? PS_OK : PS_FORMAT, "%d",
			     letter);
		teardown(&l);
	}
}

Test(debug_wire, lengths_are_not_believed)
{
	static const uint32_t lengths[] = { CHANNEL_PIECE + 1, 1u << 31, UINT32_MAX };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct debug_message m;
		struct line l;

		setup(&l);
		say(&l, 'o', lengths[i], "x");
		cr_assert_eq(debug_wire_next(&l.channel, &m), PS_FORMAT);
		teardown(&l);
	}
}

Test(debug_wire, what_is_told_arrives_as_it_was)
{
	static char text[DEBUG_TEXT_MAX + 1];
	char got[64];
	struct line l;

	setup(&l);
	cr_assert_eq(debug_wire_tell(l.channel.fd, DEBUG_LINE, "p 1", 3), PS_OK);
	cr_assert_eq(read(l.target, got, sizeof got), CHANNEL_HEAD + 3);
	cr_assert_eq(memcmp(got, "l\3\0\0\0p 1", CHANNEL_HEAD + 3), 0);
	cr_assert_eq(debug_wire_tell(l.channel.fd, DEBUG_EOF, "", 0), PS_OK);
	cr_assert_eq(read(l.target, got, sizeof got), CHANNEL_HEAD);
	memset(text, 'x', sizeof text);
	cr_assert_eq(debug_wire_tell(l.channel.fd, DEBUG_LINE, text, sizeof text), PS_LIMIT);
	cr_assert_eq(debug_wire_tell(l.channel.fd, DEBUG_LINE, text, sizeof text - 1), PS_OK);
	close(l.target);
	l.target = -1;
	cr_assert_eq(debug_wire_tell(l.channel.fd, DEBUG_LINE, "p 1", 3), PS_IO);
	teardown(&l);
}
