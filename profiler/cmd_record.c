/* SPDX-License-Identifier: MIT */
#include "profiler/attach.h"
#include "profiler/blocking.h"
#include "profiler/clock.h"
#include "profiler/commands.h"
#include "profiler/heap_output.h"
#include "profiler/heap_plan.h"
#include "profiler/outfile.h"
#include "profiler/proc.h"
#include "profiler/report.h"
#include "profiler/start.h"
#include "profiler/stop_signal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Some ten million distinct stacks; samples beyond are counted as lost. */
#define PROFILE_BYTES_MAX ((size_t)2 << 30)

struct recording {
	const struct options *options;
	int pid;
	bool started; /* by us */
	bool reaped;  /* its wait status was taken by the tracer, see blocking.h */
	int wait_status;
	struct target target;
	struct sampler sampler;
	struct profile *profile;
	struct outfile file;
	struct recording_facts facts;
	char *command;
	char program[32], python[64];
	uint64_t replaced_at; /* when exec put an end to the Python; 0: it did not */
	char successor[32];   /* the program that it became then */
	char ended[160];      /* why, where it takes more than fixed words */
	struct progress progress;
	struct heap_plan heap;
	enum heap_format heap_format;
	struct recording_moment moments[HEAP_MOMENTS_MAX];
	uint64_t began, until; /* until 0: no end */
};

static bool interrupted(void *ctx)
{
	(void)ctx;
	return stop_signal_seen() != 0;
}

static struct patience patience_of(const struct recording *r)
{
	return (struct patience){ .started = r->started,
				  .deadline = r->until,
				  .interrupted = interrupted };
}

/* A thread's scheduler file is kept open for each of them. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* --- the loop --- */

/* A Python that gave way to a program that is none has ended, as far as we go; giving way
 * to one that cannot be read, or may not be, is a failure. */
static enum ps_status follow_exec(struct recording *r, struct ps_err *err)
{
	struct patience p = patience_of(r);
	uint64_t now = clock_now();
	enum ps_status st = attach_await_program(&r->sampler, &p);

	if (st)
		return st == PS_GONE ? st : PS_OK; /* the loop will see that patience is over */
	r->replaced_at = now;
	proc_comm(r->pid, r->pid, r->successor);
	if (r->options->verbose)
		fprintf(stderr, "pysample: the target replaced its program by %s; following it\n",
			r->successor);
	st = attach_follow_exec(&r->sampler, &p, err);
	if (!st) {
		r->replaced_at = 0;
		layout_describe(&r->sampler.site.layout, r->python);
		return PS_OK;
	}
	if (st != PS_GONE) /* by now it surely has its new name */
		proc_comm(r->pid, r->pid, r->successor);
	if (stop_signal_seen() || (r->until && clock_now() >= r->until))
		return PS_OK; /* the loop will see that too */
	return ps_while(err, st, "process %d replaced its program", r->pid);
}

/* True: the deadline has come; false: a signal, or the end, came first. */
static bool sleep_until(struct recording *r, uint64_t deadline)
{
	if (r->until && deadline > r->until)
		deadline = r->until;
	return r->sampler.blocking ? blocking_sleep_until(r->sampler.blocking, deadline)
				   : clock_sleep_until(deadline);
}

static void note_lateness(struct sample_counts *c, uint64_t deadline, uint64_t now)
{
	uint64_t late = now > deadline ? now - deadline : 0;

	c->late_sum_ns += late;
	if (late > c->late_max_ns)
		c->late_max_ns = late;
}

static enum ps_status tick(struct recording *r, struct schedule *when, uint64_t now,
			   struct ps_err *err)
{
	uint32_t weight;
	enum ps_status st;

	if (when->period)
		note_lateness(&r->sampler.counts, when->deadline, now);
	weight = schedule_take(when, r->until && now > r->until ? r->until : now);
	st = when->period ? sampler_tick(&r->sampler, now, weight)
			  : sampler_burst(&r->sampler, now, weight);
	if (st == PS_EXEC) {
		st = follow_exec(r, err);
		schedule_pass(when, clock_now());
	}
	return st;
}

static enum ps_status loop(struct recording *r, struct ps_err *err)
{
	double rate = r->options->rate;
	uint64_t period = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
	struct schedule when;
	enum ps_status st = PS_OK;

	schedule_init(&when, r->began, period, r->began ^ (uint64_t)r->pid << 32);
	r->facts.ended = "after its duration";
	while (!st) {
		uint64_t now;
		bool over;

		if (stop_signal_seen()) {
			r->facts.ended = "by a signal";
			break;
		}
		if (period && !sleep_until(r, when.deadline))
			continue;
		now = clock_now();
		over = r->until && now >= r->until;
		/* A sample that was due before the end is taken, or the time that it stands for
		 * would be nobody's. */
		if (over && (!period || when.deadline >= r->until))
			break;
		if (now < when.deadline)
			continue;
		st = tick(r, &when, now, err);
		heap_plan_step(&r->heap, now, stop_signal_requests());
		progress_show(&r->progress, now, &r->sampler.counts);
	}
	r->sampler.counts.skipped = when.skipped;
	progress_clear(&r->progress);
	return st;
}

