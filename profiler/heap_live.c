/* SPDX-License-Identifier: MIT */
#include "profiler/heap_live.h"

#include "profiler/clock.h"
#include "profiler/embedded.h"
#include "profiler/heap_copy.h"
#include "profiler/heap_memory.h"
#include "profiler/heap_rpy.h"
#include "profiler/heap_stream.h"
#include "profiler/heap_words.h"
#include "profiler/inject.h"
#include "profiler/inject_text.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MS = 1000000 };
/* At a time, twice what the pipe can hold: of a copy that has ended, nothing is left in it. */
enum { PIECE = 1 << 16, PIECES = 32 };
/* A walk tells some MB a second, so what tells less than this in the time for which a request
 * may wait, so many times, hangs. */
enum { LEAST_BYTES = 1 << 16, STALLED_FACTOR = 12 };

enum fate { GOES_ON, COMPLETE, BROKE_OFF, TORN, ENDLESS, STALLED };

struct taking {
	const struct heap_live_order *order;
	int pid, into;
	int spool; /* -1: what comes is a dump */
	char begin[HEAP_RPY_MAGIC];
	size_t nbegin; /* of these have come; no more are kept */
	struct heap_live_result result;
	struct heap_stream stream;
	enum fate fate;
	bool opened;                /* the pipe has been: that it is at its end means something */
	uint64_t most;              /* bytes that may come */
	uint64_t looked_at, had;    /* at that time so much had come */
	int copy;                   /* a pidfd, or -1 */
	uint64_t leaves_at;         /* with or without the script's last words; 0: not yet */
	int error;                  /* errno of a write that failed */
	char words[PS_MSG_MAX / 2]; /* the last line of what the script raised */
	char digits[64]; /* what it printed: the copy's pid; how long it held its thread, in ns */
};

static uint64_t stalled_ns(const struct taking *t)
{
	return STALLED_FACTOR * t->order->patience_ns;
}

static bool is_stalled(struct taking *t)
{
	uint64_t now = clock_now();

	if (t->result.bytes - t->had >= LEAST_BYTES) {
		t->had = t->result.bytes;
		t->looked_at = now;
	}
	if (t->fate == GOES_ON && now - t->looked_at > stalled_ns(t))
		t->fate = STALLED;
	return t->fate == STALLED;
}

static bool is_interrupted(void *ctx)
{
	struct taking *t = ctx;

	if (t->leaves_at)
		return clock_now() > t->leaves_at;
	return t->error || t->fate > BROKE_OFF || is_stalled(t) ||
	       (t->order->interrupted && t->order->interrupted(t->order->ctx));
}

