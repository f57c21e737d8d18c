/* SPDX-License-Identifier: MIT */
#include "profiler/checks_rows.h"

#include <stdarg.h>
#include <stdio.h>

const struct check checks[] = {
	/* clang-format off */
	/* name              brief             stage       status     rule */
	{ "/proc",           "wrong /proc",    STAGE_LOOK, PS_DENIED, false, check_own_proc },
	{ "visible",         "hidden",         STAGE_LOOK, PS_DENIED, false, check_seen },
	{ "process",         "ended",          STAGE_LOOK, PS_GONE,   false, check_alive },
	{ "user",            "other user",     STAGE_LOOK, PS_DENIED, true,  check_user },
	{ "user namespace",  "user namespace", STAGE_LOOK, PS_DENIED, true,  check_user_namespace },
	{ "dumpable",        "not dumpable",   STAGE_LOOK, PS_DENIED, true,  check_dumpable },
	{ "capabilities",    "capabilities",   STAGE_LOOK, PS_DENIED, true,  check_capabilities },
	{ "ptrace scope",    "ptrace scope",   STAGE_LOOK, PS_DENIED, true,  check_yama },
	{ "security module", "refused",        STAGE_LOOK, PS_DENIED, false, check_modules },
	{ "memory",          "refused",        STAGE_LOOK, PS_DENIED, false, check_memory },
	{ "seccomp",         "",               STAGE_LOOK, PS_DENIED, false, check_seccomp },
	{ "pid namespace",   "",               STAGE_LOOK, PS_DENIED, false, check_pid_namespace },
	{ "mount namespace", "",               STAGE_LOOK, PS_DENIED, false, check_mount_namespace },
	{ "interpreter",     "no Python",      STAGE_SAMPLE, PS_NOT_PYTHON,  false, check_interpreter },
	{ "version",         "not yet",        STAGE_SAMPLE, PS_UNSUPPORTED, false, check_version },
	{ "started",         "not running",    STAGE_SAMPLE, PS_NOT_READY,   false, check_started },
	{ "runtime",         "unreadable",     STAGE_SAMPLE, PS_FORMAT,      false, check_runtime },
	{ "tracer",          "traced",         STAGE_STOP, PS_DENIED, false, check_tracer },
	{ "ptrace",          "no ptrace",      STAGE_STOP, PS_DENIED, false, check_ptrace },
	{ "way in",          "not yet",        STAGE_EXEC, PS_UNSUPPORTED, false, check_way_in },
	{ "remote debugging", "disabled",      STAGE_EXEC, PS_DENIED, false, check_remote_debug },
	{ "audit hooks",     "audit hooks",    STAGE_EXEC, PS_DENIED, false, check_hooks },
	{ "writing",         "no writing",     STAGE_EXEC, PS_DENIED, false, check_writing },
	{ "at work",         "",               STAGE_EXEC, PS_NOT_READY, false, check_at_work },
	/* clang-format on */
};
const unsigned nchecks = sizeof checks / sizeof *checks;

enum verdict check_say(struct ps_err *say, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(say->msg, sizeof say->msg, fmt, ap);
	va_end(ap);
	return v;
}

enum verdict check_run(const struct check *c, const struct diagnosis *d, struct ps_err *say)
{
	enum verdict v;

	*say = (struct ps_err){ 0 };
	v = c->test(d, say);
	/* What the rules say and what the kernel does are two; the second counts. */
	if (v == VERDICT_BAD && c->rule && d->situation.open_error == 0)
		v = VERDICT_NOTE;
	if (v != VERDICT_BAD && v != VERDICT_NOTE)
		say->hint[0] = '\0';
	return v;
}

const struct check *checks_first_bad(const struct diagnosis *d, enum stage stage,
				     struct ps_err *say)
{
	for (unsigned i = 0; i < nchecks; i++) {
		if (checks[i].stage == stage && check_run(&checks[i], d, say) == VERDICT_BAD)
			return &checks[i];
	}
	return NULL;
}

bool checks_explain(const struct diagnosis *d)
{
	struct ps_err ignored;

	for (unsigned i = 0; i < nchecks && checks[i].test != check_modules; i++) {
		if (check_run(&checks[i], d, &ignored) == VERDICT_BAD)
			return true;
	}
	return false;
}
