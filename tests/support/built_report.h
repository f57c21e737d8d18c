/* SPDX-License-Identifier: MIT */
/* tests/support/built_report.h - a dump that is read, with all that is known of it, for tests
 * of what tells of it in words. Whatever fails ends the test. */
#ifndef TESTS_SUPPORT_BUILT_REPORT_H
#define TESTS_SUPPORT_BUILT_REPORT_H

#include "profiler/heap_dominators.h"
#include "profiler/heap_dump.h"
#include "profiler/heap_routes.h"
#include "tests/support/built_dump.h"

struct built_report {
	struct heap_dump dump;
	struct heap_dominators dominators;
	struct heap_routes shortest, dominating;
};

/* Frees the dump. */
void built_report(struct built_dump *d, struct built_report *ret);
void built_report_free(struct built_report *r);

#endif
