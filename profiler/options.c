/* SPDX-License-Identifier: MIT */
#include "profiler/options.h"

#include "profiler/duration.h"
#include "profiler/options_heap.h"
#include "profiler/options_rows.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_BASE = 256 };

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
		ps_hint(err, "give samples a second from 0.001 up to %d, as 100 or 10k, or max",
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
	if (!(command & COMMAND_EXEC))
		letters--;
	*letters++ = ':'; /* tell a missing value from an unknown option */
	for (int i = 0; i < OPTION_ROWS; i++) {
		if (!(option_rows[i].commands & command))
			continue;
		*longs++ = (struct option){ option_rows[i].name,
					    option_rows[i].kind == KIND_FLAG ? no_argument
									     : required_argument,
					    NULL, LONG_BASE + i };
		if (option_rows[i].letter) {
			*letters++ = option_rows[i].letter;
			if (option_rows[i].kind != KIND_FLAG)
				*letters++ = ':';
		}
	}
	*letters = '\0';
	*longs = (struct option){ 0 };
}

static const struct option_row *find_row(unsigned command, int opt)
{
	if (opt >= LONG_BASE)
		return &option_rows[opt - LONG_BASE];
	for (int i = 0; i < OPTION_ROWS; i++) {
		if (option_rows[i].letter == opt && (option_rows[i].commands & command))
			return &option_rows[i];
	}
	return NULL;
}

static const char *command_name(enum command c)
{
	for (int i = 0; i < OPTION_COMMANDS; i++) {
		if (option_commands[i].command == c)
			return option_commands[i].name;
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
	char letters[2 * OPTION_ROWS + 3];
	struct option longs[OPTION_ROWS + 1];
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
	for (int i = 0; i < OPTION_COMMANDS; i++) {
		const char *blank = strchr(option_commands[i].name, ' ');
		size_t n = blank ? (size_t)(blank - option_commands[i].name)
				 : strlen(option_commands[i].name);

		if (strlen(argv[1]) != n || memcmp(argv[1], option_commands[i].name, n) != 0 ||
		    (blank && (argc < 3 || strcmp(argv[2], blank + 1) != 0)))
			continue;
		*ret = option_commands[i].command;
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
