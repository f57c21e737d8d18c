/* SPDX-License-Identifier: MIT */
#include "profiler/denied.h"

#include "profiler/checks.h"

#include <string.h>

enum ps_status denied_explain(int pid, struct ps_err *err)
{
	struct diagnosis d;

	if (!err)
		return PS_DENIED;
	situation_read("", pid, &d.situation);
	situation_try(&d.situation);
	if (!checks_first_bad(&d, STAGE_LOOK, err))
		ps_fail(err, PS_DENIED, "it was refused a moment ago and is not any more");
	return ps_while(err, PS_DENIED, "not permitted to read process %d", pid);
}

/* What forbids ptrace alone; what reading needs as well was there a moment ago. */
static void explain_stopping(const struct diagnosis *d, int error, struct ps_err *err)
{
	char helps[PS_MSG_MAX];

	if (!checks_first_bad(d, STAGE_STOP, err))
		ps_fail(err, PS_DENIED, "ptrace fails: %s", strerror(error));
	memcpy(helps, err->hint, sizeof helps);
	ps_hint(err, "%s%sleave out --blocking", helps, *helps ? "; or " : "");
}

enum ps_status denied_stopping(int pid, int error, struct ps_err *err)
{
	struct diagnosis d;

	if (!err)
		return PS_DENIED;
	situation_read("", pid, &d.situation);
	situation_try(&d.situation);
	if (!checks_first_bad(&d, STAGE_LOOK, err))
		explain_stopping(&d, error, err);
	return ps_while(err, PS_DENIED, "not permitted to stop process %d", pid);
}