/* --- before and after --- */

static enum ps_status begin(struct recording *r, struct ps_err *err)
{
	const struct options *o = r->options;
	struct patience p = {
		.started = r->started,
		.deadline = r->started && o->duration_ns ? clock_now() + o->duration_ns : 0,
		.interrupted = interrupted,
	};

	PS_TRY(attach(r->pid, &p, &r->target, r->profile, &r->sampler, err));
	if (o->blocking)
		PS_TRY(sampler_use_blocking(&r->sampler, err));
	layout_describe(&r->sampler.site.layout, r->python);
	r->command = proc_command_line(r->pid);
	proc_comm(r->pid, r->pid, r->program);
	PS_TRY(outfile_open(o->output, o->format, r->pid, r->program, &r->file, err));
	if (o->verbose)
		fprintf(stderr, "pysample: %s, found by %s, %u thread%s\n", r->python,
			r->sampler.site.found_by, r->sampler.nthreads,
			r->sampler.nthreads == 1 ? "" : "s");
	sampler_name_threads(&r->sampler);
	sampler_keep_still(&r->sampler);
	return PS_OK;
}

static void describe(struct recording *r, uint64_t ended, int64_t started_ns)
{
	struct recording_facts *f = &r->facts;
	const struct options *o = r->options;

	f->counts = r->sampler.counts;
	f->moments = r->moments;
	f->nmoments = heap_plan_moments(&r->heap, r->moments, HEAP_MOMENTS_MAX);
	f->command = r->command ? r->command : "?";
	f->program = r->program;
	f->pid = r->pid;
	f->python = r->python;
	f->started_ns = started_ns;
	f->duration_ns = ended - r->began;
	f->rate_asked = o->rate;
	f->blocking = o->blocking;
	f->rate_achieved =
		f->duration_ns ? (double)f->counts.ticks * 1e9 / (double)f->duration_ns : 0;
	f->period_ns = o->rate > 0 ? (uint64_t)(1e9 / o->rate) : 1; /* see schedule_take() */
}

/* Is there anything that the user asked to see? */
static bool has_something(const struct recording *r)
{
	struct profile_total total;

	for (size_t pos = 0; profile_next_total(r->profile, &pos, &total);) {
		if (view_shows(&r->options->view, &total))
			return true;
	}
	return false;
}

static bool is_stopped(int pid)
{
	struct proc_stat stat;

	return proc_read_stat(pid, pid, &stat) == PS_OK && stat.state == 'T';
}

static const struct {
	const char *hidden;        /* "in which they ..." */
	const char *nothing, *try; /* why there was nothing to write, and what helps */
} mode_words[NMODES] = {
	[MODE_WALL] = { "were idle (seen with -i)", NULL, NULL },
	[MODE_CPU] = { "were not on a CPU (seen with --mode wall -i)",
		       "no thread was on a CPU in any sample", "--mode wall -i" },
	[MODE_GIL] = { "did not hold the GIL (seen without -g)", "no sample held the GIL",
		       "recording without -g" },
	[MODE_EXCEPTION] = { "neither raised nor handled an exception (seen with --mode wall)",
			     "no exception was raised or handled in any sample",
			     "--mode wall; or -i, if it is handled by waiting" },
};

/* A stopped process has stacks, too, and time that is none of its own work. */
static void report_stopped(const struct recording *r)
{
	if (is_stopped(r->pid))
		fprintf(stderr,
			"Process %d is stopped by a signal (kill -CONT %d lets it go on): it was "
			"recorded as it stands\n",
			r->pid, r->pid);
}

/* Time that was sampled and is not shown should not go missing without a word. */
static void report_hidden(const struct recording *r)
{
	struct profile_total total;
	uint64_t hidden = 0, all = 0;
	const char *words = mode_words[r->options->view.mode].hidden;

	for (size_t pos = 0; profile_next_total(r->profile, &pos, &total); all += total.count)
		hidden += view_shows(&r->options->view, &total) ? 0 : total.count;
	if (hidden && hidden * 1000 < all)
		fprintf(stderr,
			"Not shown: less than 0.1 %% of the threads' time, in which they %s\n",
			words);
	else if (hidden)
		fprintf(stderr, "Not shown: %.1f %% of the threads' time, in which they %s\n",
			100.0 * (double)hidden / (double)all, words);
}

