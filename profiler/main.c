/* SPDX-License-Identifier: MIT */
#include "profiler/commands.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct options o;
	struct ps_err err = { 0 };
	enum ps_status st = options_parse(argc, argv, &o, &err);

	if (st)
		return command_failed(st, &err);
	if (o.version) {
		puts("pysample " PYSAMPLE_VERSION);
		return EXIT_DONE;
	}
	if (o.help) {
		/* Asked for, it is data; for want of a command, it is a complaint. */
		options_print_help(o.command, argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : EXIT_DONE;
	}
	switch (o.command) {
	case COMMAND_RECORD:
		return cmd_record(&o);
	case COMMAND_DUMP:
		return cmd_dump(&o);
	case COMMAND_LS:
		return cmd_ls(&o);
	case COMMAND_DOCTOR:
		return cmd_doctor(&o);
	case COMMAND_EXEC:
		return cmd_exec(&o);
	case COMMAND_DEBUG:
		return cmd_debug(&o);
	}
	return EXIT_USAGE;
}
