/* SPDX-License-Identifier: MIT */
#include "profiler/clock.h"
#include "profiler/cmd_debug_line.h"
#include "profiler/commands.h"
#include "profiler/debug_other.h"
#include "profiler/debug_session.h"
#include "profiler/scope.h"
#include "profiler/visible.h"
#include "profiler/waiting.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define PATIENCE_NS ((uint64_t)10000000000)

enum { DEBUG_PROMPT_MAX = 512 }; /* more of it is not shown */

struct debugging {
	const struct options *options;
	struct debug_session *session; /* NULL: not yet */
	struct line_hooks hooks;
	struct line_reader *lines;
	bool stopped; /* a signal asks us to end */
	bool broken;  /* Ctrl-C */
	bool ended;   /* the target's last message came while a completion was waited for */
	bool loaded;  /* pdb has said something */
	bool kept;    /* this message came while the thread was being stopped */
	struct debug_message message;
	bool asked; /* a line is wanted, after this prompt */
	size_t prompt_len;
	char prompt[DEBUG_PROMPT_MAX];
	struct debug_order order;
};

/* --- what is shown --- */

/* A closed output is no reason to leave the program standing. */
static void put(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void show(int fd, const char *text, size_t len)
{
	char visible[VISIBLE_MAX(CHANNEL_PIECE)];

	if (isatty(fd))
		put(fd, visible, visible_text(text, len, false, visible));
	else
		put(fd, text, len);
}

static void note(const char *text, size_t len)
{
	put(STDERR_FILENO, "pysample: ", 10);
	show(STDERR_FILENO, text, len);
	put(STDERR_FILENO, "\n", 1);
}

/* --- signals --- */

static void take_signals(struct debugging *d)
{
	enum line_event e;

	while ((e = line_take_signal(d->lines)) != LINE_NEWS) {
		d->broken = d->broken || e == LINE_BROKEN;
		d->stopped = d->stopped || e == LINE_STOP;
	}
}

static bool has_signal(const struct debugging *d)
{
	struct pollfd p = { .fd = line_signal_fd(d->lines), .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* What the program says is shown, for it may wait for that. True: there is something else, which is
 * left to talk(). One that talks without end gets its turns, and no more. */
static bool has_news(struct debugging *d)
{
	enum { TURN = 16 };
	enum ps_status st = PS_OK;

	for (unsigned i = 0; st == PS_OK && !d->kept && i < TURN; i++) {
		struct debug_message *m = &d->message;

		st = debug_next(d->session, m, NULL);
		if (st == PS_OK && m->said == DEBUG_OUT)
			show(STDOUT_FILENO, m->text, m->len);
		else if (st == PS_OK)
			d->kept = true;
	}
	return d->kept || (st && st != PS_NOT_READY);
}

/* While an injection waits to be picked up. */
static bool interrupted(void *ctx)
{
	struct debugging *d = ctx;

	take_signals(d);
	return d->broken || d->stopped || (d->session && has_news(d));
}

/* --- what is asked of the target --- */

static size_t complete(void *ctx, const char *line, size_t len, char *ret)
{
	struct debugging *d = ctx;
	struct debug_message m;

	if (debug_tell(d->session, DEBUG_COMPLETE, line, len, NULL))
		return 0;
	for (;;) {
		struct pollfd p[] = { { .fd = debug_fd(d->session), .events = POLLIN },
				      { .fd = line_signal_fd(d->lines), .events = POLLIN } };
		enum ps_status st = debug_next(d->session, &m, NULL);

		if (st != PS_OK && st != PS_NOT_READY)
			return 0;
		if (st == PS_OK && m.said == DEBUG_WORDS) {
			memcpy(ret, m.text, m.len < WORDS_MAX_BYTES ? m.len : WORDS_MAX_BYTES);
			return m.len < WORDS_MAX_BYTES ? m.len : WORDS_MAX_BYTES;
		}
		if (st == PS_OK && m.said == DEBUG_END) {
			d->ended = true;
			return 0;
		}
		if (st != PS_OK) /* else it was said by an attribute that was looked at */
			poll(p, 2, -1);
		if (has_signal(d))
			return 0; /* it takes too long */
	}
}

static enum ps_status tell(struct debugging *d, enum debug_told told, const char *text, size_t len,
			   struct ps_err *err)
{
	d->asked = false;
	return debug_tell(d->session, told, text, len, err);
}

/* Not as long as there are news: then the line is still wanted. */
static enum ps_status answer(struct debugging *d, struct ps_err *err)
{
	const char *line = "";
	size_t len = 0;

	for (;;) {
		switch (line_read(d->lines, d->prompt, d->prompt_len, &line, &len)) {
		case LINE_ENTERED:
			return tell(d, DEBUG_LINE, line, len, err);
		case LINE_EOF:
			return tell(d, DEBUG_EOF, "", 0, err);
		case LINE_BROKEN:
			return tell(d, DEBUG_BREAK_OFF, "", 0, err);
		case LINE_STOP:
			d->stopped = true;
			return PS_OK;
		case LINE_NEWS:
			return PS_OK;
		case LINE_TOO_LONG:
			note("that line is too long", 21);
			break;
		case LINE_NO_MEMORY:
			return ps_fail(err, PS_NOMEM, "out of memory");
		}
	}
}

/* --- Ctrl-C while the program runs --- */

static void tell_wait(const struct debugging *d)
{
	int tid = debug_tid(d->session);
	char where[64], text[200];
	int n;

	waiting_describe(d->options->pid, tid, where);
	n = snprintf(text, sizeof text,
		     "thread %d is %s, and stops when that returns; Ctrl-C: wait no longer", tid,
		     *where ? where : "busy outside of Python");
	note(text, (size_t)n);
}

/* *ret_again: the time was over before the thread was there. Else there is no thread to be had. */
static enum ps_status interrupt(struct debugging *d, uint64_t patience_ns, bool *ret_again,
				struct ps_err *err)
{
	struct debug_order o = d->order;
	uint64_t began = clock_now();
	enum ps_status st;

	o.patience_ns = patience_ns;
	st = debug_interrupt(d->session, &o, err);
	*ret_again = st == PS_NOT_READY && clock_now() - began >= patience_ns;
	return st;
}

static enum ps_status stop_thread(struct debugging *d, struct ps_err *err)
{
	const uint64_t second = 1000000000;
	enum ps_status st;
	bool again, off;

	d->broken = false;
	if (line_is_terminal(d->lines)) /* what comes does not stand behind its ^C */
		put(STDOUT_FILENO, "\n", 1);
	st = interrupt(d, second, &again, err);
	if (again && !interrupted(d))
		tell_wait(d);
	while (again && !interrupted(d))
		st = interrupt(d, 60 * second, &again, err);
	off = st == PS_USAGE || (st == PS_NOT_READY && !again && !interrupted(d));
	if (off) /* the session is none the worse for it */
		note(err->msg, strlen(err->msg));
	if (off || (st == PS_NOT_READY && d->broken))
		note("the program runs on", 19);
	d->broken = false;
	return st == PS_NOT_READY || st == PS_USAGE ? PS_OK : st;
}

/* --- the conversation --- */

static void wait_for_news(const struct debugging *d)
{
	enum { SOON_MS = 1000 };
	static const char loading[] = "pdb is being loaded there, which takes longer the more the "
				      "program has to do meanwhile; Ctrl-C leaves";
	struct pollfd p[] = { { .fd = debug_fd(d->session), .events = POLLIN },
			      { .fd = debug_pidfd(d->session), .events = POLLIN },
			      { .fd = line_signal_fd(d->lines), .events = POLLIN } };

	if (!d->loaded && line_is_terminal(d->lines)) {
		if (poll(p, 3, SOON_MS))
			return;
		note(loading, sizeof loading - 1);
	}
	poll(p, 3, -1);
}

static enum ps_status last_words(const struct debug_message *m, struct ps_err *err)
{
	char visible[VISIBLE_MAX(PS_MSG_MAX)];
	size_t len = m->len < PS_MSG_MAX ? m->len : PS_MSG_MAX;

	if (!m->len)
		return PS_OK;
	len = visible_text(m->text, len, false, visible);
	return ps_fail(err, PS_UNSUPPORTED, "%.*s", (int)len, visible);
}

static void ask(struct debugging *d, const struct debug_message *m)
{
	d->asked = true;
	d->prompt_len = m->len < sizeof d->prompt ? m->len : sizeof d->prompt;
	memcpy(d->prompt, m->text, d->prompt_len);
}

/* *ret_over: that was the last message. */
static enum ps_status take(struct debugging *d, const struct debug_message *m, bool *ret_over,
			   struct ps_err *err)
{
	switch (m->said) {
	case DEBUG_OUT:
		show(STDOUT_FILENO, m->text, m->len);
		return PS_OK;
	case DEBUG_NOTE:
		note(m->text, m->len);
		return PS_OK;
	case DEBUG_PROMPT:
		ask(d, m);
		return PS_OK;
	case DEBUG_WORDS: /* of a completion that took too long */
		return PS_OK;
	case DEBUG_END:
		*ret_over = true;
		return last_words(m, err);
	}
	return PS_OK;
}

static enum ps_status next(struct debugging *d, struct debug_message *ret, struct ps_err *err)
{
	if (!d->kept)
		return debug_next(d->session, ret, err);
	d->kept = false;
	*ret = d->message;
	return PS_OK;
}

/* One that talks without end must not keep us from hearing signals. */
static enum ps_status talk(struct debugging *d, struct ps_err *err)
{
	struct debug_message m;
	bool over = false;

	while (!over && !d->ended && !d->stopped) {
		bool signal = has_signal(d);
		enum ps_status st = signal ? PS_NOT_READY : next(d, &m, err);

		if (st == PS_OK) {
			d->loaded = true;
			PS_TRY(take(d, &m, &over, err));
			continue;
		}
		if (st != PS_NOT_READY)
			return st;
		if (d->asked) { /* and signals mean something else */
			PS_TRY(answer(d, err));
			continue;
		}
		take_signals(d);
		if (d->broken && !d->loaded) /* there is nobody yet who could be interrupted */
			return ps_fail(
				err, PS_NOT_READY,
				"interrupted while pdb was being loaded; the program goes on");
		if (d->broken)
			PS_TRY(stop_thread(d, err));
		else if (!signal)
			wait_for_news(d);
	}
	return PS_OK;
}

static void greet(const struct debugging *d)
{
	if (d->options->quiet || !line_is_terminal(d->lines))
		return;
	fprintf(stderr,
		"pysample: thread %d of process %d (%s) stands. c lets it run on, Ctrl-C stops it "
		"again, q leaves\n",
		debug_tid(d->session), d->options->pid, debug_python(d->session));
}

/* It stands at another's prompt, perhaps, and hears nothing. */
static void look_for_another(const struct debugging *d, struct ps_err *err)
{
	int other;

	if (!debug_find_other(d->options->pid, &other))
		return;
	if (other)
		ps_hint(err,
			"pysample is debugging it already, as process %d: leave that one first",
			other);
	else
		ps_hint(err, "a pysample that debugged it was ended, and the program has not been "
			     "told yet, which is tried for a minute: try again then");
}

static enum ps_status open_and_talk(struct debugging *d, struct ps_err *err)
{
	enum ps_status st;

	PS_TRY(command_parse_thread(d->options->thread, &d->order.thread, &d->order.tid, err));
	PS_TRY(line_open(&d->hooks, &d->lines, err));
	st = debug_open(d->options->pid, &d->order, &d->session, err);
	if (!st) {
		d->hooks.news[0] = debug_fd(d->session);
		d->hooks.news[1] = debug_pidfd(d->session);
		d->broken = false;
		greet(d);
		st = talk(d, err);
		debug_close(d->session);
	} else if (st == PS_NOT_READY) {
		look_for_another(d, err);
	}
	line_close(d->lines);
	return st;
}

int cmd_debug(const struct options *o)
{
	struct debugging d = { .options = o };
	struct ps_err err = { 0 };
	enum ps_status st;

	d.hooks = (struct line_hooks){ .ctx = &d, .news = { -1, -1 }, .complete = complete };
	d.order = (struct debug_order){ .wake = o->wake,
					.patience_ns = o->timeout_ns ? o->timeout_ns : PATIENCE_NS,
					.interrupted = interrupted,
					.ctx = &d };
	st = open_and_talk(&d, &err);
	return st ? command_failed(st, &err) : EXIT_DONE;
}
