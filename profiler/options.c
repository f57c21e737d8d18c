/* SPDX-License-Identifier: MIT */
#include "profiler/options.h"

#include "profiler/duration.h"
#include "profiler/options_heap.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_FLAG, KIND_TEXT, KIND_LIST, KIND_PID, KIND_RATE, KIND_DURATION, KIND_COUNT };

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
#define HEAP_DUMP   COMMAND_HEAP_DUMP
#define SUMMARY     COMMAND_HEAP_SUMMARY
#define HEAP_TABLES (COMMAND_HEAP_SUMMARY | COMMAND_HEAP_DIFF | COMMAND_HEAP_PATH)
#define HEAP_FILES  (COMMAND_HEAP_FLAME | COMMAND_HEAP_CONVERT)
#define HEAP        COMMANDS_OF_HEAP
#define ALL         (BOTH | LS | DOCTOR | EXEC | DEBUG | HEAP | HEAP_DUMP)

static const struct option_row rows[] = {
	{ "pid", 'p', KIND_PID, BOTH | DOCTOR | EXEC | DEBUG | HEAP_DUMP, INTO(pid), "PID",
	  "the process, as `PID` alone" },
	{ "output", 'o', KIND_TEXT, RECORD, INTO(output), "FILE",
	  "write there; - is standard output; %p %t %n: pid, time, program" },
	{ "output", 'o', KIND_TEXT, DUMP, INTO(output), "FILE",
	  "write there, instead of standard output; %p %t %n: pid, time, program" },
	{ "output", 'o', KIND_TEXT, HEAP_FILES, INTO(output), "FILE",
	  "write there; - is standard output" },
	{ "format", 'f', KIND_TEXT, RECORD | COMMAND_HEAP_FLAME, INTO(format), "NAME",
	  "output format, see below; else by FILE's suffix" },
	{ "format", 'f', KIND_TEXT, COMMAND_HEAP_CONVERT, INTO(format), "NAME",
	  "heapsnapshot or jsonl; else by FILE's suffix" },
	{ "limit", 'n', KIND_COUNT, HEAP_TABLES, INTO(limit), "N",
	  "show so many lines or ways, the most important ones" },
	{ "sort", 's', KIND_TEXT, SUMMARY, INTO(sort), "COLUMN",
	  "which types are the most important: by retained (default), size or count" },
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
	{ "heap-dump", 0, KIND_LIST, RECORD, INTO(heap_dumps), "WHEN",
	  "a heap dump meanwhile: start, end, 5s, rss>2G; may be repeated" },
	{ "heap-format", 0, KIND_TEXT, RECORD, INTO(heap_format), "NAME",
	  "of these dumps: heapsnapshot (default), psheap, jsonl" },
	{ "output", 'o', KIND_TEXT, HEAP_DUMP, INTO(output), "FILE",
	  "write there; - is standard output; %p %t %n: pid, time, program" },
	{ "format", 'f', KIND_TEXT, HEAP_DUMP, INTO(format), "NAME",
	  "heapsnapshot, psheap or jsonl; else by FILE's suffix" },
	{ "in-process", 0, KIND_FLAG, HEAP_DUMP, INTO(in_process), NULL,
	  "make no copy: needs no memory, but the process stands meanwhile" },
	{ "values", 0, KIND_FLAG, HEAP_DUMP, INTO(values), NULL,
	  "also what is in strings and numbers: mind secrets" },
	{ "all", 'a', KIND_FLAG, LS, INTO(all), NULL,
	  "search every process, also those without a sign of Python: slow" },
	{ "code", 'c', KIND_TEXT, EXEC, INTO(code), "CODE", "run CODE instead of a script" },
	{ "thread", 0, KIND_TEXT, EXEC | DEBUG, INTO(thread), "WHICH",
	  "in which thread: any that executes Python (default), main, or a thread's id" },
	{ "timeout", 0, KIND_DURATION, EXEC | DEBUG | HEAP_DUMP, INTO(timeout_ns), "TIME",
	  "give up if it is not picked up, or then not done, in that time; see below" },
	{ "detach", 0, KIND_FLAG, EXEC, INTO(detach), NULL,
	  "return as soon as it runs; its output goes where the target's goes" },
	{ "wake", 0, KIND_FLAG, EXEC | DEBUG, INTO(wake), NULL,
	  "stop and continue the target until it is picked up: ends waits for events early" },
	{ "verbose", 'v', KIND_FLAG, BOTH | EXEC, INTO(verbose), NULL,
	  "say more about what is done" },
	{ "json", 'j', KIND_FLAG, LS | DOCTOR | SUMMARY, INTO(json), NULL,
	  "JSON for programs to read" },
	{ "quiet", 'q', KIND_FLAG, BOTH | LS | DEBUG | HEAP | HEAP_DUMP, INTO(quiet), NULL,
	  "no words but errors" },
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
	  "The thread is stopped where it is; the others run on. `c` lets it run on, and Ctrl-C\n"
	  "stops it again. After `q`, Ctrl-D, or any other end of pysample, the program goes on "
	  "as\n"
	  "it was. Commands may also come from a pipe. --timeout (10s) is for the thread to stop.\n"
	  "Exit code 0: left; 1: it failed; 3: not stopped, or the program ended; 4: not "
	  "permitted." },
	{ "heap dump", COMMAND_HEAP_DUMP, "pysample heap dump [OPTIONS] PID",
	  "Writes all objects of a Python process, with what refers to what, for Chrome's "
	  "DevTools\n"
	  "or for the verbs below. The process forks, and the copy is looked at: it stands for\n"
	  "milliseconds. It runs code in the process, as exec does." },
	{ "heap summary", COMMAND_HEAP_SUMMARY, "pysample heap summary [OPTIONS] FILE",
	  "Tells what is in a heap dump: the types of its objects, how many there are, their own\n"
	  "size, and what they retain, that is what would be freed with them." },
	{ "heap diff", COMMAND_HEAP_DIFF, "pysample heap diff [OPTIONS] BEFORE AFTER",
	  "Tells what grew from one heap dump of a process to a later one, and what keeps it." },
	{ "heap path", COMMAND_HEAP_PATH, "pysample heap path [OPTIONS] FILE TYPE|ID",
	  "Tells why objects are alive: the shortest ways from a root to one object, or to the\n"
	  "objects of a type." },
	{ "heap flame", COMMAND_HEAP_FLAME, "pysample heap flame [OPTIONS] FILE",
	  "Writes a flamegraph of retained sizes: each frame stands for what would be freed with "
	  "it." },
	{ "heap convert", COMMAND_HEAP_CONVERT, "pysample heap convert [OPTIONS] FILE -o OUTPUT",
	  "Writes a heap dump in another format: .heapsnapshot for Chrome's DevTools, VS Code and\n"
	  "memlab, or .jsonl, a line of JSON for each object." },
};
enum { NCOMMANDS = sizeof commands / sizeof *commands };

