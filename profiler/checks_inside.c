/* SPDX-License-Identifier: MIT */
#include "profiler/checks_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_known(const struct inside *in)
{
	return in->looked && in->identity.kind != PYTHON_NONE;
}

static enum verdict not_looked(struct ps_err *say)
{
	return check_say(say, VERDICT_UNSURE, "not looked at, for its memory is not to be read");
}

static enum verdict no_python(struct ps_err *say)
{
	return check_say(say, VERDICT_UNSURE, "there is none");
}

enum verdict check_interpreter(const struct diagnosis *d, struct ps_err *say)
{
	const struct inside *in = &d->inside;
	char python[64];

	if (!in->looked)
		return not_looked(say);
	if (!is_known(in)) {
		check_say(say, VERDICT_BAD, "%s",
			  in->why.msg[0] ? in->why.msg : "no Python was found in it");
		ps_hint(say, "if it is a launcher, give the id of the Python that it started");
		return VERDICT_BAD;
	}
	identity_describe(&in->identity, python);
	if (in->located)
		return check_say(say, VERDICT_GOOD, "%s", python);
	return check_say(say, VERDICT_GOOD, "%s; its runtime is at 0x%" PRIx64 ", found by %s%s",
			 python, in->site.runtime,
			 strcmp(in->site.found_by, "memory scan") == 0 ? "a " : "its ",
			 in->site.found_by);
}

enum verdict check_version(const struct diagnosis *d, struct ps_err *say)
{
	const struct inside *in = &d->inside;

	if (!in->looked)
		return not_looked(say);
	if (!is_known(in))
		return no_python(say);
	if (identity_can_sample(&in->identity))
		return check_say(say, VERDICT_GOOD, "one that pysample can sample");
	check_say(say, VERDICT_BAD, "pysample cannot sample this one yet");
	ps_hint(say, "it samples CPython 3.13, 3.14 and 3.15");
	return VERDICT_BAD;
}

enum verdict check_started(const struct diagnosis *d, struct ps_err *say)
{
	const struct inside *in = &d->inside;

	if (!in->looked)
		return not_looked(say);
	if (!is_known(in))
		return no_python(say);
	if (in->located == PS_OK)
		return check_say(say, VERDICT_GOOD, "yes, with interpreters and threads");
	if (in->located != PS_NOT_READY)
		return check_say(say, VERDICT_UNSURE, "not looked at");
	check_say(say, VERDICT_BAD, "%s", in->why.msg);
	ps_hint(say, "wait until it has started; a program that only brings Python along may never "
		     "start it");
	return VERDICT_BAD;
}

enum verdict check_runtime(const struct diagnosis *d, struct ps_err *say)
{
	const struct inside *in = &d->inside;

	if (!in->looked)
		return not_looked(say);
	if (!is_known(in))
		return no_python(say);
	if (in->located == PS_OK)
		return check_say(say, VERDICT_GOOD, "its table of offsets holds together");
	if (in->located == PS_NOT_READY || !identity_can_sample(&in->identity))
		return check_say(say, VERDICT_UNSURE, "not looked at");
	check_say(say, VERDICT_BAD, "%s", in->why.msg);
	ps_hint(say,
		"a build that was changed, or memory that is damaged; if it is neither, please "
		"report it with what was tried");
	return VERDICT_BAD;
}

/* --- running code in it --- */

static bool has_door(const struct inside *in)
{
	return identity_exec_way(&in->identity) == EXEC_DOOR;
}

enum verdict check_way_in(const struct diagnosis *d, struct ps_err *say)
{
	static const char *const ways[] = {
		[EXEC_PENDING_CALL] = "its ring of pending calls, which its main thread makes",
		[EXEC_DOOR] = "its own door for remote debuggers (PEP 768)",
		[EXEC_PYPY] = "its own door for remote debuggers (PyPy's)",
	};
	const struct inside *in = &d->inside;
	enum exec_way way;

	if (!in->looked)
		return not_looked(say);
	if (!is_known(in))
		return no_python(say);
	way = identity_exec_way(&in->identity);
	if (way == EXEC_PENDING_CALL && in->ring_why.msg[0]) {
		*say = in->ring_why;
		return VERDICT_BAD;
	}
	if (way != EXEC_NOT_YET)
		return check_say(say, VERDICT_GOOD, "%s", ways[way]);
	check_say(say, VERDICT_BAD, "pysample cannot run code in this one yet");
	ps_hint(say,
		"it runs code in CPython 3.8 to 3.15 (before 3.14, in builds with a GIL) and in "
		"PyPy 7.3.18 and later");
	return VERDICT_BAD;
}

