/* SPDX-License-Identifier: MIT */
/* profiler/debug_wire.h - what we and the debugger in a target (debug.py) say to each other.
 *
 * The frames are those of channel.h: a letter, a length, bytes (UTF-8). The letters are the
 * values of the enumerations here. The other end belongs to the target: nothing is believed. */
#ifndef PROFILER_DEBUG_WIRE_H
#define PROFILER_DEBUG_WIRE_H

#include "profiler/channel.h"

enum debug_said {
	DEBUG_OUT = 'o',    /* to be shown */
	DEBUG_NOTE = 'n',   /* a word about the debugger itself */
	DEBUG_PROMPT = 'p', /* a line is wanted; the bytes are the prompt */
	DEBUG_WORDS = 'c',  /* answers DEBUG_COMPLETE: what may be added, "\n", words that fit */
	DEBUG_END = 'e',    /* the session is over, and why (or nothing). The last message */
};

enum debug_told {
	DEBUG_LINE = 'l',      /* the line that was wanted */
	DEBUG_EOF = 'd',       /* there is none */
	DEBUG_BREAK_OFF = 'i', /* instead of a line: Ctrl-C */
	DEBUG_COMPLETE = 't',  /* while a line is wanted: the line as far as it goes */
};

struct debug_message {
	enum debug_said said;
	const char *text; /* until the next call; not terminated */
	size_t len;
};

enum { DEBUG_TEXT_MAX = CHANNEL_PIECE };

/* PS_OK; PS_NOT_READY: no whole message has come yet (or ever, if c->ended); PS_FORMAT: that is
 * none of ours; PS_IO. Never waits. */
enum ps_status debug_wire_next(struct channel *c, struct debug_message *ret) PS_MUST_USE;
/* Waits a while if it must. PS_IO: it cannot be sent; PS_LIMIT: longer than DEBUG_TEXT_MAX. */
enum ps_status debug_wire_tell(int fd, enum debug_told told, const char *text,
			       size_t len) PS_MUST_USE;

#endif
