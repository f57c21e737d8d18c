/* SPDX-License-Identifier: MIT */
#include "profiler/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_FLAG, KIND_TEXT, KIND_PID, KIND_RATE, KIND_DURATION };

/* To add an option: its row here; the parser, --help and the tests follow from it. */
struct option_row {
	const char *name;
	char letter; /* 0: none */
	enum kind kind;
	unsigned commands;
	size_t into;
	const char *metavar;
	const char *help;
};

#define INTO(field) offsetof(struct options, field)
#define RECORD      COMMAND_RECORD
#define DUMP        COMMAND_DUMP
#define BOTH        (COMMAND_RECORD | COMMAND_DUMP)
#define LS          COMMAND_LS
#define DOCTOR      COMMAND_DOCTOR
#define EXEC        COMMAND_EXEC
#define DEBUG       COMMAND_DEBUG
#define ALL         (BOTH | LS | DOCTOR | EXEC | DEBUG)

static const struct option_row rows[] = {
	{ "pid", 'p', KIND_PID, BOTH | DOCTOR | EXEC | DEBUG, INTO(pid), "PID",
	  "the process, as `PID` alone" },
	{ "output", 'o', KIND_TEXT, RECORD, INTO(output), "FILE",
	  "write there; - is standard output; %p %t %n: pid, time, program" },
	{ "output", 'o', KIND_TEXT, DUMP, INTO(output), "FILE",
	  "write there, instead of standard output; %p %t %n: pid, time, program" },
	{ "format", 'f', KIND_TEXT, RECORD, INTO(format), "NAME",
	  "output format, see below; else by FILE's suffix" },
	{ "duration", 'd', KIND_DURATION, RECORD, INTO(duration_ns), "TIME",
	  "stop after 500ms, 10s, 2m; else at the target's end or Ctrl-C" },
	{ "rate", 'r', KIND_RATE, RECORD, INTO(rate), "HZ",
	  "samples a second of each thread: 100, 10k, max (default 1000)" },
	{ "threads", 't', KIND_FLAG, RECORD, INTO(view.threads), NULL, "tell threads apart" },
	{ "function", 'F', KIND_FLAG, BOTH, INTO(view.functions), NULL,
	  "a function's lines as one: show where it begins" },
	{ "idle", 'i', KIND_FLAG, RECORD, INTO(view.idle), NULL,
	  "also show threads that were idle" },
	{ "mode", 0, KIND_TEXT, RECORD, INTO(mode), "MODE",
	  "show only: wall (all), cpu (on a CPU), gil (held it), exception (raised or handled)" },
	{ "gil", 'g', KIND_FLAG, BOTH, INTO(gil), NULL, "only show what held the GIL" },
	{ "no-gc", 0, KIND_FLAG, RECORD, INTO(view.no_gc), NULL,
	  "garbage collections are not frames of their own" },
	{ "blocking", 0, KIND_FLAG, BOTH, INTO(blocking), NULL,
	  "stop the target for each sample: exact, but it is felt" },
	{ "all", 'a', KIND_FLAG, LS, INTO(all), NULL,
	  "search every process, also those without a sign of Python: slow" },
	{ "json", 'j', KIND_FLAG, LS | DOCTOR, INTO(json), NULL, "JSON for programs to read" },
	{ "code", 'c', KIND_TEXT, EXEC, INTO(code), "CODE", "run CODE instead of a script" },
	{ "thread", 0, KIND_TEXT, EXEC, INTO(thread), "WHICH",
	  "run it in: any that executes Python (default), main, or a thread's id" },
	{ "thread", 0, KIND_TEXT, DEBUG, INTO(thread), "WHICH",
	  "debug: any that executes Python (default), main, or a thread's id" },
	{ "timeout", 0, KIND_DURATION, DEBUG, INTO(timeout_ns), "TIME",
	  "give up if the thread cannot be stopped in that time (default 10s)" },
	{ "timeout", 0, KIND_DURATION, EXEC, INTO(timeout_ns), "TIME",
	  "give up if it is not picked up, or then not done, in that time; see below" },
	{ "detach", 0, KIND_FLAG, EXEC, INTO(detach), NULL,
	  "return as soon as it runs; its output goes where the target's goes" },
	{ "wake", 0, KIND_FLAG, EXEC | DEBUG, INTO(wake), NULL,
	  "stop and continue the target until it is picked up: ends waits for events early" },
	{ "quiet", 'q', KIND_FLAG, BOTH | LS | DEBUG, INTO(quiet), NULL, "no words but errors" },
	{ "verbose", 'v', KIND_FLAG, BOTH | EXEC, INTO(verbose), NULL,
	  "say more about what is done" },
	{ "help", 'h', KIND_FLAG, ALL, INTO(help), NULL, "this text" },
	{ "version", 'V', KIND_FLAG, ALL, INTO(version), NULL, "print the version" },
};
enum { NROWS = sizeof rows / sizeof *rows, LONG_BASE = 256 };

