/* SPDX-License-Identifier: MIT */
#include "profiler/debug_wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum ps_status debug_wire_next(struct channel *c, struct debug_message *ret)
{
	static const char letters[] = { DEBUG_OUT, DEBUG_NOTE, DEBUG_PROMPT, DEBUG_WORDS,
					DEBUG_END };
	struct channel_message m;

	PS_TRY(channel_next(c, &m));
	if (!memchr(letters, m.kind, sizeof letters))
		return PS_FORMAT;
	*ret = (struct debug_message){ (enum debug_said)m.kind, m.bytes, m.len };
	return PS_OK;
}

/* The target reads whenever it has asked: what does not fit for so long never will. */
static enum ps_status send_all(int fd, const char *bytes, size_t len)
{
	enum { PATIENCE_MS = 10000 };

	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		if (n < 0 && errno == EAGAIN && poll(&p, 1, PATIENCE_MS) == 0)
			return PS_IO;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return PS_IO;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return PS_OK;
}

enum ps_status debug_wire_tell(int fd, enum debug_told told, const char *text, size_t len)
{
	char head[CHANNEL_HEAD] = { (char)told };

	if (len > DEBUG_TEXT_MAX)
		return PS_LIMIT;
	for (unsigned i = 0; i < 4; i++)
		head[1 + i] = (char)(len >> 8 * i);
	PS_TRY(send_all(fd, head, sizeof head));
	return send_all(fd, text, len);
}
