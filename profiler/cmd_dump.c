/* SPDX-License-Identifier: MIT */
#include "profiler/attach.h"
#include "profiler/blocking.h"
#include "profiler/clock.h"
#include "profiler/commands.h"
#include "profiler/place.h"
#include "profiler/proc.h"
#include "profiler/report.h"
#include "profiler/state.h"
#include "profiler/stop_signal.h"
#include "profiler/waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPTS = 20, MS = 1000000, COMMAND_SHOWN = 512 };

static bool interrupted(void *ctx)
{
	(void)ctx;
	return stop_signal_seen() != 0;
}

/* Text of the target on a terminal: no control characters may reach it. */
static void print_text(FILE *out, struct profile_text t)
{
	for (uint32_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.at[i];

		if (c == '\n')
			fputs("\\n", out);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else if (c == 0xc2 && i + 1 < t.len && (unsigned char)t.at[i + 1] < 0xa0)
			fprintf(out, "\\x%02x", (unsigned char)t.at[++i]); /* C1 controls */
		else
			putc(c, out);
	}
}

static void print_stack(const struct sampler *s, const struct thread *t, bool by_function,
			FILE *out)
{
	for (stack_id id = t->stack; id.v != STACK_EMPTY.v;) {
		struct profile_stack st = profile_stack_at(s->profile, id);
		struct profile_function f = profile_function_at(s->profile, st.function);

		fputs("    ", out);
		print_text(out, f.name);
		if (f.kind == FUNCTION_PYTHON) {
			fputs(" (", out);
			print_text(out, f.file);
			fprintf(out, ":%" PRIu32 ")", by_function ? f.line : st.line);
		}
		putc('\n', out);
		id = st.parent;
	}
}

static void print_activity(const struct sampler *s, const struct thread *t, FILE *out)
{
	char where[64];

	if (t->status & s->site.layout.gil_holder) {
		if (waiting_is_stopped(s->target->pid, t->tid))
			fputs("stopped by a signal", out);
		else
			fputs("active", out);
		fputs(s->site.layout.free_threaded ? "" : "+gil", out);
	} else if (state_is_elsewhere(s, t)) {
		fputs("in another interpreter", out);
	} else if (t->gil_requested) {
		fputs("waiting for the GIL", out);
	} else if (waiting_on_cpu(s->target->pid, t->tid)) {
		fputs("active", out);
	} else {
		waiting_describe(s->target->pid, t->tid, where);
		fprintf(out, "idle%s%s", *where ? ": " : "", where);
	}
	if (t->collects)
		fputs(", collecting garbage", out);
	if (t->exception)
		fputs(t->exception == EXCEPTION_RAISED ? ", raising an exception"
						       : ", handling an exception",
		      out);
}

static void print_thread(const struct sampler *s, const struct thread *t, const struct options *o,
			 FILE *out)
{
	struct profile_thread p = profile_thread_at(s->profile, t->id);

	fprintf(out, "\nThread %" PRIu64, p.tid ? p.tid : p.target_tid);
	if (p.tid && p.tid != p.target_tid)
		fprintf(out, " (%" PRIu64 " inside)", p.target_tid);
	fputs(" (", out);
	print_activity(s, t, out);
	putc(')', out);
	if (p.name.len) {
		fputs(": \"", out);
		print_text(out, p.name);
		putc('"', out);
	}
	if (p.interpreter)
		fprintf(out, " in interpreter %" PRIu32, p.interpreter);
	putc('\n', out);
	if (t->samples && (t->stack.v != STACK_EMPTY.v))
		print_stack(s, t, o->view.functions, out);
	else
		fputs("    [its stack changed too fast to be read: try --blocking]\n", out);
}

