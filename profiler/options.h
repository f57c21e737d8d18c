/* SPDX-License-Identifier: MIT */
/* profiler/options.h - the command line. Only main.c and cmd_*.c include it. */
#ifndef PROFILER_OPTIONS_H
#define PROFILER_OPTIONS_H

#include "output/writer.h"
#include "profiler/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum command {
	COMMAND_RECORD = 1,
	COMMAND_DUMP = 2,
	COMMAND_LS = 8,
	COMMAND_DOCTOR = 16,
	COMMAND_EXEC = 32,
	COMMAND_DEBUG = 64,
	COMMAND_HEAP_SUMMARY = 256,
	COMMAND_HEAP_DIFF = 512,
	COMMAND_HEAP_PATH = 1024,
	COMMAND_HEAP_FLAME = 2048,
	COMMAND_HEAP_CONVERT = 4096,
	COMMAND_HEAP_DUMP = 8192,
};

enum { OPERANDS_MAX = 2, OPTIONS_LIST_MAX = 16 };

struct options {
	enum command command;
	int pid;              /* 0: none given */
	char **start;         /* command to start, ends with NULL; NULL: none */
	const char *output;   /* NULL: the default name */
	const char *format;   /* NULL: by the output's suffix */
	uint64_t duration_ns; /* 0: until the target ends */
	double rate;          /* samples a second; 0: max */
	bool blocking, quiet, verbose, help, version;
	bool gil;         /* -g: resolved into the view's mode */
	const char *mode; /* as given; NULL: none */
	bool all;         /* ls: also what shows no sign of a Python */
	bool json;        /* data for programs instead of text */
	uint32_t limit;   /* lines of a table; 0: the command's own default */
	const char *sort; /* as given; NULL: none */
	/* heap: as many as the command takes; other commands: none */
	const char *operands[OPERANDS_MAX];
	struct view view;

	const char *code;    /* exec: what to run; NULL: script */
	const char *script;  /* the file that holds it; "-" is standard input */
	char **args;         /* for it; ends with NULL */
	const char *thread;  /* also of debug: "any", "main" or a thread's id; NULL: any */
	uint64_t timeout_ns; /* 0: the default */
	bool detach, wake;
	bool in_process, values; /* heap dump */

	const char *heap_dumps[OPTIONS_LIST_MAX]; /* record: when to take one */
	unsigned nheap_dumps;
	const char *heap_format; /* record: of the dumps; NULL: the default */
};

/* PS_USAGE with the message and its remedy. ret holds pointers into argv. */
enum ps_status options_parse(int argc, char **argv, struct options *ret,
			     struct ps_err *err) PS_MUST_USE;
/* command 0: of the program as a whole; COMMANDS_OF_HEAP: of the verbs of heap. */
enum {
	COMMANDS_OF_HEAP = COMMAND_HEAP_SUMMARY | COMMAND_HEAP_DIFF | COMMAND_HEAP_PATH |
			   COMMAND_HEAP_FLAME | COMMAND_HEAP_CONVERT
};

void options_print_help(unsigned command, FILE *out);

/* "100", "10k", "10khz", "0.5", "max" (0); 0.001 to RATE_MAX. */
bool options_parse_rate(const char *text, double *ret) PS_MUST_USE;

enum { RATE_MAX = 1000000 };

#endif
