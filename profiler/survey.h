/* SPDX-License-Identifier: MIT */
/* profiler/survey.h - the Python processes of this machine.
 *
 * Every process is asked for a sign first, which costs a file of /proc and, for each file of
 * the machine that is mapped, one look at its sections and dynamic symbols. Only what shows
 * a sign is looked into: a mapped file with a .PyRuntime section or a symbol of CPython or
 * PyPy, or a name as theirs. A process that may not be looked into has a name alone. */
#ifndef PROFILER_SURVEY_H
#define PROFILER_SURVEY_H

#include "profiler/container.h"
#include "profiler/identity.h"
#include "profiler/proc.h"

enum { SURVEY_COMMAND_MAX = 1024 };

struct survey_process {
	int pid;
	uint32_t uid, threads;
	struct identity identity;
	bool has_container;
	struct container container;
	bool inner_pids;         /* in a pid namespace inside of ours, */
	int inner_pid;           /* where it has this id */
	char root[128];          /* a root folder of its own; empty: none, or not known */
	bool known;              /* it could be looked into */
	const char *no_sample;   /* why it cannot be sampled, in a word or two; NULL: it can */
	const char *no_exec;     /* and why no code can be run in it */
	char detail[PS_MSG_MAX]; /* of no_sample, else of no_exec: the same at length */
	char *command;
};

struct survey {
	struct survey_process *v;
	size_t n, cap;
	size_t processes; /* that were there, threads of the kernel left out */
	size_t unknown;   /* of them: may not be looked into, and are not called as a Python */
	bool hidden;      /* /proc is mounted so that it does not show us others' (hidepid) */
};

/* all: search every process, its memory, too. Sorted by pid. PS_NOMEM, PS_IO, PS_DENIED. */
enum ps_status survey_take(bool all, struct survey *ret, struct ps_err *err) PS_MUST_USE;
void survey_free(struct survey *s);

#endif
