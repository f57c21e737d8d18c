/* SPDX-License-Identifier: MIT */
#include "profiler/channel.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct pair {
	struct channel c;
	int to;
};

static struct pair *open_pair(struct pair *p)
{
	int ends[2];

	cr_assert_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	channel_init(&p->c, ends[0]);
	p->to = ends[1];
	return p;
}

static void put(struct pair *p, const void *bytes, size_t len)
{
	cr_assert_eq(write(p->to, bytes, len), (ssize_t)len);
}

Test(channel, messages_come_one_by_one_and_whole)
{
	struct pair p;
	struct channel_message m;

	open_pair(&p);
	put(&p, "o\3\0\0\0abcd\0\0\0\0x\2\0\0", 17);
	cr_assert_eq(channel_next(&p.c, &m), PS_OK);
	cr_expect(m.kind == 'o' && m.len == 3 && memcmp(m.bytes, "abc", 3) == 0);
	cr_assert_eq(channel_next(&p.c, &m), PS_OK);
	cr_expect(m.kind == 'd' && m.len == 0);
	cr_expect_eq(channel_next(&p.c, &m), PS_NOT_READY);
	put(&p, "\0q", 2);
	cr_expect_eq(channel_next(&p.c, &m), PS_NOT_READY);
	put(&p, "r", 1);
	cr_assert_eq(channel_next(&p.c, &m), PS_OK);
	cr_expect(m.kind == 'x' && m.len == 2 && memcmp(m.bytes, "qr", 2) == 0);
	cr_expect_not(p.c.ended);
	close(p.to);
	cr_expect_eq(channel_next(&p.c, &m), PS_NOT_READY);
	cr_expect(p.c.ended);
	channel_close(&p.c);
}

Test(channel, the_longest_message_fits_and_a_longer_one_is_none)
{
	static char bytes[CHANNEL_HEAD + CHANNEL_PIECE] = "o\0\x80\0\0";
	struct pair p;
	struct channel_message m;

	open_pair(&p);
	for (int i = 0; i < 5; i++) {
		put(&p, bytes, sizeof bytes);
		cr_assert_eq(channel_next(&p.c, &m), PS_OK);
		cr_expect_eq(m.len, (size_t)CHANNEL_PIECE);
	}
	put(&p, "o\1\x80\0\0", 5);
	cr_expect_eq(channel_next(&p.c, &m), PS_FORMAT);
	cr_expect_eq(channel_next(&p.c, &m), PS_FORMAT, "and stays so");
	channel_close(&p.c);
	close(p.to);
	open_pair(&p);
	put(&p, "\xff\xff\xff\xff\xff\xff", 6);
	cr_expect_eq(channel_next(&p.c, &m), PS_FORMAT);
	channel_close(&p.c);
	close(p.to);
}