static const struct {
	const char *name;
	enum command command;
	const char *usage, *help;
} commands[] = {
	{ "record", COMMAND_RECORD,
	  "pysample record [OPTIONS] PID\n"
	  "       pysample record [OPTIONS] -- CMD ARG...",
	  "Samples a running Python, or starts CMD and samples it, and writes a flamegraph.\n"
	  "It only reads the target's memory: the target is not stopped and not changed." },
	{ "dump", COMMAND_DUMP, "pysample dump [OPTIONS] PID",
	  "Prints the stack of every thread once, the innermost call first." },
	{ "ls", COMMAND_LS, "pysample ls [OPTIONS]",
	  "Lists the Python processes of this machine: which Python, whose, and whether they can\n"
	  "be sampled and code be run in them, or why not." },
	{ "doctor", COMMAND_DOCTOR, "pysample doctor [OPTIONS] PID",
	  "Tests one by one what could keep pysample from that process, and says what helps.\n"
	  "Changes nothing. Exit code 0: it can be sampled; else that with which record would "
	  "fail." },
	{ "exec", COMMAND_EXEC,
	  "pysample exec [OPTIONS] PID SCRIPT [ARG...]\n"
	  "       pysample exec [OPTIONS] PID -c CODE [ARG...]",
	  "Runs Python code inside a running Python, and brings back what it prints and raises.\n"
	  "This changes the target: one of its threads is interrupted between two bytecodes, runs\n"
	  "the script as __main__ in a namespace of its own (ARGs are in __args__; sys.argv stays\n"
	  "the program's), and goes on. SCRIPT - is standard input.\n"
	  "\n"
	  "A thread that is blocked in a system call picks it up once that returns. After 10 s\n"
	  "(--timeout) it is withdrawn. How long it may run is not limited, unless --timeout is\n"
	  "given. Exit code 0: it ran; 1: it raised, or did not end; 3: it did not run; 4: it is\n"
	  "not permitted." },
	{ "debug", COMMAND_DEBUG, "pysample debug [OPTIONS] PID",
	  "Opens pdb, Python's own debugger, in a thread of a running Python, on this terminal.\n"
	  "This stops the thread (the others run on) where it is. `c` lets it run on, Ctrl-C "
	  "stops\n"
	  "it again. When pysample ends, by `q`, Ctrl-D or in any other way, the program goes on "
	  "as\n"
	  "it was, without breakpoints. Standard input that is no terminal has pdb's commands.\n"
	  "\n"
	  "Exit code 0: left; 1: the debugger failed, or hung up; 3: the thread could not be\n"
	  "stopped, or the process ended; 4: it is not permitted." },
};
enum { NCOMMANDS = sizeof commands / sizeof *commands };

/* --- values --- */

static const struct {
	const char *unit;
	double ns;
} time_units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 },   { "s", 1e9 },
		   { "", 1e9 }, { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 } };

/* A decimal number, no sign, no hexadecimal, no "inf"; *end is behind it. */
static bool take_number(const char *text, double *ret, const char **end)
{
	char *stop;

	if (!(*text >= '0' && *text <= '9') && *text != '.')
		return false;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return false;
	errno = 0;
	*ret = strtod(text, &stop);
	*end = stop;
	return stop != text && errno == 0 && isfinite(*ret);
}

bool options_parse_duration(const char *text, uint64_t *ret_ns)
{
	const double ten_years = 10 * 365.25 * 86400e9;
	const char *unit;
	double v;

	if (!take_number(text, &v, &unit))
		return false;
	for (size_t i = 0; i < sizeof time_units / sizeof *time_units; i++) {
		if (strcmp(unit, time_units[i].unit) == 0) {
			v *= time_units[i].ns;
			if (v < 1 || v > ten_years)
				return false;
			*ret_ns = (uint64_t)v;
			return true;
		}
	}
	return false;
}

