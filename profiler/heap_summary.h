/* SPDX-License-Identifier: MIT */
/* profiler/heap_summary.h - what is in a dump: its types, and its largest objects. */
#ifndef PROFILER_HEAP_SUMMARY_H
#define PROFILER_HEAP_SUMMARY_H

#include "profiler/heap_classes.h"
#include "profiler/heap_dump.h"

#include <stdio.h>

enum heap_order { HEAP_BY_RETAINED, HEAP_BY_SIZE, HEAP_BY_COUNT };

struct heap_summary {
	struct heap_dump *dump;
	const struct heap_dominators *dominators;
	struct heap_classes classes; /* sorted by order, the largest first */
	uint32_t *largest; /* objects that no other object keeps, those that retain most first */
	uint32_t nlargest, limit;
};

/* limit: lines of the table. On failure the summary is empty. */
enum ps_status heap_summary_make(struct heap_dump *dump, const struct heap_dominators *d,
				 enum heap_order order, uint32_t limit,
				 struct heap_summary *ret) PS_MUST_USE;
void heap_summary_deinit(struct heap_summary *s);

/* Both leave write errors with the stream. */
void heap_summary_write(const struct heap_summary *s, FILE *out);
void heap_summary_write_json(const struct heap_summary *s, FILE *out);

/* "CPython 3.14.0, process 4242, 2026-11-28 21:40:11" */
void heap_summary_write_title(const struct heap_dump *dump, FILE *out);

#endif
