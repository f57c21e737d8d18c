/* SPDX-License-Identifier: MIT */
/* profiler/denied.h - which one thing is in the way when the kernel says no. */
#ifndef PROFILER_DENIED_H
#define PROFILER_DENIED_H

#include "profiler/error.h"

/* Looks at what the kernel checks (ptrace(2), "Ptrace access mode checking"), in its
 * order, and writes the first that forbids this process to read pid's memory, with the
 * command that helps as hint. Always returns PS_DENIED. */
enum ps_status denied_explain(int pid, struct ps_err *err);

#endif
