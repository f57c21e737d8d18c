/* SPDX-License-Identifier: MIT */
/* pysample heap dump PID. The file that the target streams is kept as it is (.psheap), or in a
 * file without a name until it has been written in another format. */
#include "profiler/clock.h"
#include "profiler/commands.h"
#include "profiler/draft.h"
#include "profiler/heap_live.h"
#include "profiler/heap_memory.h"
#include "profiler/heap_output.h"
#include "profiler/heap_words.h"
#include "profiler/place.h"
#include "profiler/proc.h"
#include "profiler/scope.h"
#include "profiler/stop_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define PATIENCE_NS ((uint64_t)10000000000)
#define SHOW_EVERY  ((uint64_t)100000000)

struct dumping {
	const struct options *options;
	enum heap_format format;
	struct heap_live_order order;
	struct heap_live_result result;
	struct heap_counts counts;
	const struct place *place;
	FILE *terminal; /* NULL: there is none to show progress on */
	uint64_t next_show;
};

static bool interrupted(void *ctx)
{
	(void)ctx;
	return stop_signal_seen() != 0;
}

static void show_progress(uint64_t bytes, void *ctx)
{
	struct dumping *d = ctx;
	uint64_t now;

	if (!d->terminal)
		return;
	now = clock_now();
	if (now < d->next_show)
		return;
	d->next_show = now + SHOW_EVERY;
	fprintf(d->terminal, "\r\033[Kheap dump: %.1f MB", (double)bytes / 1e6);
	fflush(d->terminal);
}

static void show_memory(const struct heap_memory *m, void *ctx)
{
	const struct dumping *d = ctx;
	char needed[HEAP_BYTES_MAX], available[HEAP_BYTES_MAX];

	if (!d->options->quiet)
		fprintf(stderr, "%s process %d may need %s of memory; %s leaves %s\n",
			d->options->in_process ? "A dump in" : "A copy of", d->options->pid,
			heap_words_bytes(m->needed, needed), m->limit,
			heap_words_bytes(m->available, available));
}

/* A dump of ten million objects takes its time to be made into another format, in which nobody
 * asks whether we are to end. */
static void let_be_ended(void *ctx)
{
	(void)ctx;
	stop_signal_let_go();
}

static void clear_progress(const struct dumping *d)
{
	if (d->terminal && d->next_show) {
		fputs("\r\033[K", d->terminal);
		fflush(d->terminal);
	}
}

/* Beside the output, where there is room for it or there is for nothing; else in the temporary
 * folder. *ret is its folder, malloc'd. */
static int open_unnamed(const struct place *p, char **ret)
{
	const char *temporary = getenv("TMPDIR");
	SCOPE_FREE char *inside = NULL;
	int fd = p->direct ? -1 : draft_open_nameless(p->path);

	if (fd >= 0) {
		*ret = draft_folder(p->path);
		return fd;
	}
	*ret = strdup(temporary && *temporary ? temporary : "/tmp");
	if (!*ret || asprintf(&inside, "%s/.pysample", *ret) < 0) {
		inside = NULL;
		return -1;
	}
	return draft_open_nameless(inside);
}

static int open_spool(void *ctx)
{
	SCOPE_FREE char *folder = NULL;
	struct dumping *d = ctx;

	return open_unnamed(d->place, &folder);
}

static enum ps_status take(struct dumping *d, int fd, struct ps_err *err)
{
	enum ps_status st = heap_live_take(d->options->pid, &d->order, fd, &d->result, err);

	clear_progress(d);
	if (!st && heap_output_check(fd, &d->counts, err)) {
		ps_fail(err, PS_FORMAT,
			"the copy of process %d ended before it had told all: killed, or out of "
			"memory?",
			d->options->pid);
		ps_hint(err, "the kernel's log tells (dmesg)");
		return PS_FORMAT;
	}
	return st;
}

static enum ps_status write_as_it_is(int fd, void *ctx, struct ps_err *err)
{
	enum ps_status st = take(ctx, fd, err);

	if (close(fd) && !st)
		st = ps_fail(err, PS_IO, "%s", strerror(errno));
	return st;
}

struct conversion {
	struct dumping *dumping;
	int from;
};

/* Into what cannot be taken back goes only what is whole. */
static enum ps_status write_copied(int fd, void *ctx, struct ps_err *err)
{
	const struct conversion *c = ctx;
	FILE *out = fdopen(fd, "w");
	char bytes[1 << 14];
	ssize_t n;
	off_t at = 0;
	bool failed = false;

