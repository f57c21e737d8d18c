/* SPDX-License-Identifier: MIT */
/* profiler/checks_rows.h - the tests of the table in checks.c, which alone is to call them. */
#ifndef PROFILER_CHECKS_ROWS_H
#define PROFILER_CHECKS_ROWS_H

#include "profiler/checks.h"

/* Writes the message, keeps the hint, returns v: a test's answer is one statement. */
enum verdict check_say(struct ps_err *say, enum verdict v, const char *fmt, ...) PS_PRINTF(3, 4);
/* Does any check before that of the security modules forbid it? Then they need no blame. */
bool checks_explain(const struct diagnosis *d);

/* checks_access.c: may this process look into that one? */
enum verdict check_own_proc(const struct diagnosis *d, struct ps_err *say);
enum verdict check_seen(const struct diagnosis *d, struct ps_err *say);
enum verdict check_alive(const struct diagnosis *d, struct ps_err *say);
enum verdict check_user(const struct diagnosis *d, struct ps_err *say);
enum verdict check_user_namespace(const struct diagnosis *d, struct ps_err *say);
enum verdict check_dumpable(const struct diagnosis *d, struct ps_err *say);
enum verdict check_capabilities(const struct diagnosis *d, struct ps_err *say);
enum verdict check_yama(const struct diagnosis *d, struct ps_err *say);
enum verdict check_modules(const struct diagnosis *d, struct ps_err *say);
enum verdict check_memory(const struct diagnosis *d, struct ps_err *say);
enum verdict check_pid_namespace(const struct diagnosis *d, struct ps_err *say);
enum verdict check_mount_namespace(const struct diagnosis *d, struct ps_err *say);
enum verdict check_seccomp(const struct diagnosis *d, struct ps_err *say);
enum verdict check_tracer(const struct diagnosis *d, struct ps_err *say);
enum verdict check_ptrace(const struct diagnosis *d, struct ps_err *say);

/* checks_inside.c: what is in it, and can code be run there? */
enum verdict check_interpreter(const struct diagnosis *d, struct ps_err *say);
enum verdict check_version(const struct diagnosis *d, struct ps_err *say);
enum verdict check_started(const struct diagnosis *d, struct ps_err *say);
enum verdict check_runtime(const struct diagnosis *d, struct ps_err *say);
enum verdict check_way_in(const struct diagnosis *d, struct ps_err *say);
enum verdict check_hooks(const struct diagnosis *d, struct ps_err *say);
enum verdict check_remote_debug(const struct diagnosis *d, struct ps_err *say);
enum verdict check_writing(const struct diagnosis *d, struct ps_err *say);
enum verdict check_at_work(const struct diagnosis *d, struct ps_err *say);

#endif
