/* SPDX-License-Identifier: MIT */
/* profiler/duration.h - numbers and times as people write them. Pure. */
#ifndef PROFILER_DURATION_H
#define PROFILER_DURATION_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stdint.h>

/* A decimal number, no sign, no hexadecimal, no "inf"; *end is behind it. */
bool number_parse(const char *text, double *ret, const char **end) PS_MUST_USE;
/* "500ms", "10s", "2m", "1h", bare seconds; more than nothing, at most ten years. */
bool duration_parse(const char *text, uint64_t *ret_ns) PS_MUST_USE;

#endif
