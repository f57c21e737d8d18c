/* SPDX-License-Identifier: MIT */
/* profiler/denied.h - which one thing is in the way when the kernel says no. */
#ifndef PROFILER_DENIED_H
#define PROFILER_DENIED_H

#include "profiler/error.h"

/* Writes the first of the checks (checks.h) that forbids this process to read pid's memory,
 * with what helps as hint. Always returns PS_DENIED. */
enum ps_status denied_explain(int pid, struct ps_err *err);
/* The same of stopping it by ptrace, which failed with that errno. */
enum ps_status denied_stopping(int pid, int error, struct ps_err *err);

#endif