/* --- values --- */

bool options_parse_rate(const char *text, double *ret)
{
	const char *unit;
	double v;

	if (strcmp(text, "max") == 0) {
		*ret = 0;
		return true;
	}
	if (!number_parse(text, &v, &unit))
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
	else if (row->kind == KIND_LIST)
		ps_hint(err, "at most %d of them are possible", OPTIONS_LIST_MAX);
	else if (row->kind == KIND_COUNT)
		ps_hint(err, "give a whole number above 0");
	else
		ps_hint(err, "give the number of a process");
	return PS_USAGE;
}

static enum ps_status set_value(const struct option_row *row, char *value, struct options *o,
				struct ps_err *err)
{
	char *at = (char *)o + row->into;
	bool good = true;
	int count = 0;

	switch (row->kind) {
	case KIND_FLAG:
		*(bool *)at = true;
		break;
	case KIND_TEXT:
		*(const char **)at = value;
		break;
	case KIND_LIST: /* there is one */
		good = o->nheap_dumps < OPTIONS_LIST_MAX;
		if (good)
			((const char **)at)[o->nheap_dumps++] = value;
		break;
	case KIND_PID:
		good = parse_pid(value, (int *)at);
		break;
	case KIND_COUNT:
		good = parse_pid(value, &count); /* the same numbers will do */
		*(uint32_t *)at = (uint32_t)count;
		break;
	case KIND_RATE:
		good = options_parse_rate(value, (double *)at);
		break;
	case KIND_DURATION:
		good = duration_parse(value, (uint64_t *)at);
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
		ps_fail(err, PS_USAGE, "which process? %s is given",
			o->command == COMMAND_RECORD ? "Neither a PID nor a command" : "No PID");
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
	if (o->command & COMMANDS_OF_HEAP)
		return options_heap_operands(argv + optind, argc - optind, behind, o, err);
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

/* The command that the first word names, or the first two ("heap summary"); how many words. */
static int find_command(int argc, char **argv, enum command *ret)
{
	for (int i = 0; i < NCOMMANDS; i++) {
		const char *blank = strchr(commands[i].name, ' ');
		size_t n = blank ? (size_t)(blank - commands[i].name) : strlen(commands[i].name);

		if (strlen(argv[1]) != n || memcmp(argv[1], commands[i].name, n) != 0 ||
		    (blank && (argc < 3 || strcmp(argv[2], blank + 1) != 0)))
			continue;
		*ret = commands[i].command;
		return blank ? 2 : 1;
	}
	return 0;
}

enum ps_status options_parse(int argc, char **argv, struct options *ret, struct ps_err *err)
{
	struct options o = { .rate = 1000 };
	char **behind;
	int words;

	if (argc < 2) {
		o.help = true;
		*ret = o;
		return PS_OK;
	}
	words = find_command(argc, argv, &o.command);
	if (!words && strcmp(argv[1], "heap") == 0) {
		PS_TRY(options_heap_verbless(argc, argv, &o, err));
		*ret = o;
		return PS_OK;
	}
	if (!words) {
		o.help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
			 strcmp(argv[1], "help") == 0;
		o.version = strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0;
		if (!o.help && !o.version)
			return unknown_command(argv[1], err);
		*ret = o;
		return PS_OK;
	}
	argc -= words;
	argv += words;
	behind = o.command == COMMAND_EXEC ? NULL : split_at_dashes(&argc, argv);
	PS_TRY(parse_options(argc, argv, &o, err));
	PS_TRY(resolve_mode(&o, err));
	PS_TRY(parse_rest(argc, argv, behind, &o, err));
	if (!o.help && !o.version)
		PS_TRY(options_heap_check(&o, err));
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
		if (command == COMMAND_RECORD || command == COMMAND_HEAP_FLAME)
			print_formats(out);
		return;
	}
	if (command) {
		fputs("Heap dumps.\n", out);
		for (int i = 0; i < NCOMMANDS; i++) {
			if (commands[i].command & command)
				fprintf(out, "\n  %s\n%s\n", commands[i].usage, commands[i].help);
		}
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