bool options_parse_rate(const char *text, double *ret)
{
	const char *unit;
	double v;

	if (strcmp(text, "max") == 0) {
		*ret = 0;
		return true;
	}
	if (!take_number(text, &v, &unit))
		return false;
	if (*unit == 'k' || *unit == 'K') {
		v *= 1000;
		unit++;
	}
	if (*unit && strcasecmp(unit, "hz") != 0)
		return false;
	if (v < 0.001 || v > RATE_MAX)
		return false;
	*ret = v;
	return true;
}

static bool parse_pid(const char *text, int *ret)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (end == text || *end || errno || v <= 0 || v > INT32_MAX)
		return false;
	*ret = (int)v;
	return true;
}

static enum ps_status bad_value(const struct option_row *row, const char *value, struct ps_err *err)
{
	ps_fail(err, PS_USAGE, "--%s: '%s' is not possible", row->name, value);
	if (row->kind == KIND_RATE)
		ps_hint(err, "give samples a second above 0 and up to %d, as 100 or 10k, or max",
			RATE_MAX);
	else if (row->kind == KIND_DURATION)
		ps_hint(err, "give a time above 0, as 500ms, 10s, 2m");
	else
		ps_hint(err, "give the number of a process");
	return PS_USAGE;
}

static enum ps_status set_value(const struct option_row *row, char *value, struct options *o,
				struct ps_err *err)
{
	char *at = (char *)o + row->into;
	bool good = true;

	switch (row->kind) {
	case KIND_FLAG:
		*(bool *)at = true;
		break;
	case KIND_TEXT:
		*(const char **)at = value;
		break;
	case KIND_PID:
		good = parse_pid(value, (int *)at);
		break;
	case KIND_RATE:
		good = options_parse_rate(value, (double *)at);
		break;
	case KIND_DURATION:
		good = options_parse_duration(value, (uint64_t *)at);
		break;
	}
	return good ? PS_OK : bad_value(row, value, err);
}

/* --- the line --- */

static void make_getopt_tables(unsigned command, char *letters, struct option *longs)
{
	*letters++ = '+'; /* what follows a script belongs to it */
	if (!(command & EXEC))
		letters--;
	*letters++ = ':'; /* tell a missing value from an unknown option */
	for (int i = 0; i < NROWS; i++) {
		if (!(rows[i].commands & command))
			continue;
		*longs++ = (struct option){ rows[i].name,
					    rows[i].kind == KIND_FLAG ? no_argument
								      : required_argument,
					    NULL, LONG_BASE + i };
		if (rows[i].letter) {
			*letters++ = rows[i].letter;
			if (rows[i].kind != KIND_FLAG)
				*letters++ = ':';
		}
	}
	*letters = '\0';
	*longs = (struct option){ 0 };
}

static const struct option_row *find_row(unsigned command, int opt)
{
	if (opt >= LONG_BASE)
		return &rows[opt - LONG_BASE];
	for (int i = 0; i < NROWS; i++) {
		if (rows[i].letter == opt && (rows[i].commands & command))
			return &rows[i];
	}
	return NULL;
}

static const char *command_name(enum command c)
{
	for (int i = 0; i < NCOMMANDS; i++) {
		if (commands[i].command == c)
			return commands[i].name;
	}
	return "?";
}

static enum ps_status bad_option(int opt, char **argv, enum command command, struct ps_err *err)
{
	const char *given = argv[optind - 1];

	if (opt == ':')
		ps_fail(err, PS_USAGE, "%s needs a value", given);
	else if (optopt && optopt < LONG_BASE)
		ps_fail(err, PS_USAGE, "there is no option -%c for %s", optopt,
			command_name(command));
	else
		ps_fail(err, PS_USAGE, "there is no option %s for %s", given,
			command_name(command));
	ps_hint(err, "pysample %s --help lists them", command_name(command));
	return PS_USAGE;
}

/* exec: a word ends the options, unless it is the PID, which more may follow. */
static bool take_pid_between(int argc, char **argv, struct options *o)
{
	if (o->command != COMMAND_EXEC || o->pid || optind >= argc ||
	    !parse_pid(argv[optind], &o->pid))
		return false;
	optind++;
	return true;
}

