/* SPDX-License-Identifier: MIT */
/* profiler/options_rows.h - the tables that the parser and --help go by. Only options*.c include
 * it. */
#ifndef PROFILER_OPTIONS_ROWS_H
#define PROFILER_OPTIONS_ROWS_H

#include "profiler/options.h"

#include <stddef.h>

enum option_kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_LIST,
	KIND_PID,
	KIND_RATE,
	KIND_DURATION,
	KIND_COUNT
};

struct option_row {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	unsigned commands;
	size_t into;
	const char *metavar;
	const char *help;
};

struct option_command {
	const char *name;
	enum command command;
	const char *usage, *help;
};

enum { OPTION_ROWS = 35, OPTION_COMMANDS = 12 };

extern const struct option_row option_rows[OPTION_ROWS];
extern const struct option_command option_commands[OPTION_COMMANDS];

#endif
