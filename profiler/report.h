/* SPDX-License-Identifier: MIT */
/* profiler/report.h - the words of a recording: progress while it runs, summary at its
 * end. Words only; writes to the stream that it is given. */
#ifndef PROFILER_REPORT_H
#define PROFILER_REPORT_H

#include "profiler/facts.h"

#include <stdio.h>

struct progress {
	FILE *out; /* NULL: say nothing */
	uint64_t began, next, duration_ns;
};

/* On a terminal only. */
void progress_init(struct progress *p, FILE *terminal, uint64_t began, uint64_t duration_ns);
void progress_show(struct progress *p, uint64_t now, const struct sample_counts *c);
void progress_clear(struct progress *p);

void report_summary(FILE *out, const struct recording_facts *f);

uint64_t counts_usable(const struct sample_counts *c);
uint64_t counts_lost(const struct sample_counts *c);

#endif
