/* SPDX-License-Identifier: MIT */
#include "profiler/duration.h"
#include "profiler/options.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS = 24 };

struct parsed {
	struct options o;
	struct ps_err err;
	enum ps_status st;
	char *argv[ARGS + 1];
};

/* The words of a line, apart by spaces. */
/* argv must stay where it is: options point into it. */
static struct parsed *parse(const char *line)
{
	struct parsed *p = calloc(1, sizeof *p);
	char *copy = strdup(line), *save = NULL;
	int argc = 0;

	for (char *w = strtok_r(copy, " ", &save); w && argc < ARGS; w = strtok_r(NULL, " ", &save))
		p->argv[argc++] = strdup(w);
	free(copy);
	p->st = options_parse(argc, p->argv, &p->o, &p->err);
	return p;
}

static void drop(struct parsed *p)
{
	for (int i = 0; i < ARGS; i++)
		free(p->argv[i]);
	free(p);
}

Test(options, refuses_bad_input_and_says_what_would_do)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{ "pysample record -r 0 1", "--rate: '0' is not possible" },
		{ "pysample record -r 1e9 1", "--rate: '1e9'" },
		{ "pysample record -r -5 1", "--rate: '-5'" },
		{ "pysample record -r nan 1", "--rate: 'nan'" },
		{ "pysample record -r inf 1", "--rate" },
		{ "pysample record -r 10x 1", "--rate" },
		{ "pysample record -r 0x10 1", "--rate" },
		{ "pysample record -r 2000k 1", "--rate" },
		{ "pysample record -d -1 1", "--duration: '-1'" },
		{ "pysample record -d 0 1", "--duration: '0'" },
		{ "pysample record -d 10y 1", "--duration" },
		{ "pysample record -d s 1", "--duration" },
		{ "pysample record -d 1e300 1", "--duration" },
		{ "pysample record -d 0.1ns 1", "--duration" },
		{ "pysample record --duration=-1s 1", "--duration: '-1s'" },
		{ "pysample record", "which process" },
		{ "pysample record --", "which process" },
		{ "pysample record abc", "'abc' is not a PID" },
		{ "pysample record 0", "'0' is not a PID" },
		{ "pysample record 12x", "'12x' is not a PID" },
		{ "pysample record 99999999999", "is not a PID" },
		{ "pysample record -p 0", "--pid" },
		{ "pysample record -p abc", "--pid: 'abc'" },
		{ "pysample record -p 1 2", "'2' is one too many" },
		{ "pysample record 1 2", "'2' is one too many" },
		{ "pysample record -o", "-o needs a value" },
		{ "pysample record --output", "--output needs a value" },
		{ "pysample record --mode", "--mode needs a value" },
		{ "pysample record --mode on 1", "--mode: 'on' is not possible" },
		{ "pysample record --mode WALL 1", "--mode: 'WALL'" },
		{ "pysample record --mode= 1", "--mode: ''" },
		{ "pysample record --mode cp 1", "--mode: 'cp'" },
		{ "pysample record -g --mode cpu 1", "-g and --mode cpu" },
		{ "pysample record --mode wall -g 1", "-g and --mode wall" },
		{ "pysample dump --mode cpu 1", "no option --mode" },
		{ "pysample dump --no-gc 1", "no option --no-gc" },
		{ "pysample record --bogus 1", "no option --bogus" },
		{ "pysample record -Z 1", "no option -Z" },
		{ "pysample dump -r 10 1", "no option -r" },
		{ "pysample dump -- python", "takes a PID" },
		{ "pysample dump", "which process" },
		{ "pysample doctor", "which process" },
		{ "pysample doctor x", "'x' is not a PID" },
		{ "pysample doctor 1 2", "'2' is one too many" },
		{ "pysample doctor -- python", "takes a PID" },
		{ "pysample doctor -a 1", "no option -a for doctor" },
		{ "pysample ls 1", "ls takes no argument, and '1' is one" },
		{ "pysample ls -- x", "ls takes no argument" },
		{ "pysample ls -p 1", "no option -p for ls" },
		{ "pysample dump -j 1", "no option -j for dump" },
		{ "pysample 1234", "what is to be done with process 1234" },
		{ "pysample recrod 1", "no command 'recrod'" },
		{ "pysample heap", "what is to be done" },
		{ "pysample heap sumary x", "no command 'heap sumary'" },
		{ "pysample summary x", "no command 'summary'" },
		{ "pysample heap summary", "something is missing" },
		{ "pysample heap summary a b", "'b' is one too many" },
		{ "pysample heap summary a -- b", "'b' is one too many" },
		{ "pysample heap summary -n 0 a", "--limit: '0' is not possible" },
		{ "pysample heap summary -s name a", "--sort: 'name' is not possible" },
		{ "pysample heap diff a", "something is missing" },
		{ "pysample heap path a", "something is missing" },
		{ "pysample heap path -j a b", "no option -j for heap path" },
		{ "pysample heap flame -n 3 a", "no option -n for heap flame" },
		{ "pysample heap convert a", "where is it to be written" },
		{ "pysample record -n 3 1", "no option -n for record" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct parsed *p = parse(bad[i].line);

		cr_expect_eq(p->st, PS_USAGE, "%s", bad[i].line);
		cr_expect(strstr(p->err.msg, bad[i].says), "%s: %s", bad[i].line, p->err.msg);
		cr_expect(p->err.hint[0] || strstr(p->err.msg, "takes a PID"), "%s: no hint",
			  bad[i].line);
		drop(p);
	}
}

