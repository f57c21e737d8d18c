/* SPDX-License-Identifier: MIT */
#include "profiler/checks.h"
#include "profiler/columns.h"
#include "profiler/commands.h"
#include "profiler/container.h"
#include "profiler/user.h"

#include "output/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 18, WORD_COLUMNS = 6, TEXT_AT = 2 + WORD_COLUMNS + NAME_COLUMNS };
enum { COMMAND_SHOWN = 200, CGROUP_MAX = 64 << 10 };

static const char *const verdict_words[] = {
	[VERDICT_GOOD] = "ok", [VERDICT_NOTE] = "note", [VERDICT_UNSURE] = "?", [VERDICT_BAD] = "NO"
};

/* In the order of the table. */
static const struct {
	enum stage stage;
	const char *title, *json;
} stages[] = {
	{ STAGE_LOOK, "To look into it", "look" },
	{ STAGE_SAMPLE, "To sample it", "sample" },
	{ STAGE_STOP, "To stop it, for --blocking", "stop" },
	{ STAGE_EXEC, "To run code in it", "exec" },
};
enum { NSTAGES = sizeof stages / sizeof *stages };

struct examination {
	struct diagnosis d;
	char *command;
	char user[USER_NAME_MAX], own_user[USER_NAME_MAX];
	bool has_container;
	struct container container;
	unsigned columns; /* of the terminal; 0: do not break lines */
	FILE *out;
};

static void read_container(struct examination *x)
{
	char *text;
	size_t len;

	if (proc_read_file(x->d.situation.pid, "cgroup", CGROUP_MAX, &text, &len, NULL))
		return;
	x->has_container = container_parse(text, len, &x->container);
	free(text);
}

/* Returns how opening it went; with PS_GONE and PS_USAGE there is nothing to examine. */
static enum ps_status examine(int pid, struct examination *x, struct ps_err *err)
{
	struct target target;
	enum ps_status st = target_open(pid, &target, err);

	if (st == PS_GONE || st == PS_USAGE)
		return st;
	situation_read("", pid, &x->d.situation);
	situation_try(&x->d.situation);
	if (!st) {
		inside_look(&target, NULL, &x->d.inside);
		target_close(&target);
	}
	if (!x->d.situation.seen)
		return st;
	x->command = proc_command_line(pid);
	user_name(x->d.situation.target.uid[1], x->user);
	user_name(x->d.situation.self.uid[1], x->own_user);
	read_container(x);
	return st;
}

/* --- text --- */

static void print_try(const struct examination *x, const struct inside_try *t)
{
	static const char *const steps[] = { [LOCATE_FILE] = "",
					     [LOCATE_SECTION] = "section .PyRuntime",
					     [LOCATE_SYMBOL] = "symbol _PyRuntime",
					     [LOCATE_SCAN] = "scan" };
	char line[2 * INSIDE_TEXT_MAX + 160], where[40] = "";

	if (t->at)
		snprintf(where, sizeof where, " at 0x%" PRIx64, t->at);
	if (t->step == LOCATE_SCAN)
		snprintf(line, sizeof line, "scan of memory (%.1f MiB)%s: %s",
			 (double)t->scanned / (1 << 20), where, t->result ? t->why : "there it is");
	else
		snprintf(line, sizeof line, "%s: %s%s%s%s", t->file, steps[t->step], where,
			 t->step == LOCATE_FILE ? "" : ": ", t->result ? t->why : "there it is");
	fprintf(x->out, "%*s", TEXT_AT, "");
	columns_wrap(x->out, line, TEXT_AT + 2, x->columns);
}

static void print_tries(const struct examination *x)
{
	const struct inside *in = &x->d.inside;

	for (unsigned i = 0; i < in->ntries; i++)
		print_try(x, &in->tries[i]);
	if (in->files_without)
		fprintf(x->out, "%*s%u other file%s with no runtime\n", TEXT_AT, "",
			in->files_without, in->files_without == 1 ? "" : "s");
}

static void print_check(const struct examination *x, const struct check *c)
{
	struct ps_err say;
	enum verdict v = check_run(c, &x->d, &say);

	fputs("  ", x->out);
	columns_put(x->out, verdict_words[v], WORD_COLUMNS);
	columns_put(x->out, c->name, NAME_COLUMNS);
	columns_wrap(x->out, say.msg, TEXT_AT, x->columns);
	if (strcmp(c->name, "interpreter") == 0)
		print_tries(x);
	if (say.hint[0]) {
		fprintf(x->out, "%*shint: ", TEXT_AT, "");
		columns_wrap(x->out, say.hint, TEXT_AT + 6, x->columns);
	}
}