static enum ps_status parse_options(int argc, char **argv, struct options *o, struct ps_err *err)
{
	char letters[2 * NROWS + 3];
	struct option longs[NROWS + 1];
	int opt;

	make_getopt_tables(o->command, letters, longs);
	opterr = 0;
	optind = 0;
	do {
		/* As with Python's own -c, what follows is for the code. */
		while (!(o->code && o->pid) &&
		       (opt = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
			const struct option_row *row =
				opt == '?' || opt == ':' ? NULL : find_row(o->command, opt);

			if (!row)
				return bad_option(opt, argv, o->command, err);
			PS_TRY(set_value(row, optarg, o, err));
		}
	} while (take_pid_between(argc, argv, o));
	return PS_OK;
}

/* --mode, and -g, which is one of its values. */
static enum ps_status resolve_mode(struct options *o, struct ps_err *err)
{
	enum view_mode m = MODE_WALL;

	if (o->mode) {
		while (m < NMODES && strcmp(view_mode_name(m), o->mode) != 0)
			m++;
		if (m == NMODES) {
			ps_fail(err, PS_USAGE, "--mode: '%s' is not possible", o->mode);
			ps_hint(err, "give wall, cpu, gil or exception");
			return PS_USAGE;
		}
	}
	if (o->gil && o->mode && m != MODE_GIL) {
		ps_fail(err, PS_USAGE, "-g and --mode %s: which of them?", o->mode);
		ps_hint(err, "-g is --mode gil");
		return PS_USAGE;
	}
	o->view.mode = o->gil ? MODE_GIL : m;
	return PS_OK;
}

static enum ps_status bad_rest(const struct options *o, const char *given, bool both,
			       struct ps_err *err)
{
	if (both)
		ps_fail(err, PS_USAGE, "'%s' and a command after --: which of them?", given);
	else if (!given)
		ps_fail(err, PS_USAGE, "which process? Neither a PID nor a command is given");
	else if (o->pid)
		ps_fail(err, PS_USAGE, "'%s' is one too many: there is a PID already", given);
	else
		ps_fail(err, PS_USAGE, "'%s' is not a PID", given);
	if (o->command == COMMAND_EXEC)
		ps_hint(err, "pysample exec PID SCRIPT, or: pysample exec PID -c CODE");
	else if (o->command == COMMAND_RECORD)
		ps_hint(err, "pysample record PID, or to start a program: pysample record -- CMD "
			     "ARG...");
	else
		ps_hint(err, "pysample %s PID", command_name(o->command));
	return PS_USAGE;
}

static enum ps_status takes_nothing(const struct options *o, const char *given, struct ps_err *err)
{
	ps_fail(err, PS_USAGE, "%s takes no argument, and '%s' is one", command_name(o->command),
		given);
	ps_hint(err, "pysample doctor PID looks at one process");
	return PS_USAGE;
}

/* What is left of exec's options: the script, unless there is code, and words for either. */
static enum ps_status parse_exec_rest(int argc, char **argv, struct options *o, struct ps_err *err)
{
	if (!o->pid)
		return bad_rest(o, optind < argc ? argv[optind] : NULL, false, err);
	if (!o->code) {
		if (optind >= argc) {
			ps_fail(err, PS_USAGE, "what is to run? Neither a script nor -c is given");
			ps_hint(err, "pysample exec %d SCRIPT, or: pysample exec %d -c CODE",
				o->pid, o->pid);
			return PS_USAGE;
		}
		o->script = argv[optind++];
	}
	o->args = argv + optind;
	return PS_OK;
}

/* What is left of the options: a PID; and what stood behind "--": a command. */
static enum ps_status parse_rest(int argc, char **argv, char **behind, struct options *o,
				 struct ps_err *err)
{
	char pid[16];