static bool write_all(struct taking *t, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(t->spool >= 0 ? t->spool : t->into, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			t->error = errno;
			return false;
		}
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* The first bytes say where all go. */
static bool pass_on(struct taking *t, const char *bytes, size_t len)
{
	size_t n = sizeof t->begin - t->nbegin;

	if (!n)
		return write_all(t, bytes, len);
	n = n < len ? n : len;
	memcpy(t->begin + t->nbegin, bytes, n);
	t->nbegin += n;
	if (t->nbegin < sizeof t->begin)
		return true;
	if (heap_rpy_is(t->begin)) {
		t->spool = t->order->open_spool(t->order->ctx);
		if (t->spool < 0) {
			t->error = errno;
			return false;
		}
	}
	return write_all(t, t->begin, sizeof t->begin) && write_all(t, bytes + n, len - n);
}

/* It may have grown since it was asked. */
static bool is_too_much(struct taking *t)
{
	if (t->result.bytes > t->most)
		t->most = heap_memory_most("", t->pid, t->most);
	return t->result.bytes > t->most;
}

static void take_piece(struct taking *t, const char *piece, size_t n)
{
	size_t part = heap_stream_take(&t->stream, piece, n);

	if (!pass_on(t, piece, part))
		return;
	t->result.bytes += part;
	if (t->stream.torn)
		t->fate = TORN;
	else if (t->stream.complete)
		t->fate = COMPLETE;
	else if (is_too_much(t))
		t->fate = ENDLESS;
	if (t->order->progress)
		t->order->progress(t->result.bytes, t->order->ctx);
}

/* Passes on what is there, of a stream that never runs dry a part: then whoever waits looks at other
 * things, an interruption among them. */
static void pump(int stream, void *ctx)
{
	struct taking *t = ctx;
	char piece[PIECE];

	for (unsigned i = 0; i < PIECES && !t->error && t->fate == GOES_ON; i++) {
		ssize_t n = read(stream, piece, sizeof piece);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (n == 0) { /* before the first byte, perhaps nobody has opened it yet */
			if (t->opened || t->result.bytes)
				t->fate = BROKE_OFF;
			return;
		}
		take_piece(t, piece, (size_t)n);
	}
}

/* --- before --- */

static enum ps_status check_memory(int pid, const struct heap_live_order *o, struct ps_err *err)
{
	char needed[HEAP_BYTES_MAX], available[HEAP_BYTES_MAX];
	struct heap_memory m;

	if (heap_memory_read("", pid, o->in_process, &m, NULL))
		return PS_OK; /* what cannot be known is not in the way */
	if (m.needed <= m.available) {
		if (o->estimated)
			o->estimated(&m, o->ctx);
		return PS_OK;
	}
	ps_fail(err, PS_LIMIT,
		"%s process %d may need %s of memory, and %s leaves %s: nothing was done",
		o->in_process ? "a dump in" : "a copy of", pid, heap_words_bytes(m.needed, needed),
		m.limit, heap_words_bytes(m.available, available));
	ps_hint(err, "make room, or raise the limit");
	return PS_LIMIT;
}

/* The walker's texts are compiled in a namespace of their own, the long one by the copy. */
static enum ps_status make_source(const struct heap_live_order *o, char **ret, size_t *ret_len,
				  struct ps_err *err)
{
	FILE *out = open_memstream(ret, ret_len);

	if (!out)
		return ps_fail(err, PS_NOMEM, "out of memory");
	fputs("STACKS = ", out);
	inject_text_put_bytes(out, (const char *)embedded_heap_stacks_py,
			      embedded_heap_stacks_py_len);
	fputs("\nWALK = ", out);
	inject_text_put_bytes(out, (const char *)embedded_heap_walk_py, embedded_heap_walk_py_len);
	fprintf(out, "\nHOW = \"%s\"\nVALUES = %s\n", o->in_process ? "here" : "fork",
		o->values ? "True" : "False");
	fwrite(embedded_heap_take_py, 1, embedded_heap_take_py_len, out);
	if (fclose(out)) {
		free(*ret);
		return ps_fail(err, PS_NOMEM, "out of memory");
	}
	return PS_OK;
}

/* --- while --- */

/* The last line that is not empty: of a traceback, the exception. */
static void keep_last_line(struct taking *t, const char *bytes, size_t len)
{
	size_t end = len, begin;

	while (end && (bytes[end - 1] == '\n' || bytes[end - 1] == ' '))
		end--;
	begin = end;
	while (begin && bytes[begin - 1] != '\n')
		begin--;
	if (end > begin)
		snprintf(t->words, sizeof t->words, "%.*s", (int)(end - begin), bytes + begin);
	proc_make_printable(t->words); /* the target's words, on the way to a terminal */
}

static void read_digits(struct taking *t)
{
	char *end;
	long copy = strtol(t->digits, &end, 10);

	t->result.held_ns = strtoull(end, NULL, 10);
	if (copy > 0 && copy <= INT32_MAX)
		t->copy = heap_copy_open(t->pid, (int)copy);
}

static enum ps_status follow_script(struct inject *in, struct taking *t, struct ps_err *err)
{
	struct inject_message m;

	do {
		PS_TRY(inject_next(in, &m, err));
		if (m.kind == INJECT_RAISED)
			keep_last_line(t, m.bytes, m.len);
		if (m.kind == INJECT_OUT && m.len < sizeof t->digits - strlen(t->digits))
			strncat(t->digits, m.bytes, m.len);
	} while (m.kind != INJECT_DONE);
	read_digits(t);
	if (t->copy >= 0)
		inject_take_charge(in, t->copy);
	return PS_OK;
}

/* We leave while the script runs, which may have forked by now: then it is about to say whom. */
static void learn_of_copy(struct inject *in, struct taking *t)
{
	enum { A_MOMENT = 1000 };

	t->leaves_at = clock_now() + (uint64_t)A_MOMENT * MS;
	(void)!follow_script(in, t, NULL);
	t->leaves_at = 0;
}

/* Its end is told by what it says, else by its own: others may have the pipe open. */
static enum ps_status follow_stream(struct inject *in, struct taking *t)
{
	struct pollfd p[] = { { .fd = inject_stream(in), .events = POLLIN },
			      { .fd = t->copy, .events = POLLIN } };

	t->opened = true;
	while (t->fate == GOES_ON && !is_interrupted(t)) {
		bool over = poll(p, 2, 50) > 0 && p[1].revents;

		pump(p[0].fd, t);
		if (over && t->fate == GOES_ON)
			t->fate = BROKE_OFF;
	}
	return t->fate == COMPLETE || t->fate == BROKE_OFF ? PS_OK : PS_LIMIT;
}

static enum ps_status interrupted(struct ps_err *err)
{
	return ps_fail(err, PS_LIMIT, "interrupted; the process goes on");
}

static enum ps_status explain_words(const struct taking *t, struct ps_err *err)
{
	ps_fail(err, PS_FAULT, "process %d could not take the dump: %s", t->pid, t->words);
	if (!t->order->in_process)
		ps_hint(err, "if it may not fork, use --in-process");
	return PS_FAULT;
}

static enum ps_status explain_stalled(const struct taking *t, struct ps_err *err)
{
	ps_fail(err, PS_LIMIT, "nothing has come from %sprocess %d for %.3g s: given up",
		t->order->in_process ? "" : "the copy of ", t->pid, (double)stalled_ns(t) / 1e9);
	ps_hint(err, "it may be stopped%s; --timeout TIME waits longer, %d times as long as that",
		t->order->in_process ? ""
				     : ", or hang in what the program does when it forks "
				       "(--in-process does not)",
		STALLED_FACTOR);
	return PS_LIMIT;
}

static enum ps_status explain(const struct taking *t, enum ps_status st, struct ps_err *err)
{
	char most[HEAP_BYTES_MAX];

	if (t->error)
		return ps_fail(err, PS_IO, "write the dump: %s", strerror(t->error));
	if (t->fate == TORN)
		return ps_fail(err, PS_FORMAT,
			       "what comes from process %d is no heap dump: is the target sound?",
			       t->pid);
	if (t->fate == ENDLESS)
		return ps_fail(err, PS_FORMAT,
			       "more than %s has come from process %d, which its memory cannot "
			       "hold: given up; is the target sound?",
			       heap_words_bytes(t->most, most), t->pid);
	if (t->fate == STALLED)
		return explain_stalled(t, err);
	if (*t->words)
		return explain_words(t, err);
	if (st == PS_LIMIT && t->order->interrupted && t->order->interrupted(t->order->ctx))
		return interrupted(err);
	return st;
}

/* The process and its copy are done with. */
static enum ps_status finish(const struct taking *t, struct ps_err *err)
{
	const struct heap_live_order *o = t->order;
	enum ps_status st;

	if (o->taken)
		o->taken(o->ctx);
	if (o->interrupted && o->interrupted(o->ctx))
		return interrupted(err);
	if (t->spool < 0)
		return PS_OK;
	st = heap_rpy_join_files(t->spool, o->max_bytes, t->into, err);
	if (st == PS_FORMAT)
		ps_hint(err, "if it was killed, the kernel's log tells (dmesg)");
	return st;
}

enum ps_status heap_live_take(int pid, const struct heap_live_order *o, int fd,
			      struct heap_live_result *ret, struct ps_err *err)
{
	struct taking t = { .order = o, .pid = pid, .into = fd, .spool = -1, .copy = -1 };
	struct inject_order order = { .name = "<heap dump>",
				      .patience_ns = o->patience_ns,
				      .stream = true,
				      .pump = pump,
				      .interrupted = is_interrupted,
				      .ctx = &t };
	SCOPE_FREE char *source = NULL;
	uint64_t began = clock_now();
	struct inject *in;
	enum ps_status st;

	PS_TRY(check_memory(pid, o, err));
	PS_TRY(make_source(o, &source, &order.len, err));
	order.source = source;
	t.most = heap_memory_most("", pid, 0);
	t.looked_at = clock_now();
	PS_TRY(inject_open(pid, &order, &in, err));
	st = follow_script(in, &t, err);
	if (!st && !*t.words)
		st = follow_stream(in, &t);
	else if (st == PS_LIMIT && !o->in_process)
		learn_of_copy(in, &t);
	t.result.stopped_ns = inject_held_ns(in);
	inject_close(in);
	if (t.fate == COMPLETE) /* it is about to end */
		heap_copy_let_go(t.copy);
	else
		heap_copy_end(t.copy);
	ret->write_failed = t.error != 0;
	if (st || *t.words || t.error || t.fate > BROKE_OFF)
		st = explain(&t, st, err);
	else
		st = finish(&t, err);
	if (t.spool >= 0)
		close(t.spool);
	t.result.took_ns = clock_now() - began;
	if (!st)
		*ret = t.result;
	return st;
}
