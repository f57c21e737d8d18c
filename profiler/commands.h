/* SPDX-License-Identifier: MIT */
/* profiler/commands.h - what each verb does. They print, and return the exit code. */
#ifndef PROFILER_COMMANDS_H
#define PROFILER_COMMANDS_H

#include "profiler/inject.h"
#include "profiler/options.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_SAMPLE = 3, /* the target ended, or was no Python, before one could be taken */
	EXIT_DENIED = 4,
};

int cmd_record(const struct options *o);
int cmd_dump(const struct options *o);
int cmd_ls(const struct options *o);
int cmd_doctor(const struct options *o);
int cmd_exec(const struct options *o);
int cmd_debug(const struct options *o);
int cmd_heap_dump(const struct options *o);
int cmd_heap(const struct options *o); /* all verbs that read dumps */

/* Bytes for what may grow with its input: what leaves this machine something. */
size_t command_memory_bound(void);
/* Columns of the terminal that standard output is; 0 if it is none. */
unsigned command_columns(void);
/* --thread: any, main, or an id. PS_USAGE. */
enum ps_status command_parse_thread(const char *text, enum inject_thread *ret, int *ret_tid,
				    struct ps_err *err) PS_MUST_USE;
/* The code that belongs to a failure. */
enum exit_code command_exit_code(enum ps_status st);

/* "pysample: MESSAGE" and its hint to stderr; returns the exit code that belongs to st. */
int command_failed(enum ps_status st, const struct ps_err *err);

#endif