	if (!out) {
		close(fd);
		return ps_fail(err, PS_NOMEM, "out of memory");
	}
	while (!failed && (n = pread(c->from, bytes, sizeof bytes, at)) != 0) {
		failed = n < 0 || fwrite(bytes, 1, (size_t)n, out) != (size_t)n;
		at += n;
	}
	if (failed) {
		int why = errno;

		fclose(out);
		return ps_fail(err, PS_IO, "%s", strerror(why));
	}
	return fclose(out) ? ps_fail(err, PS_IO, "%s", strerror(errno)) : PS_OK;
}

static enum ps_status write_converted(int fd, void *ctx, struct ps_err *err)
{
	struct conversion *c = ctx;

	if (c->dumping->format == HEAP_PSHEAP)
		return write_copied(fd, ctx, err);
	return heap_output_convert(c->from, c->dumping->format, command_memory_bound(), fd,
				   &c->dumping->counts, err);
}

static enum ps_status dump_to(const struct place *p, struct dumping *d, struct ps_err *err)
{
	SCOPE_FREE char *folder = NULL;
	SCOPE_CLOSE int unnamed = -1;
	struct conversion c = { .dumping = d };
	enum ps_status st;

	if (d->format == HEAP_PSHEAP && !p->direct)
		return place_write(p, write_as_it_is, d, err);
	unnamed = open_unnamed(p, &folder);
	if (unnamed < 0)
		return ps_fail(err, PS_IO, "make a temporary file in %s: %s",
			       folder ? folder : "/tmp", strerror(errno));
	st = take(d, unnamed, err);
	if (st && d->result.write_failed) {
		ps_while(err, st, "a temporary file in %s", folder);
		ps_hint(err, "name a file on another disk with -o FILE, or set TMPDIR");
	}
	PS_TRY(st);
	c.from = unnamed;
	return place_write(p, write_converted, &c, err);
}

static void report(const struct dumping *d, const struct place *p)
{
	const struct heap_live_result *r = &d->result;

	if (d->options->quiet)
		return;
	fprintf(stderr, "Heap dump of process %d: %" PRIu64 " objects", d->options->pid,
		d->counts.objects);
	if (d->counts.bytes)
		fprintf(stderr, ", %.1f MiB", (double)d->counts.bytes / (1 << 20));
	fprintf(stderr, "; %s %.1f ms, all took %.2f s\n",
		d->order.in_process ? "the process stood for" : "the process was held for at least",
		(double)(r->stopped_ns + r->held_ns) / 1e6, (double)r->took_ns / 1e9);
	if (!p->direct)
		fprintf(stderr, "Wrote %s: %s\n", heap_format_name(d->format), p->path);
}

static char *output_name(const struct options *o)
{
	SCOPE_FREE char *by_default = NULL;
	char program[32];

	proc_comm(o->pid, o->pid, program);
	if (o->output)
		return place_name(o->output, o->pid, program);
	if (asprintf(&by_default, "%%n-%%p-%%t.%s",
		     o->format ? o->format : heap_format_name(HEAP_SNAPSHOT)) < 0) {
		by_default = NULL;
		return NULL;
	}
	return place_name(by_default, o->pid, program);
}

int cmd_heap_dump(const struct options *o)
{
	struct dumping d = { .options = o };
	struct ps_err err = { 0 };
	SCOPE_FREE char *name = output_name(o);
	struct place place;
	enum ps_status st;

	if (!name)
		st = ps_fail(&err, PS_NOMEM, "out of memory");
	else
		st = heap_output_choose(o->format, name, &d.format, &err);
	if (!st)
		st = place_open(name, &place, &err);
	if (st)
		return command_failed(st, &err);
	stop_signal_catch();
	d.place = &place;
	d.terminal = !o->quiet && isatty(STDERR_FILENO) ? stderr : NULL;
	d.order = (struct heap_live_order){
		.in_process = o->in_process,
		.values = o->values,
		.patience_ns = o->timeout_ns ? o->timeout_ns : PATIENCE_NS,
		.interrupted = interrupted,
		.estimated = show_memory,
		.progress = show_progress,
		.taken = let_be_ended,
		.open_spool = open_spool,
		.max_bytes = command_memory_bound(),
		.ctx = &d,
	};
	st = dump_to(&place, &d, &err);
	if (!st)
		report(&d, &place);
	place_close(&place);
	return st ? command_failed(st, &err) : EXIT_DONE;
}