/* Why the switch is off, as far as the start of the program tells. */
static enum verdict explain_switch(const struct inside *in, struct ps_err *say)
{
	if (in->compiled_in == ANSWER_NO) {
		check_say(say, VERDICT_BAD, "this Python was built without it");
		ps_hint(say, "build it without --without-remote-debug");
	} else if (in->args.disables_remote_debug) {
		check_say(say, VERDICT_BAD, "it is switched off, by -X disable-remote-debug");
		ps_hint(say, "start the program without that option");
	} else if (in->variable == ANSWER_YES && !in->args.ignores_environment) {
		check_say(say, VERDICT_BAD,
			  "it is switched off, by the variable PYTHON_DISABLE_REMOTE_DEBUG in its "
			  "environment%s",
			  in->variable_empty ? " (which counts though it is empty)" : "");
		ps_hint(say, "start the program without that variable");
	} else {
		check_say(say, VERDICT_BAD,
			  "it is switched off, by the program that embeds it "
			  "(PyConfig.remote_debug)%s",
			  in->variable == ANSWER_UNKNOWN ? ", an option or a variable" : "");
		ps_hint(say, "start the program otherwise, or change it");
	}
	return VERDICT_BAD;
}

/* PyPy heeds the same option and variable, but an empty one not, and a set one also under
 * -E (pypy/module/__pypy__, 7.3.18 and later). What code in it has switched off is not to be
 * seen from here. */
static enum verdict check_pypy_switch(const struct inside *in, struct ps_err *say)
{
	bool off = in->args.disables_remote_debug ||
		   (in->variable == ANSWER_YES && !in->variable_empty);

	if (!in->identity.has_requests)
		return check_say(say, VERDICT_NOTE,
				 "this PyPy does not have it: 7.3.18 and later do");
	if (off) {
		check_say(say, VERDICT_BAD, "it is switched off, by %s",
			  in->args.disables_remote_debug ? "-X disable-remote-debug"
							 : "PYTHON_DISABLE_REMOTE_DEBUG");
		ps_hint(say, "start the program without it");
		return VERDICT_BAD;
	}
	return check_say(say, VERDICT_GOOD, "nothing at its start has switched it off");
}

enum verdict check_remote_debug(const struct diagnosis *d, struct ps_err *say)
{
	const struct inside *in = &d->inside;

	if (!in->looked)
		return not_looked(say);
	if (!is_known(in))
		return no_python(say);
	if (in->identity.kind == PYTHON_PYPY)
		return check_pypy_switch(in, say);
	if (!has_door(in))
		return check_say(say, VERDICT_GOOD, "this version has no switch for it");
	if (in->remote_debug == ANSWER_UNKNOWN)
		return check_say(say, VERDICT_UNSURE, "its switch cannot be read");
	if (in->remote_debug == ANSWER_YES)
		return check_say(say, VERDICT_GOOD, "it is on");
	return explain_switch(in, say);
}

/* They can be seen before 3.14 only, and there they are in the way whatever they would say:
 * request_ring.c. */
enum verdict check_hooks(const struct diagnosis *d, struct ps_err *say)
{
	const struct inside *in = &d->inside;

	if (!in->looked)
		return not_looked(say);
	if (!is_known(in))
		return no_python(say);
	if (identity_exec_way(&in->identity) != EXEC_PENDING_CALL)
		return check_say(say, VERDICT_GOOD,
				 "if the program has some, they are asked, and may refuse");
	if (in->hooks == ANSWER_UNKNOWN)
		return check_say(say, VERDICT_UNSURE, "they cannot be read");
	if (in->hooks == ANSWER_NO)
		return check_say(say, VERDICT_GOOD, "the program has none");
	check_say(say, VERDICT_BAD,
		  "the program has some, and before 3.14 one that refused would raise an error in "
		  "the program itself");
	ps_hint(say, "start the program without them; CPython 3.14 and later has a way that they "
		     "can refuse");
	return VERDICT_BAD;
}

enum verdict check_writing(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;

	if (s->open_rw_error == NOT_TRIED)
		return check_say(say, VERDICT_UNSURE, "not tried");
	if (s->open_error)
		return check_say(say, VERDICT_UNSURE, "not even reading is possible");
	if (s->own_write_error && s->open_rw_error) {
		check_say(say, VERDICT_BAD,
			  "neither process_vm_writev (%s) nor its memory as a file (%s) can be "
			  "used",
			  strerror(s->own_write_error), strerror(s->open_rw_error));
		ps_hint(say, "look for a seccomp filter or a security module around pysample");
		return VERDICT_BAD;
	}
	if (s->own_write_error)
		return check_say(
			say, VERDICT_NOTE,
			"its memory can be written as a file only: process_vm_writev fails "
			"for pysample itself (%s), as under a seccomp filter",
			strerror(s->own_write_error));
	return check_say(say, VERDICT_GOOD, "its memory can be written");
}

enum verdict check_at_work(const struct diagnosis *d, struct ps_err *say)
{
	char state = d->situation.stat.state;

	if (!d->situation.seen)
		return check_say(say, VERDICT_UNSURE, "not to be seen");
	if (state == 'T' || state == 't') {
		check_say(say, VERDICT_NOTE,
			  "it is stopped, and runs nothing until it is continued");
		ps_hint(say, "kill -CONT %d", d->situation.pid);
		return VERDICT_NOTE;
	}
	if (state == 'Z')
		return check_say(say, VERDICT_NOTE,
				 "its main thread has ended; code can run in another only");
	return check_say(say, VERDICT_GOOD, "it is not stopped");
}
