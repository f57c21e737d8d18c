/* SPDX-License-Identifier: MIT */
/* tests/support/realtime.h - may this process be given a realtime priority? */
#ifndef TESTS_SUPPORT_REALTIME_H
#define TESTS_SUPPORT_REALTIME_H

#include <stdbool.h>

/* Tries it, and takes it back. Where it may not, the test's log says so: what depends on it is
 * then expected not to happen. */
bool realtime_is_allowed(void);

#endif