static void print_head(const struct examination *x)
{
	const struct situation *s = &x->d.situation;
	char container[64];

	fprintf(x->out, "Process %d: %.*s\n", s->pid, COMMAND_SHOWN,
		x->command ? x->command : "not to be seen");
	if (!s->seen)
		return;
	fprintf(x->out, "It runs as user %u (%s)", s->target.uid[1], x->user);
	if (x->has_container) {
		container_describe(&x->container, container);
		fprintf(x->out, ", in %s", container);
	}
	fprintf(x->out, "; pysample as user %u (%s)\n", s->self.uid[1], x->own_user);
}

static void print_end(const struct examination *x, const struct check *no_sample,
		      const struct check *no_exec)
{
	fputc('\n', x->out);
	if (no_sample)
		fprintf(x->out, "It cannot be sampled: see %s.\n", no_sample->name);
	else
		fputs("It can be sampled.\n", x->out);
	if (no_exec)
		fprintf(x->out, "Code cannot be run in it: see %s.\n", no_exec->name);
	else
		fputs("Code can be run in it.\n", x->out);
}

static void print_text(const struct examination *x, const struct check *no_sample,
		       const struct check *no_exec)
{
	print_head(x);
	for (int i = 0; i < NSTAGES; i++) {
		fprintf(x->out, "\n%s\n", stages[i].title);
		for (unsigned c = 0; c < nchecks; c++) {
			if (checks[c].stage == stages[i].stage)
				print_check(x, &checks[c]);
		}
	}
	print_end(x, no_sample, no_exec);
}

/* --- JSON --- */

static void json_check(struct json *j, const struct examination *x, const struct check *c,
		       const char *stage)
{
	static const char *const words[] = { [VERDICT_GOOD] = "ok",
					     [VERDICT_NOTE] = "note",
					     [VERDICT_UNSURE] = "unknown",
					     [VERDICT_BAD] = "no" };
	struct ps_err say;
	enum verdict v = check_run(c, &x->d, &say);

	json_open(j, '{');
	json_key(j, "check");
	json_string(j, c->name);
	json_key(j, "for");
	json_string(j, stage);
	json_key(j, "verdict");
	json_string(j, words[v]);
	json_key(j, "text");
	json_string(j, say.msg);
	if (say.hint[0]) {
		json_key(j, "hint");
		json_string(j, say.hint);
	}
	json_close(j, '}');
}

static void print_json(const struct examination *x, const struct check *no_sample,
		       const struct check *no_exec)
{
	struct json j = { .out = x->out };
	char python[64];

	identity_describe(&x->d.inside.identity, python);
	json_open(&j, '{');
	json_key(&j, "pid");
	json_int(&j, x->d.situation.pid);
	json_key(&j, "command");
	json_string(&j, x->command);
	json_key(&j, "python");
	json_string(&j, x->d.inside.looked ? python : "");
	json_key(&j, "sample");
	json_bool(&j, !no_sample);
	json_key(&j, "exec");
	json_bool(&j, !no_exec);
	json_key(&j, "checks");
	json_open(&j, '[');
	for (int i = 0; i < NSTAGES; i++) {
		for (unsigned c = 0; c < nchecks; c++) {
			if (checks[c].stage == stages[i].stage)
				json_check(&j, x, &checks[c], stages[i].json);
		}
	}
	json_close(&j, ']');
	json_close(&j, '}');
	fputc('\n', x->out);
}

/* --- */

static const struct check *first_bad(const struct diagnosis *d, const enum stage *stage, int n)
{
	const struct check *c = NULL;
	struct ps_err ignored;

	for (int i = 0; i < n && !c; i++)
		c = checks_first_bad(d, stage[i], &ignored);
	return c;
}

static int report(const struct examination *x, bool as_json)
{
	static const enum stage to_sample[] = { STAGE_LOOK, STAGE_SAMPLE };
	static const enum stage to_exec[] = { STAGE_LOOK, STAGE_STOP, STAGE_EXEC };
	const struct check *no_sample = first_bad(&x->d, to_sample, 2);
	const struct check *no_exec = first_bad(&x->d, to_exec, 3);

	if (no_sample && no_sample->status == PS_NOT_PYTHON)
		no_exec = no_sample;
	(as_json ? print_json : print_text)(x, no_sample, no_exec);
	return no_sample ? (int)command_exit_code(no_sample->status) : EXIT_DONE;
}

int cmd_doctor(const struct options *o)
{
	struct examination *x = calloc(1, sizeof *x);
	struct ps_err err = { 0 };
	enum ps_status st;
	int code;

	if (!x)
		return command_failed(PS_NOMEM, &err);
	x->out = stdout;
	x->columns = command_columns();
	st = examine(o->pid, x, &err);
	code = st == PS_OK || st == PS_DENIED ? report(x, o->json) : command_failed(st, &err);
	/* Refused, and a moment later not any more. */
	if (st && code == EXIT_DONE)
		code = command_failed(st, &err);
	if (fflush(stdout) || ferror(stdout)) {
		ps_fail(&err, PS_IO, "write standard output: %s", strerror(errno));
		code = command_failed(PS_IO, &err);
	}
	free(x->command);
	free(x);
	return code;
}
