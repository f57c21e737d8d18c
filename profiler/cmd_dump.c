/* SPDX-License-Identifier: MIT */
#include "profiler/attach.h"
#include "profiler/blocking.h"
#include "profiler/clock.h"
#include "profiler/commands.h"
#include "profiler/proc.h"
#include "profiler/report.h"
#include "profiler/stop_signal.h"
#include "profiler/waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
		fputs(s->site.layout.free_threaded ? "active" : "active+gil", out);
	} else if (t->gil_requested) {
		fputs("waiting for the GIL", out);
	} else if (waiting_on_cpu(s->target->pid, t->tid)) {
		fputs("active", out);
	} else {
		waiting_describe(s->target->pid, t->tid, where);
		fprintf(out, "idle%s%s", *where ? ": " : "", where);
	}
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
		if (!o->view.gil_only || order[i]->status & s->site.layout.gil_holder)
			print_thread(s, order[i], o, out);
	}
	free(order);
	free(command);
	if (fflush(out) || ferror(out))
		return ps_fail(err, PS_IO, "write %s: %s",
			       o->output ? o->output : "standard output", strerror(errno));
	return PS_OK;
}

static bool all_have_stacks(const struct sampler *s)
{
	for (uint32_t i = 0; i < s->nthreads; i++) {
		if (s->threads[i].stack.v == STACK_EMPTY.v)
			return false;
	}
	return s->nthreads != 0;
}

/* Until one tick has a good stack of every thread. */
static enum ps_status take(struct sampler *s)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		PS_TRY(sampler_tick(s, clock_now(), 1));
		if (all_have_stacks(s) && !counts_lost(&s->counts) &&
		    !s->counts.repaired[REPAIR_CUT])
			break;
		s->counts = (struct sample_counts){ 0 };
		(void)(s->blocking ? blocking_sleep_until(s->blocking, clock_now() + MS)
				   : clock_sleep_until(clock_now() + MS));
	}
	sampler_name_threads(s);
	/* The target runs on before anything is printed: the reader may be slow. */
	blocking_destroy(s->blocking);
	s->blocking = NULL;
	return PS_OK;
}

static int dump_to(struct sampler *s, const struct options *o, struct ps_err *err)
{
	FILE *out = stdout;
	enum ps_status st;

	if (o->output && strcmp(o->output, "-") != 0) {
		out = fopen(o->output, "we");
		if (!out) {
			ps_fail(err, PS_IO, "cannot write %s: %m", o->output);
			ps_hint(err, "name another file with -o FILE");
			return command_failed(PS_IO, err);
		}
	}
	st = print_all(s, o, out, err);
	if (out != stdout && fclose(out) && !st)
		st = ps_fail(err, PS_IO, "cannot write %s: %m", o->output);
	return st ? command_failed(st, err) : EXIT_DONE;
}

int cmd_dump(const struct options *o)
{
	struct patience p = { .interrupted = interrupted };
	struct ps_err err = { 0 };
	struct target target;
	struct sampler s;
	struct profile *profile;
	enum ps_status st = profile_create((size_t)1 << 30, &profile);
	int code;

	if (st)
		return command_failed(st, &err);
	stop_signal_catch();
	st = attach(o->pid, &p, &target, profile, &s, &err);
	if (st) {
		profile_destroy(profile);
		return command_failed(st, &err);
	}
	if (o->blocking)
		st = sampler_use_blocking(&s, &err);
	if (!st && (st = take(&s)) != PS_OK)
		ps_fail(&err, st, "process %d: %s", o->pid, ps_status_name(st));
	code = st ? command_failed(st, &err) : dump_to(&s, o, &err);
	sampler_close(&s);
	target_close(&target);
	profile_destroy(profile);
	return code;
}