Test(options, takes_a_pid_in_every_form)
{
	static const char *const lines[] = {
		"pysample record 4242",       "pysample record -p 4242",
		"pysample record -p4242",     "pysample record --pid 4242",
		"pysample record --pid=4242", "pysample record -- 4242x",
		"pysample record 4242 -q",    "pysample dump 4242"
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct parsed *p = parse(lines[i]);

		cr_assert_eq(p->st, PS_OK, "%s: %s", lines[i], p->err.msg);
		if (i == 5)
			cr_expect(p->o.start && strcmp(p->o.start[0], "4242x") == 0);
		else
			cr_expect_eq(p->o.pid, 4242, "%s", lines[i]);
		drop(p);
	}
}

Test(options, what_follows_two_dashes_is_the_program_untouched)
{
	struct parsed *p = parse("pysample record -d 5s -t -- python -r 0 --help -- x");

	cr_assert_eq(p->st, PS_OK, "%s", p->err.msg);
	cr_expect_eq(p->o.duration_ns, 5000000000u);
	cr_expect(p->o.view.threads);
	cr_expect_not(p->o.help);
	cr_expect_eq(p->o.rate, 1000);
	cr_assert(p->o.start);
	cr_expect_str_eq(p->o.start[0], "python");
	cr_expect_str_eq(p->o.start[1], "-r");
	cr_expect_str_eq(p->o.start[3], "--help");
	cr_expect_str_eq(p->o.start[5], "x");
	cr_expect_null(p->o.start[6]);
	drop(p);
}

Test(options, takes_every_option)
{
	struct parsed *p =
		parse("pysample record -o out.html -f collapsed -d 1m -r 10k -t -F -i -g "
		      "--no-gc --blocking -q -v 7");

	cr_assert_eq(p->st, PS_OK, "%s", p->err.msg);
	cr_expect_str_eq(p->o.output, "out.html");
	cr_expect_str_eq(p->o.format, "collapsed");
	cr_expect_eq(p->o.duration_ns, 60000000000u);
	cr_expect_eq(p->o.rate, 10000);
	cr_expect(p->o.view.threads && p->o.view.functions && p->o.view.idle && p->o.gil &&
		  p->o.view.mode == MODE_GIL);
	cr_expect(p->o.view.no_gc && p->o.blocking && p->o.quiet && p->o.verbose);
	cr_expect_eq(p->o.pid, 7);
	drop(p);
}

Test(options, verbs_of_two_words_take_files)
{
	static const struct {
		const char *line, *second;
		enum command command;
	} lines[] = {
		{ "pysample heap summary a.psheap", NULL, COMMAND_HEAP_SUMMARY },
		{ "pysample heap summary -s size -n 5 -j -- a.psheap", NULL, COMMAND_HEAP_SUMMARY },
		{ "pysample heap diff -q a.psheap b.psheap", "b.psheap", COMMAND_HEAP_DIFF },
		{ "pysample heap path a.psheap -n 3 0x7f00", "0x7f00", COMMAND_HEAP_PATH },
		{ "pysample heap path -- a.psheap -x", "-x", COMMAND_HEAP_PATH },
		{ "pysample heap flame a.psheap -o f.html", NULL, COMMAND_HEAP_FLAME },
		{ "pysample heap convert a.psheap -o - -f jsonl", NULL, COMMAND_HEAP_CONVERT },
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct parsed *p = parse(lines[i].line);

		cr_assert_eq(p->st, PS_OK, "%s: %s", lines[i].line, p->err.msg);
		cr_expect_eq(p->o.command, lines[i].command);
		cr_expect_str_eq(p->o.operands[0], "a.psheap");
		cr_expect((p->o.operands[1] == NULL) == (lines[i].second == NULL));
		if (lines[i].second)
			cr_expect_str_eq(p->o.operands[1], lines[i].second);
		drop(p);
	}
}