static int compare_threads(const void *a, const void *b)
{
	const struct thread *x = *(const struct thread *const *)a,
			    *y = *(const struct thread *const *)b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static enum ps_status print_all(const struct sampler *s, const struct options *o, FILE *out,
				struct ps_err *err)
{
	char *command = proc_command_line(s->target->pid), python[64];
	const struct thread **order = calloc(s->nthreads + 1, sizeof(struct thread *));

	if (!order) {
		free(command);
		return ps_fail(err, PS_NOMEM, "out of memory");
	}
	layout_describe(&s->site.layout, python);
	fprintf(out, "Process %d: %.*s\n%s\n", s->target->pid, COMMAND_SHOWN,
		command ? command : "?", python);
	for (uint32_t i = 0; i < s->nthreads; i++)
		order[i] = &s->threads[i];
	qsort(order, s->nthreads, sizeof *order, compare_threads);
	for (uint32_t i = 0; i < s->nthreads; i++) {
		if (o->view.mode != MODE_GIL || order[i]->status & s->site.layout.gil_holder)
			print_thread(s, order[i], o, out);
	}
	free(order);
	free(command);
	return PS_OK;
}

struct job {
	const struct sampler *sampler;
	const struct options *options;
};

static enum ps_status write_all(int fd, void *ctx, struct ps_err *err)
{
	const struct job *job = ctx;
	FILE *out = fdopen(fd, "w");
	enum ps_status st;
	bool failed;

	if (!out) {
		close(fd);
		return ps_fail(err, PS_NOMEM, "out of memory");
	}
	st = print_all(job->sampler, job->options, out, err);
	failed = fflush(out) || ferror(out);
	failed = fclose(out) || failed;
	if (!st && failed)
		st = ps_fail(err, PS_IO, "%s", errno ? strerror(errno) : "writing failed");
	return st;
}

static bool all_have_stacks(const struct sampler *s)
{
	for (uint32_t i = 0; i < s->nthreads; i++) {
		if (s->threads[i].stack.v == STACK_EMPTY.v)
			return false;
	}
	return s->nthreads != 0;
}

/* Until one tick has a good stack of every thread; s->counts are those of the last one. */
static enum ps_status try_to_take(struct sampler *s, unsigned *ret_attempts)
{
	for (unsigned i = 1;; i++) {
		*ret_attempts = i;
		s->counts = (struct sample_counts){ 0 };
		PS_TRY(sampler_tick(s, clock_now(), 1));
		if (i == ATTEMPTS || (all_have_stacks(s) && !counts_lost(&s->counts) &&
				      !s->counts.repaired[REPAIR_CUT]))
			return PS_OK;
		(void)(s->blocking ? blocking_sleep_until(s->blocking, clock_now() + MS)
				   : clock_sleep_until(clock_now() + MS));
	}
}

static enum ps_status take(struct sampler *s, unsigned *ret_attempts, struct ps_err *err)
{
	struct patience p = { .interrupted = interrupted };
	enum ps_status st = try_to_take(s, ret_attempts);

	if (st == PS_EXEC) {
		PS_TRY(attach_follow_exec(s, &p, err));
		st = try_to_take(s, ret_attempts);
	}
	if (st)
		return ps_fail(err, st, "process %d: %s", s->target->pid, ps_status_name(st));
	sampler_name_threads(s);
	/* The target runs on before anything is printed: the reader may be slow. */
	blocking_destroy(s->blocking);
	s->blocking = NULL;
	return PS_OK;
}

static void say_how(const struct sampler *s, unsigned attempts)
{
	char python[64];

	layout_describe(&s->site.layout, python);
	fprintf(stderr, "pysample: %s, found by %s, %u thread%s; attempt %u of %u\n", python,
		s->site.found_by, s->nthreads, s->nthreads == 1 ? "" : "s", attempts, ATTEMPTS);
}

/* What is printed then may be a moment older, or end too early: that is not to be hidden. */
static void say_doubts(const struct sampler *s)
{
	uint64_t lost = counts_lost(&s->counts), cut = s->counts.repaired[REPAIR_CUT];

	if (lost)
		fprintf(stderr, "pysample: stacks that changed too fast to be read: %" PRIu64 "\n",
			lost);
	if (cut)
		fprintf(stderr,
			"pysample: stacks whose innermost calls may be missing: %" PRIu64 "\n",
			cut);
	if (lost || cut)
		fputs("  hint: --blocking, which stops the target meanwhile\n", stderr);
}

static enum ps_status open_place(const struct options *o, struct place *ret, struct ps_err *err)
{
	char program[32], *path;
	enum ps_status st;

	proc_comm(o->pid, o->pid, program);
	path = place_name(o->output ? o->output : "-", o->pid, program);
	st = path ? place_open(path, ret, err) : ps_fail(err, PS_NOMEM, "out of memory");
	free(path);
	return st;
}

static enum ps_status dump(struct sampler *s, const struct options *o, struct ps_err *err)
{
	struct job job = { s, o };
	struct place place;
	unsigned attempts;
	enum ps_status st;

	PS_TRY(open_place(o, &place, err));
	st = o->blocking ? sampler_use_blocking(s, err) : PS_OK;
	if (!st)
		st = take(s, &attempts, err);
	if (!st && o->verbose)
		say_how(s, attempts);
	if (!st)
		st = place_write(&place, write_all, &job, err);
	if (!st && !o->quiet) {
		say_doubts(s);
		if (!place.direct)
			fprintf(stderr, "Wrote stacks: %s\n", place.path);
	}
	place_close(&place);
	return st;
}

int cmd_dump(const struct options *o)
{
	struct patience p = { .interrupted = interrupted };
	struct ps_err err = { 0 };
	struct target target;
	struct sampler s;
	struct profile *profile;
	enum ps_status st = profile_create((size_t)1 << 30, &profile);

	if (st)
		return command_failed(st, &err);
	stop_signal_catch();
	st = attach(o->pid, &p, &target, profile, &s, &err);
	if (!st) {
		st = dump(&s, o, &err);
		sampler_close(&s);
		target_close(&target);
	}
	profile_destroy(profile);
	return st ? command_failed(st, &err) : EXIT_DONE;
}