	if (o->help || o->version)
		return PS_OK;
	if (o->command == COMMAND_EXEC)
		return parse_exec_rest(argc, argv, o, err);
	if (o->command == COMMAND_LS && (optind < argc || behind))
		return takes_nothing(o, optind < argc ? argv[optind] : "--", err);
	if (o->command == COMMAND_LS)
		return PS_OK;
	for (int i = optind; i < argc; i++) {
		if (o->pid || !parse_pid(argv[i], &o->pid))
			return bad_rest(o, argv[i], false, err);
	}
	if (!behind || !*behind)
		return o->pid ? PS_OK : bad_rest(o, NULL, false, err);
	if (o->command != COMMAND_RECORD)
		return ps_fail(err, PS_USAGE, "%s takes a PID, not a command",
			       command_name(o->command));
	snprintf(pid, sizeof pid, "%d", o->pid);
	if (o->pid)
		return bad_rest(o, pid, true, err);
	o->start = behind;
	return PS_OK;
}

/* The first "--" ends what is ours; the rest is not to be reordered by getopt. */
static char **split_at_dashes(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			*argc = i;
			return argv + i + 1;
		}
	}
	return NULL;
}

static enum ps_status unknown_command(const char *given, struct ps_err *err)
{
	int pid;

	if (parse_pid(given, &pid)) {
		ps_fail(err, PS_USAGE, "what is to be done with process %d?", pid);
		ps_hint(err, "pysample record %d", pid);
	} else {
		ps_fail(err, PS_USAGE, "there is no command '%s'", given);
		ps_hint(err, "pysample --help lists them; to profile: pysample record PID");
	}
	return PS_USAGE;
}

enum ps_status options_parse(int argc, char **argv, struct options *ret, struct ps_err *err)
{
	struct options o = { .rate = 1000 };
	char **behind;

	if (argc < 2) {
		o.help = true;
		*ret = o;
		return PS_OK;
	}
	for (int i = 0; i < NCOMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			o.command = commands[i].command;
	}
	if (!o.command) {
		o.help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
			 strcmp(argv[1], "help") == 0;
		o.version = strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0;
		if (!o.help && !o.version)
			return unknown_command(argv[1], err);
		*ret = o;
		return PS_OK;
	}
	argc--;
	argv++;
	behind = o.command == COMMAND_EXEC ? NULL : split_at_dashes(&argc, argv);
	PS_TRY(parse_options(argc, argv, &o, err));
	PS_TRY(resolve_mode(&o, err));
	PS_TRY(parse_rest(argc, argv, behind, &o, err));
	*ret = o;
	return PS_OK;
}

/* --- help --- */

static void print_rows(unsigned command, FILE *out)
{
	fputs("\nOptions:\n", out);
	for (int i = 0; i < NROWS; i++) {
		char left[64], letter[8] = "   ";

		if (!(rows[i].commands & command))
			continue;
		if (rows[i].letter)
			snprintf(letter, sizeof letter, "-%c,", rows[i].letter);
		snprintf(left, sizeof left, "%s --%s%s%s", letter, rows[i].name,
			 rows[i].metavar ? " " : "", rows[i].metavar ? rows[i].metavar : "");
		fprintf(out, "  %-22s %s\n", left, rows[i].help);
	}
}

static void print_formats(FILE *out)
{
	fputs("\nFormats:\n", out);
	for (const struct writer *const *w = writers; *w; w++) {
		fprintf(out, "  %-22s %s (", (*w)->name, (*w)->summary);
		for (const char *const *s = (*w)->suffixes; *s; s++)
			fprintf(out, "%s%s", s == (*w)->suffixes ? "" : ", ", *s);
		fputs(")\n", out);
	}
	fputs("A suffix .gz after any of these compresses it. Names without such a suffix make a\n"
	      "flamegraph; those that mean something else, as .png, are refused without -f.\n",
	      out);
}

void options_print_help(unsigned command, FILE *out)
{
	for (int i = 0; i < NCOMMANDS; i++) {
		if (commands[i].command != command)
			continue;
		fprintf(out, "Usage: %s\n\n%s\n", commands[i].usage, commands[i].help);
		print_rows(command, out);
		if (command == COMMAND_RECORD)
			print_formats(out);
		return;
	}
	fputs("pysample - a profiler for Python programs that are already running\n\nUsage:\n",
	      out);
	for (int i = 0; i < NCOMMANDS; i++)
		fprintf(out, "       %s\n", commands[i].usage);
	fputs("\n`pysample COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 2 usage,\n"
	      "3 the target ended (or was no Python) before a sample could be taken,\n"
	      "4 not permitted; a started command's own status otherwise.\n",
	      out);
}