static void report_seat(const struct recording *r)
{
	if (!r->sampler.blocking || !r->options->verbose)
		return;
	fprintf(stderr, "pysample: the thread that held the GIL was stopped from %s\n",
		blocking_is_seated(r->sampler.blocking)
			? "its own CPU"
			: "another CPU, so rather often where it calls the kernel (CAP_SYS_NICE, "
			  "or a lower -r, would help)");
}

/* They are there whatever becomes of the recording. One that failed has said so itself. */
static void report_dumps(const struct recording *r)
{
	for (unsigned i = 0; i < r->facts.nmoments; i++) {
		if (!r->facts.moments[i].failed)
			fprintf(stderr, "Wrote %s: %s\n", heap_format_name(r->heap_format),
				r->facts.moments[i].file);
	}
}

static int report_nothing(const struct recording *r)
{
	const struct sample_counts *c = &r->facts.counts;
	struct ps_err err;

	if (counts_usable(c) && r->options->view.mode != MODE_WALL) {
		ps_fail(&err, PS_GONE, "process %d: %s, so nothing was written", r->pid,
			mode_words[r->options->view.mode].nothing);
		ps_hint(&err, "%s", mode_words[r->options->view.mode].try);
	} else if (counts_usable(c) && is_stopped(r->pid)) {
		ps_fail(&err, PS_GONE,
			"process %d is stopped by a signal and idle, so nothing was "
			"written",
			r->pid);
		ps_hint(&err, "kill -CONT %d; or -i, which also shows idle threads", r->pid);
	} else if (counts_usable(c)) {
		ps_fail(&err, PS_GONE,
			"process %d: all threads were idle in all samples, so nothing "
			"was written",
			r->pid);
		ps_hint(&err, "-i, which also shows idle threads");
	} else {
		ps_fail(&err, PS_GONE,
			"process %d: not one sample could be taken (recording ended %s), "
			"so nothing was written",
			r->pid, r->facts.ended);
		if (counts_lost(c))
			ps_hint(&err, "--blocking, which stops the target for each sample");
		else if (r->until && !c->ticks)
			ps_hint(&err, "a longer -d, or a higher -r");
	}
	command_failed(PS_GONE, &err);
	if (!r->options->quiet) {
		report_summary(stderr, &r->facts);
		report_dumps(r);
	}
	return EXIT_NO_SAMPLE;
}

static int finish(struct recording *r)
{
	struct writer_input in = { r->profile, &r->facts, r->options->view };
	struct ps_err err = { 0 };
	enum ps_status st;

	if (!has_something(r))
		return report_nothing(r);
	st = outfile_write(&r->file, &in, &err);
	if (!r->options->quiet) {
		report_summary(stderr, &r->facts);
		report_hidden(r);
		report_stopped(r);
		if (!st && strcmp(r->file.place.path, "-") != 0)
			fprintf(stderr, "Wrote %s: %s\n", r->file.writer->name, r->file.place.path);
		report_dumps(r);
	}
	return st ? command_failed(st, &err) : EXIT_DONE;
}

/* Says why it ended, and returns when: what a target did after it was a Python is left out
 * if it was only waited for. */
static uint64_t note_end(struct recording *r, enum ps_status st)
{
	uint64_t now = clock_now();
	bool gave_up = st && st != PS_GONE;

	if (stop_signal_seen())
		r->facts.ended = "by a signal";
	else if (st)
		r->facts.ended = st == PS_GONE    ? "with the target"
				 : st == PS_NOMEM ? "for want of memory"
						  : "by an error";
	if (!r->replaced_at)
		return now;
	if (gave_up)
		snprintf(r->ended, sizeof r->ended, "when the target became another program (%s)%s",
			 r->successor, st == PS_NOT_PYTHON ? ", which is no Python" : "");
	else
		snprintf(r->ended, sizeof r->ended,
			 "%s; from %.3f s on the target was another program (%s)", r->facts.ended,
			 (double)(r->replaced_at - r->began) / 1e9, r->successor);
	r->facts.ended = r->ended;
	return gave_up ? r->replaced_at : now;
}

/* What was sampled is written in any case; the exit code is that of what went wrong. */
static int add_failure(enum ps_status st, const struct ps_err *err, int code)
{
	int own;

	if (!st || st == PS_GONE || st == PS_NOT_PYTHON)
		return code;
	own = command_failed(st, err);
	return own == EXIT_NO_SAMPLE ? EXIT_FAILED : own;
}

static void waiting_for_dumps(unsigned n)
{
	fprintf(stderr, "pysample: waiting for heap dump %u (Ctrl-C leaves it out)\n", n);
}

static void missed_dump(const char *what, const char *why)
{
	fprintf(stderr, "pysample: no heap dump for %s: %s\n", what, why);
}

