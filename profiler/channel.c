/* SPDX-License-Identifier: MIT */
#include "profiler/channel.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

void channel_init(struct channel *c, int fd)
{
	c->fd = fd;
	c->ended = false;
	c->used = c->taken = 0;
}

void channel_close(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static enum ps_status take_message(struct channel *c, struct channel_message *ret)
{
	const unsigned char *b = (const unsigned char *)c->buffer;
	uint32_t len;

	if (c->used < CHANNEL_HEAD)
		return PS_NOT_READY;
	len = b[1] | (uint32_t)b[2] << 8 | (uint32_t)b[3] << 16 | (uint32_t)b[4] << 24;
	if (len > CHANNEL_PIECE)
		return PS_FORMAT;
	if (c->used < CHANNEL_HEAD + len)
		return PS_NOT_READY;
	*ret = (struct channel_message){ c->buffer[0], c->buffer + CHANNEL_HEAD, len };
	c->taken = CHANNEL_HEAD + len;
	return PS_OK;
}

enum ps_status channel_next(struct channel *c, struct channel_message *ret)
{
	enum ps_status st;

	c->used -= c->taken;
	memmove(c->buffer, c->buffer + c->taken, c->used);
	c->taken = 0;
	while ((st = take_message(c, ret)) == PS_NOT_READY) {
		ssize_t n = read(c->fd, c->buffer + c->used, sizeof c->buffer - c->used);

		if (n < 0 && errno == EINTR)
			continue;
		c->ended = n == 0; /* until another opens it */
		if (n < 0)
			return errno == EAGAIN ? PS_NOT_READY : PS_IO;
		if (n == 0)
			return PS_NOT_READY;
		c->used += (size_t)n;
	}
	return st;
}
