/* SPDX-License-Identifier: MIT */
#include "profiler/denied.h"

#include "profiler/checks.h"

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