Test(options, modes_by_name)
{
	static const struct {
		const char *line;
		enum view_mode mode;
	} rows[] = { { "pysample record 1", MODE_WALL },
		     { "pysample record --mode wall 1", MODE_WALL },
		     { "pysample record --mode cpu 1", MODE_CPU },
		     { "pysample record --mode=gil 1", MODE_GIL },
		     { "pysample record --mode exception 1", MODE_EXCEPTION },
		     { "pysample record --mode cpu --mode exception 1", MODE_EXCEPTION },
		     { "pysample record -g 1", MODE_GIL },
		     { "pysample record --mode gil -g 1", MODE_GIL },
		     { "pysample dump -g 1", MODE_GIL },
		     { "pysample dump 1", MODE_WALL } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct parsed *p = parse(rows[i].line);

		cr_assert_eq(p->st, PS_OK, "%s: %s", rows[i].line, p->err.msg);
		cr_expect_eq(p->o.view.mode, rows[i].mode, "%s", rows[i].line);
		cr_expect_not(p->o.view.no_gc);
		drop(p);
	}
	for (unsigned m = 0; m < NMODES; m++)
		cr_expect(view_mode_name(m)[0]);
}

Test(options, of_ls_and_doctor)
{
	struct parsed *p = parse("pysample ls -a --json -q");

	cr_assert_eq(p->st, PS_OK, "%s", p->err.msg);
	cr_expect_eq(p->o.command, COMMAND_LS);
	cr_expect(p->o.all && p->o.json && p->o.quiet);
	drop(p);
	p = parse("pysample ls");
	cr_assert_eq(p->st, PS_OK, "%s", p->err.msg);
	cr_expect_not(p->o.all || p->o.json);
	drop(p);
	p = parse("pysample doctor -j 77");
	cr_assert_eq(p->st, PS_OK, "%s", p->err.msg);
	cr_expect_eq(p->o.command, COMMAND_DOCTOR);
	cr_expect_eq(p->o.pid, 77);
	cr_expect(p->o.json);
	drop(p);
}

Test(options, help_and_version_need_nothing_else)
{
	static const struct {
		const char *line;
		bool version;
	} rows[] = { { "pysample", false },           { "pysample --help", false },
		     { "pysample -h", false },        { "pysample help", false },
		     { "pysample --version", true },  { "pysample -V", true },
		     { "pysample record -h", false }, { "pysample dump --help", false },
		     { "pysample record -V", true },  { "pysample heap --help", false },
		     { "pysample heap -h", false },   { "pysample heap diff --help", false } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct parsed *p = parse(rows[i].line);

		cr_assert_eq(p->st, PS_OK, "%s", rows[i].line);
		cr_expect_eq(p->o.version, rows[i].version);
		cr_expect_eq(p->o.help, !rows[i].version);
		drop(p);
	}
}

Test(options, durations_in_their_units)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = { { "500ms", 500000000 },  { "10s", 10000000000 },
		     { "2m", 120000000000 },  { "2min", 120000000000 },
		     { "1h", 3600000000000 }, { "3", 3000000000 },
		     { "0.5", 500000000 },    { ".5s", 500000000 },
		     { "100us", 100000 },     { "1ns", 1 },
		     { "1e1s", 10000000000 } };
	static const char *const bad[] = { "",  "0",    "-1",   "+1",  "1 s", " 1", "1S",
					   "s", "1e9h", "0x1s", "nan", "inf", ".",  "1ss" };
	uint64_t ns = 77;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_not(duration_parse(bad[i], &ns), "'%s'", bad[i]);
	cr_expect_eq(ns, 77, "unchanged on failure");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cr_expect(duration_parse(rows[i].text, &ns), "'%s'", rows[i].text);
		cr_expect_eq(ns, rows[i].ns, "'%s'", rows[i].text);
	}
}

