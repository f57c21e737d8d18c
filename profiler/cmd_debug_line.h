/* SPDX-License-Identifier: MIT */
/* profiler/cmd_debug_line.h - the lines that a user enters: on a terminal with editing, history
 * and completion, else as they come from standard input. */
#ifndef PROFILER_CMD_DEBUG_LINE_H
#define PROFILER_CMD_DEBUG_LINE_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>

struct line_reader;

enum line_event {
	LINE_ENTERED,
	LINE_EOF,      /* the end of the input, or Ctrl-D on an empty line */
	LINE_BROKEN,   /* Ctrl-C: what was entered is dropped */
	LINE_STOP,     /* a signal that asks us to end */
	LINE_NEWS,     /* there is something to read from the other end, or it is over */
	LINE_TOO_LONG, /* and was dropped */
	LINE_NO_MEMORY,
};

enum { LINE_MAX_BYTES = 32000, WORDS_MAX_BYTES = 32768 };

struct line_hooks {
	void *ctx;
	/* Descriptors that end the waiting for a line when they are readable. */
	int news[2];
	/* What may be added to that line, "\n", and the words that fit, one a line: into ret,
	 * which has room for WORDS_MAX_BYTES; returns the length. */
	size_t (*complete)(void *ctx, const char *line, size_t len, char *ret);
};

/* Takes SIGINT, SIGTERM and SIGHUP (if they are not ignored) as events from now on. The hooks
 * must outlive it. */
enum ps_status line_open(const struct line_hooks *hooks, struct line_reader **ret,
			 struct ps_err *err) PS_MUST_USE;
void line_close(struct line_reader *r);

/* Is there a person at a terminal? */
bool line_is_terminal(const struct line_reader *r);

/* *ret: the line without its end, until the next call. After LINE_NEWS the next call goes on with
 * what was typed. */
enum line_event line_read(struct line_reader *r, const char *prompt, size_t prompt_len,
			  const char **ret, size_t *ret_len);

/* A signal that came meanwhile: LINE_BROKEN, LINE_STOP, or LINE_NEWS for none. */
enum line_event line_take_signal(struct line_reader *r);
/* Readable when there is one. */
int line_signal_fd(const struct line_reader *r);

#endif