/* The signal that ended the recording is not the one that ends the waiting. */
static bool interrupted_again(void *ctx)
{
	return stop_signal_count() > *(int *)ctx;
}

static void end_dumps(struct recording *r, uint64_t ended, bool alive)
{
	int signals = stop_signal_count();
	struct heap_plan_ending how = { alive, waiting_for_dumps, missed_dump, interrupted_again,
					&signals };

	heap_plan_end(&r->heap, ended, stop_signal_requests(), &how);
}

static int record(struct recording *r)
{
	struct ps_err err = { 0 };
	struct timespec wall;
	enum ps_status st = begin(r, &err);
	uint64_t ended;

	if (st && r->started && (st == PS_GONE || st == PS_NOT_PYTHON || st == PS_NOT_READY)) {
		ps_fail(&err, st, "%s did not become a Python that could be sampled%s",
			r->options->start[0], st == PS_GONE ? " before it ended" : " in that time");
		ps_hint(&err, "children are not followed: start Python itself, or by exec");
	}
	if (st)
		return command_failed(st, &err);
	clock_gettime(CLOCK_REALTIME, &wall);
	r->began = clock_now();
	r->until = r->options->duration_ns ? r->began + r->options->duration_ns : 0;
	progress_init(&r->progress, r->options->quiet ? NULL : stderr, r->began,
		      r->options->duration_ns);
	if (heap_plan_begin(&r->heap, r->pid, r->file.place.path, r->file.writer->suffixes,
			    heap_format_name(r->heap_format), r->began, &err))
		return command_failed(PS_NOMEM, &err);
	st = loop(r, &err);
	ended = note_end(r, st);
	end_dumps(r, ended, st == PS_OK);
	describe(r, ended, (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec);
	/* Threads may have been renamed since they were last asked. */
	if (!st)
		sampler_name_threads(&r->sampler);
	/* The target runs on before the file is written. */
	r->reaped = blocking_exit_status(r->sampler.blocking, &r->wait_status);
	report_seat(r);
	blocking_destroy(r->sampler.blocking);
	r->sampler.blocking = NULL;
	return add_failure(st, &err, finish(r));
}

/* A command of ours goes on to its own end. The signal that ended the recording is
 * passed on if it came to us alone; the terminal's Ctrl-C came to both. */
static int wait_for_command(struct recording *r, int code)
{
	int signal = stop_signal_seen(), status;

	if (!r->reaped && (signal == SIGTERM || signal == SIGHUP))
		kill(r->pid, signal);
	else if (r->until && !r->reaped && !r->options->quiet && start_is_running(r->pid))
		fprintf(stderr, "pysample: waiting for %s, process %d, to end\n",
			r->options->start[0], r->pid);
	status = r->reaped ? start_exit_code(r->wait_status) : start_wait(r->pid);
	return code == EXIT_DONE ? status : code;
}

/* Refuses what cannot be, before a command is started in vain. */
static enum ps_status prepare(struct recording *r, struct ps_err *err)
{
	const struct options *o = r->options;
	const struct writer *writer;
	enum ps_status st = PS_OK;

	PS_TRY(outfile_choose_writer(o->output, o->format, &writer, err));
	PS_TRY(heap_plan_parse(o->heap_dumps, o->nheap_dumps, &r->heap, err));
	if (o->heap_format)
		st = heap_output_choose(o->heap_format, "", &r->heap_format, err);
	if (st) { /* -f is the recording's */
		ps_hint(err, "--heap-format is heapsnapshot, psheap or jsonl");
		return st;
	}
	if (o->blocking && o->nheap_dumps)
		return ps_fail(
			err, PS_USAGE,
			"--blocking and --heap-dump: a process can be stopped by one at a time");
	return profile_create(PROFILE_BYTES_MAX, &r->profile);
}

int cmd_record(const struct options *o)
{
	struct recording r = { .options = o, .target = { .pidfd = -1, .memfd = -1 } };
	struct ps_err err = { 0 };
	enum ps_status st = prepare(&r, &err);
	int code;

	if (st)
		return command_failed(st, &err);
	stop_signal_catch();
	stop_signal_count_requests();
	r.pid = o->pid;
	if (o->start) {
		st = start_command(o->start, &r.pid, &err);
		if (st) {
			profile_destroy(r.profile);
			return command_failed(st, &err);
		}
		r.started = true;
	}
	raise_file_limit();
	/* The kernel's default lets a sleep end 50 microseconds late. */
	prctl(PR_SET_TIMERSLACK, 1);
	code = record(&r);
	if (r.started)
		code = wait_for_command(&r, code);
	sampler_close(&r.sampler);
	target_close(&r.target);
	outfile_close(&r.file);
	heap_plan_deinit(&r.heap);
	profile_destroy(r.profile);
	free(r.command);
	return code;
}
