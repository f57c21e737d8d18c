/* SPDX-License-Identifier: MIT */
/* profiler/python_args.h - what a Python was told when it was started: its own options, and
 * its environment. Pure: the bytes of /proc/PID/cmdline and /proc/PID/environ. */
#ifndef PROFILER_PYTHON_ARGS_H
#define PROFILER_PYTHON_ARGS_H

#include <stdbool.h>
#include <stddef.h>

struct python_args {
	bool disables_remote_debug; /* -X disable-remote-debug */
	bool ignores_environment;   /* -E, -I */
};

/* Options end where the interpreter's do: at the script, -c, -m, - or --. */
void python_args_parse(const char *cmdline, size_t len, struct python_args *ret);

/* Is there such a variable? *ret_empty: with no value. */
bool environ_find(const char *environment, size_t len, const char *name, bool *ret_empty);

#endif
