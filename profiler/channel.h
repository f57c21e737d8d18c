/* SPDX-License-Identifier: MIT */
/* profiler/channel.h - what a script in a target sends us through its pipe.
 *
 * A message is a letter, a length of four bytes (little endian), and that many bytes; see
 * inject.py, which sends no more than CHANNEL_PIECE at once. The other end belongs to the
 * target: nothing of it is believed.
 */
#ifndef PROFILER_CHANNEL_H
#define PROFILER_CHANNEL_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { CHANNEL_HEAD = 5, CHANNEL_PIECE = 32768 };

struct channel {
	int fd;       /* non-blocking; owned */
	bool ended;   /* all writers have closed it */
	size_t used;  /* bytes in buffer */
	size_t taken; /* of them, by the message that was handed out last */
	char buffer[2 * (CHANNEL_HEAD + CHANNEL_PIECE)];
};

struct channel_message {
	char kind;
	const char *bytes; /* until the next call */
	size_t len;
};

void channel_init(struct channel *c, int fd);
void channel_close(struct channel *c);
/* PS_OK with a message; PS_NOT_READY: none is complete yet (or ever, if c->ended);
 * PS_FORMAT: this is no message of ours; PS_IO. Never waits. */
enum ps_status channel_next(struct channel *c, struct channel_message *ret) PS_MUST_USE;

#endif