Test(options, rates_in_their_units)
{
	static const struct {
		const char *text;
		double rate;
	} rows[] = { { "100", 100 },       { "10k", 10000 },   { "10K", 10000 },
		     { "10khz", 10000 },   { "10kHz", 10000 }, { "99Hz", 99 },
		     { "0.5", 0.5 },       { "0.001", 0.001 }, { "1000000", 1000000 },
		     { "1000k", 1000000 }, { "max", 0 } };
	static const char *const bad[] = { "",    "0",   "-1",  "1000001", "1e9",
					   "nan", "inf", "10m", "k",       "hz",
					   "Max", "1 k", "0x5", "0.0001",  "1000.1k" };
	double rate = 77;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_not(options_parse_rate(bad[i], &rate), "'%s'", bad[i]);
	cr_expect_eq(rate, 77, "unchanged on failure");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cr_expect(options_parse_rate(rows[i].text, &rate), "'%s'", rows[i].text);
		cr_expect_eq(rate, rows[i].rate, "'%s'", rows[i].text);
	}
}

static char *help_of(unsigned command)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	options_print_help(command, out);
	fclose(out);
	return text;
}

Test(options, help_names_every_option_and_format)
{
	static const char *const names[] = {
		"-p, --pid PID", "-o, --output FILE", "-f, --format NAME", "-d, --duration TIME",
		"-r, --rate HZ", "-t, --threads",     "-F, --function",    "-i, --idle",
		"-g, --gil",     "--mode MODE",       "--no-gc",           "--blocking",
		"-q, --quiet",   "-v, --verbose"
	};
	char *record = help_of(COMMAND_RECORD), *dump = help_of(COMMAND_DUMP), *all = help_of(0);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		cr_expect(strstr(record, names[i]), "%s", names[i]);
	for (const struct writer *const *w = writers; *w; w++)
		cr_expect(strstr(record, (*w)->name));
	cr_expect_null(strstr(dump, "--rate"));
	cr_expect(strstr(all, "record") && strstr(all, "dump"));
	free(record);
	free(dump);
	free(all);
}

Test(options, help_of_heap_names_all_its_verbs)
{
	static const char *const verbs[] = {
		"dump", "summary", "diff", "path", "flame", "convert"
	};
	char *heap = help_of(COMMANDS_OF_HEAP);

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		char usage[64];

		snprintf(usage, sizeof usage, "\n  pysample heap %s [OPTIONS]", verbs[i]);
		cr_expect(strstr(heap, usage), "%s", verbs[i]);
	}
	cr_expect_null(strstr(heap, "pysample dump"));
	free(heap);
}

Test(options, exec_takes_its_pid_among_options_and_leaves_the_rest_to_the_script)
{
	static const struct {
		const char *line, *code, *script, *first;
		bool wake;
	} good[] = {
		{ "pysample exec 7 s.py", NULL, "s.py", NULL, false },
		{ "pysample exec --wake 7 s.py --wake -x", NULL, "s.py", "--wake", true },
		{ "pysample exec 7 --wake s.py a", NULL, "s.py", "a", true },
		{ "pysample exec -p 7 s.py a", NULL, "s.py", "a", false },
		{ "pysample exec 7 -", NULL, "-", NULL, false },
		{ "pysample exec 7 -c code --wake", "code", NULL, "--wake", false },
		{ "pysample exec -c code --wake 7 --b", "code", NULL, "--b", true },
		{ "pysample exec -- 7 s.py", NULL, "s.py", NULL, false },
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct parsed *p = parse(good[i].line);

		cr_assert_eq(p->st, PS_OK, "%s: %s", good[i].line, p->err.msg);
		cr_expect_eq(p->o.pid, 7, "%s", good[i].line);
		cr_expect_eq(p->o.wake, good[i].wake, "%s", good[i].line);
		cr_expect(good[i].code ? strcmp(p->o.code, good[i].code) == 0 : !p->o.code, "%s",
			  good[i].line);
		cr_expect(good[i].script ? strcmp(p->o.script, good[i].script) == 0 : !p->o.script,
			  "%s", good[i].line);
		cr_expect(good[i].first ? strcmp(p->o.args[0], good[i].first) == 0 : !p->o.args[0],
			  "%s", good[i].line);
		drop(p);
	}
}

Test(options, debug_takes_a_process_and_which_of_its_threads)
{
	struct parsed *p = parse("pysample debug --thread main --wake --timeout 2s -q 7");

	cr_assert_eq(p->st, PS_OK, "%s", p->err.msg);
	cr_expect_eq(p->o.command, COMMAND_DEBUG);
	cr_expect_eq(p->o.pid, 7);
	cr_expect_str_eq(p->o.thread, "main");
	cr_expect(p->o.wake && p->o.quiet);
	cr_expect_eq(p->o.timeout_ns, 2000000000u);
	drop(p);
	p = parse("pysample debug -- python3 x.py");
	cr_expect_eq(p->st, PS_USAGE);
	drop(p);
}
