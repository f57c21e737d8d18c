/* SPDX-License-Identifier: MIT */
#include "profiler/options.h"

#include "profiler/options_rows.h"

#include <string.h>

static void print_rows(unsigned command, FILE *out)
{
	fputs("\nOptions:\n", out);
	for (int i = 0; i < OPTION_ROWS; i++) {
		char left[64], letter[8] = "   ";

		if (!(option_rows[i].commands & command))
			continue;
		if (option_rows[i].letter)
			snprintf(letter, sizeof letter, "-%c,", option_rows[i].letter);
		snprintf(left, sizeof left, "%s --%s%s%s", letter, option_rows[i].name,
			 option_rows[i].metavar ? " " : "",
			 option_rows[i].metavar ? option_rows[i].metavar : "");
		fprintf(out, "  %-22s %s\n", left, option_rows[i].help);
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
	for (int i = 0; i < OPTION_COMMANDS; i++) {
		if (option_commands[i].command != command)
			continue;
		fprintf(out, "Usage: %s\n\n%s\n", option_commands[i].usage,
			option_commands[i].help);
		print_rows(command, out);
		if (command == COMMAND_RECORD || command == COMMAND_HEAP_FLAME)
			print_formats(out);
		return;
	}
	if (command) {
		fputs("Heap dumps.\n", out);
		for (int i = 0; i < OPTION_COMMANDS; i++) {
			if (strncmp(option_commands[i].name, "heap ", 5) == 0)
				fprintf(out, "\n  %s\n%s\n", option_commands[i].usage,
					option_commands[i].help);
		}
		return;
	}
	fputs("pysample - a profiler for Python programs that are already running\n\nUsage:\n",
	      out);
	for (int i = 0; i < OPTION_COMMANDS; i++)
		fprintf(out, "       %s\n", option_commands[i].usage);
	fputs("\n`pysample COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 2 usage,\n"
	      "3 the target ended (or was no Python) before a sample could be taken,\n"
	      "4 not permitted; a started command's own status otherwise.\n",
	      out);
}
