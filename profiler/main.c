/* SPDX-License-Identifier: MIT */
#include "profiler/commands.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* A file of ours must never get the number of a standard one that we were started without:
 * what is printed would go into it. */
static void have_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct options o;
	struct ps_err err = { 0 };
	enum ps_status st;

	have_standard_files();
	st = options_parse(argc, argv, &o, &err);
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
	case COMMAND_HEAP_DUMP:
		return cmd_heap_dump(&o);
	case COMMAND_HEAP_SUMMARY:
	case COMMAND_HEAP_DIFF:
	case COMMAND_HEAP_PATH:
	case COMMAND_HEAP_FLAME:
	case COMMAND_HEAP_CONVERT:
		return cmd_heap(&o);
	}
	return EXIT_USAGE;
}
