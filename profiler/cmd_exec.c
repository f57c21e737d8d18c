/* SPDX-License-Identifier: MIT */
#include "profiler/commands.h"
#include "profiler/inject.h"
#include "profiler/scope.h"
#include "profiler/stop_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS ((uint64_t)10000000000)

static bool interrupted(void *ctx)
{
	(void)ctx;
	return stop_signal_seen() != 0;
}

/* --- what is to run --- */

struct script {
	char *text;
	size_t len;
	char *name;
};

static void script_free(struct script *s)
{
	free(s->text);
	free(s->name);
}

static enum ps_status read_all(int fd, const char *what, struct script *s, struct ps_err *err)
{
	size_t cap = 0;

	for (;;) {
		ssize_t n;

		if (s->len == cap) {
			char *grown = realloc(s->text, cap ? cap * 2 : 65536);

			if (!grown)
				return ps_fail(err, PS_NOMEM, "out of memory");
			s->text = grown;
			cap = cap ? cap * 2 : 65536;
		}
		n = read(fd, s->text + s->len, cap - s->len);
		if (n < 0 && errno == EINTR && !stop_signal_seen())
			continue;
		if (n < 0 && errno == EISDIR) {
			ps_fail(err, PS_USAGE, "%s is a directory", what);
			ps_hint(err, "give a file, - for standard input, or -c CODE");
			return PS_USAGE;
		}
		if (n < 0)
			return ps_fail(err, PS_IO, "read %s: %s", what, strerror(errno));
		if (n == 0)
			return PS_OK;
		s->len += (size_t)n;
		if (s->len > INJECT_SOURCE_MAX)
			return ps_fail(err, PS_USAGE, "%s is too long: more than %d MiB", what,
				       INJECT_SOURCE_MAX >> 20);
	}
}

static enum ps_status read_script(const struct options *o, struct script *s, struct ps_err *err)
{
	SCOPE_CLOSE int fd = -1;
	enum ps_status st = PS_OK;

	if (o->code) {
		s->text = strdup(o->code);
		s->len = strlen(o->code);
		s->name = strdup("<string>");
	} else if (strcmp(o->script, "-") == 0) {
		st = read_all(STDIN_FILENO, "standard input", s, err);
		s->name = strdup("<stdin>");
	} else {
		fd = open(o->script, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			ps_fail(err, PS_USAGE, "open %s: %s", o->script, strerror(errno));
			ps_hint(err, "the script is read here, not where the target would find it");
			return PS_USAGE;
		}
		st = read_all(fd, o->script, s, err);
		s->name = realpath(o->script, NULL);
		if (!s->name) /* a pipe under /dev/fd, say, has none */
			s->name = strdup(o->script);
	}
	if (!st && (!s->text || !s->name))
		return ps_fail(err, PS_NOMEM, "out of memory");
	return st;
}

static enum ps_status make_order(const struct options *o, struct script *s,
				 struct inject_order *ret, struct ps_err *err)
{
	size_t args = 0;

	*ret = (struct inject_order){ .args = o->args,
				      .detach = o->detach,
				      .wake = o->wake,
				      .patience_ns = o->timeout_ns ? o->timeout_ns : PATIENCE_NS,
				      .run_ns = o->timeout_ns,
				      .interrupted = interrupted };
	for (char **a = o->args; a && *a; a++)
		args += strlen(*a);
	if (args > INJECT_ARGS_MAX)
		return ps_fail(err, PS_USAGE, "the arguments are too long: more than %d MiB",
			       INJECT_ARGS_MAX >> 20);
	PS_TRY(command_parse_thread(o->thread, &ret->thread, &ret->tid, err));
	PS_TRY(read_script(o, s, err));
	ret->source = s->text;
	ret->len = s->len;
	ret->name = s->name;
	return PS_OK;
}

/* --- what comes of it --- */

/* A closed output is no reason to leave the script alone. */
static int put(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR && !stop_signal_seen())
			continue;
		if (n < 0)
			return errno == EPIPE ? 0 : errno; /* who no longer reads, knows */
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

struct outcome {
	bool began, raised;
	int error; /* of our standard output or error */
};

static enum ps_status follow(struct inject *in, const struct options *o, struct outcome *ret,
			     struct ps_err *err)
{
	struct inject_message m;
	int error = 0;

	for (;;) {
		if (error)
			ret->error = error;
		PS_TRY(inject_next(in, &m, err));
		switch (m.kind) {
		case INJECT_BEGAN:
			ret->began = true;
			if (o->verbose)
				fprintf(stderr,
					"pysample: thread %d runs it; picked up after %.3f ms; %s "
					"stood for %.3f ms\n",
					m.tid, (double)m.waited_ns / 1e6, inject_python(in),
					(double)inject_held_ns(in) / 1e6);
			break;
		case INJECT_OUT:
			error = put(STDOUT_FILENO, m.bytes, m.len);
			break;
		case INJECT_RAISED:
			ret->raised = true;
			error = put(STDERR_FILENO, m.bytes, m.len);
			break;
		case INJECT_ERRORS:
			error = put(STDERR_FILENO, m.bytes, m.len);
			break;
		case INJECT_DONE:
			return PS_OK;
		}
	}
}

int cmd_exec(const struct options *o)
{
	struct ps_err err = { 0 };
	struct inject_order order;
	struct script script = { 0 };
	struct inject *in;
	struct outcome outcome = { 0 };
	enum ps_status st;

	stop_signal_catch();
	st = make_order(o, &script, &order, &err);
	if (!st)
		st = inject_open(o->pid, &order, &in, &err);
	if (!st) {
		st = follow(in, o, &outcome, &err);
		inject_close(in);
	}
	script_free(&script);
	if (st) {
		int code = command_failed(st, &err);

		return outcome.began ? EXIT_FAILED : code; /* 3 is for what did not run */
	}
	if (outcome.error) {
		ps_fail(&err, PS_IO, "it ran, but its output could not be written here: %s",
			strerror(outcome.error));
		return command_failed(PS_IO, &err);
	}
	return outcome.raised ? EXIT_FAILED : EXIT_DONE;
}
