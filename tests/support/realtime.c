/* SPDX-License-Identifier: MIT */
#include "tests/support/realtime.h"

#include <criterion/criterion.h>
#include <sched.h>

bool realtime_is_allowed(void)
{
	struct sched_param least = { .sched_priority = 1 }, none = { 0 };
	int before = sched_getscheduler(0);
	bool allowed = sched_setscheduler(0, SCHED_FIFO, &least) == 0;

	if (allowed)
		cr_assert_eq(sched_setscheduler(0, before, &none), 0);
	else
		cr_log_warn("realtime scheduling is not allowed here");
	return allowed;
}
