/* SPDX-License-Identifier: MIT */
#include "profiler/heap_live.h"

#include "profiler/clock.h"
#include "profiler/embedded.h"
#include "profiler/heap_memory.h"
#include "profiler/heap_rpy.h"
#include "profiler/inject.h"
#include "profiler/inject_text.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MS = 1000000, PIECE = 1 << 16 };

struct taking {
	const struct heap_live_order *order;
	int into;
	int spool; /* -1: what comes is a dump */
	char begin[HEAP_RPY_MAGIC];
	size_t nbegin; /* of these have come; no more are kept */
	struct heap_live_result result;
	bool any;                   /* has come */
	bool ended;                 /* all has */
	int error;                  /* errno of a write that failed */
	char words[PS_MSG_MAX / 2]; /* the last line of what the script raised */
	char digits[32];            /* what it printed: how long it held its thread, in ns */
};

static bool is_interrupted(void *ctx)
{
	struct taking *t = ctx;

	return t->error || (t->order->interrupted && t->order->interrupted(t->order->ctx));
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
static bool take_piece(struct taking *t, const char *bytes, size_t len)
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

/* Passes on what is there. */
static void pump(int stream, void *ctx)
{
	struct taking *t = ctx;
	char piece[PIECE];

	while (!t->error && !t->ended) {
		ssize_t n = read(stream, piece, sizeof piece);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (n == 0) {
			t->ended = t->any; /* before the first byte, nobody has opened it yet */
			return;
		}
		t->any = true;
		if (!take_piece(t, piece, (size_t)n))
			return;
		t->result.bytes += (uint64_t)n;
		if (t->order->progress)
			t->order->progress(t->result.bytes, t->order->ctx);
	}
}

/* --- before --- */

static void put_size(char ret[static 32], uint64_t bytes)
{
	if (bytes >= (uint64_t)10 << 30)
		snprintf(ret, 32, "%" PRIu64 " GiB", bytes >> 30);
	else
		snprintf(ret, 32, "%" PRIu64 " MiB", bytes >> 20);
}

static enum ps_status check_memory(int pid, struct ps_err *err)
{
	char needed[32], available[32];
	struct heap_memory m;

	if (heap_memory_read("", pid, &m, NULL) || m.needed <= m.available)
		return PS_OK; /* what cannot be known is not in the way */
	put_size(needed, m.needed);
	put_size(available, m.available);
	ps_fail(err, PS_LIMIT,
		"a copy of process %d may need %s of memory, and %s leaves %s: nothing was done",
		pid, needed, m.limit, available);
	ps_hint(err,
		"make room, or use --in-process: no copy, but the process stands for as long as "
		"the dump takes, about a second for a million objects");
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
	t->result.held_ns = strtoull(t->digits, NULL, 10);
	return PS_OK;
}

static enum ps_status follow_stream(struct inject *in, struct taking *t)
{
	struct pollfd p = { .fd = inject_stream(in), .events = POLLIN };

	while (!t->ended && !is_interrupted(t)) {
		poll(&p, 1, 50);
		pump(p.fd, t);
	}
	return t->ended ? PS_OK : PS_LIMIT;
}

static enum ps_status explain(int pid, const struct taking *t, enum ps_status st,
			      struct ps_err *err)
{
	if (t->error)
		return ps_fail(err, PS_IO, "write the dump: %s", strerror(t->error));
	if (*t->words) {
		ps_fail(err, PS_FAULT, "process %d could not take the dump: %s", pid, t->words);
		if (!t->order->in_process)
			ps_hint(err, "if it may not fork, use --in-process");
		return PS_FAULT;
	}
	if (st == PS_LIMIT && t->order->interrupted && t->order->interrupted(t->order->ctx))
		return ps_fail(err, PS_LIMIT, "interrupted; the process goes on");
	return st;
}

enum ps_status heap_live_take(int pid, const struct heap_live_order *o, int fd,
			      struct heap_live_result *ret, struct ps_err *err)
{
	struct taking t = { .order = o, .into = fd, .spool = -1 };
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

	if (!o->in_process)
		PS_TRY(check_memory(pid, err));
	PS_TRY(make_source(o, &source, &order.len, err));
	order.source = source;
	PS_TRY(inject_open(pid, &order, &in, err));
	st = follow_script(in, &t, err);
	if (!st && !*t.words)
		st = follow_stream(in, &t);
	t.result.stopped_ns = inject_held_ns(in);
	inject_close(in);
	if (st || *t.words || t.error)
		st = explain(pid, &t, st, err);
	else if (t.spool >= 0)
		st = heap_rpy_join_files(t.spool, o->max_bytes, fd, err);
	if (st == PS_FORMAT && t.spool >= 0)
		ps_hint(err, "if it was killed, the kernel's log tells (dmesg)");
	if (t.spool >= 0)
		close(t.spool);
	t.result.took_ns = clock_now() - began;
	if (!st)
		*ret = t.result;
	return st;
}
