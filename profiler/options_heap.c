/* SPDX-License-Identifier: MIT */
#include "profiler/options_heap.h"

#include <string.h>

/* A verb that takes a process (heap dump) has no row here: it is like other commands. */
static const struct {
	enum command command;
	const char *name, *operands; /* as the hint shows them */
	unsigned n;
} verbs[] = {
	{ COMMAND_HEAP_SUMMARY, "summary", "FILE", 1 },
	{ COMMAND_HEAP_DIFF, "diff", "BEFORE AFTER", 2 },
	{ COMMAND_HEAP_PATH, "path", "FILE TYPE|ID", 2 },
	{ COMMAND_HEAP_FLAME, "flame", "FILE", 1 },
	{ COMMAND_HEAP_CONVERT, "convert", "FILE -o OUTPUT", 1 },
};
enum { NVERBS = sizeof verbs / sizeof *verbs };

enum ps_status options_heap_verbless(int argc, char **argv, struct options *o, struct ps_err *err)
{
	const char *given = argc > 2 ? argv[2] : NULL;

	if (given && (strcmp(given, "--help") == 0 || strcmp(given, "-h") == 0)) {
		o->help = true;
		o->command = (enum command)COMMANDS_OF_HEAP;
		return PS_OK;
	}
	if (given)
		ps_fail(err, PS_USAGE, "there is no command 'heap %s'", given);
	else
		ps_fail(err, PS_USAGE, "heap: what is to be done?");
	ps_hint(err, "pysample heap --help lists what there is");
	return PS_USAGE;
}

static enum ps_status wrong_number(unsigned verb, const char *too_many, struct ps_err *err)
{
	if (too_many)
		ps_fail(err, PS_USAGE, "heap %s: '%s' is one too many", verbs[verb].name, too_many);
	else
		ps_fail(err, PS_USAGE, "heap %s: something is missing", verbs[verb].name);
	ps_hint(err, "pysample heap %s %s", verbs[verb].name, verbs[verb].operands);
	return PS_USAGE;
}

enum ps_status options_heap_operands(char **rest, int n, char **behind, struct options *o,
				     struct ps_err *err)
{
	unsigned verb = 0, taken = 0;

	while (verb < NVERBS - 1 && verbs[verb].command != o->command)
		verb++;
	for (int i = 0; i < n || (behind && *behind); i++) {
		const char *one = i < n ? rest[i] : *behind++;

		if (taken == verbs[verb].n)
			return wrong_number(verb, one, err);
		o->operands[taken++] = one;
	}
	return taken == verbs[verb].n ? PS_OK : wrong_number(verb, NULL, err);
}

enum ps_status options_heap_check(const struct options *o, struct ps_err *err)
{
	if (o->command == COMMAND_HEAP_CONVERT && !o->output) {
		ps_fail(err, PS_USAGE, "heap convert: where is it to be written?");
		ps_hint(err, "-o NAME.heapsnapshot, or -o NAME.jsonl");
		return PS_USAGE;
	}
	if (!o->sort || strcmp(o->sort, "retained") == 0 || strcmp(o->sort, "size") == 0 ||
	    strcmp(o->sort, "count") == 0)
		return PS_OK;
	ps_fail(err, PS_USAGE, "--sort: '%s' is not possible", o->sort);
	ps_hint(err, "give retained, size or count");
	return PS_USAGE;
}
