/* SPDX-License-Identifier: MIT */
/* profiler/options_heap.h - what the command line of `pysample heap` has of its own: verbs of
 * two words, and files in place of a process. Only options.c includes it. */
#ifndef PROFILER_OPTIONS_HEAP_H
#define PROFILER_OPTIONS_HEAP_H

#include "profiler/options.h"

/* "heap" that no verb follows, but perhaps --help. */
enum ps_status options_heap_verbless(int argc, char **argv, struct options *o,
				     struct ps_err *err) PS_MUST_USE;
/* What is left of the options, and what stood behind "--" (or NULL): the operands. */
enum ps_status options_heap_operands(char **rest, int n, char **behind, struct options *o,
				     struct ps_err *err) PS_MUST_USE;
/* --sort has one of its values. */
enum ps_status options_heap_check(const struct options *o, struct ps_err *err) PS_MUST_USE;

#endif
