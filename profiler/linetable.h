/* SPDX-License-Identifier: MIT */
/* profiler/linetable.h - which source line an instruction belongs to. Pure.
 *
 * co_linetable of CPython 3.11+ (Objects/locations.md, InternalDocs/code_objects.md):
 * entries that each cover some code units (of two bytes) and move the line.
 */
#ifndef PROFILER_LINETABLE_H
#define PROFILER_LINETABLE_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From this code unit on, up to the next run's start, this line. */
struct line_run {
	uint32_t start;
	uint32_t line; /* 0: the table says that there is none, and none was before */
};

/* Decodes the table of a code object of so many units that begins at line `first`.
 * Equal neighbours are one run; an instruction without a line has the line before it.
 * At most max runs are written. PS_TORN if the table contradicts itself: the runs up to
 * there are good. PS_LIMIT if there are more than max. */
enum ps_status linetable_decode(const unsigned char *table, size_t len, uint32_t first,
				uint32_t units, struct line_run *ret, size_t max,
				size_t *ret_n) PS_MUST_USE;

/* The line of that unit; `first` where there is no run. */
uint32_t linetable_find(const struct line_run *runs, size_t n, uint32_t unit, uint32_t first);

#endif
