/* SPDX-License-Identifier: MIT */
#include "profiler/duration.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *unit;
	double ns;
} time_units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 },   { "s", 1e9 },
		   { "", 1e9 }, { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 } };

bool number_parse(const char *text, double *ret, const char **end)
{
	char *stop;

	if (!(*text >= '0' && *text <= '9') && *text != '.')
		return false;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return false;
	errno = 0;
	*ret = strtod(text, &stop);
	*end = stop;
	return stop != text && errno == 0 && isfinite(*ret);
}

bool duration_parse(const char *text, uint64_t *ret_ns)
{
	const double ten_years = 10 * 365.25 * 86400e9;
	const char *unit;
	double v;

	if (!number_parse(text, &v, &unit))
		return false;
	for (size_t i = 0; i < sizeof time_units / sizeof *time_units; i++) {
		if (strcmp(unit, time_units[i].unit) == 0) {
			v *= time_units[i].ns;
			if (v < 1 || v > ten_years)
				return false;
			*ret_ns = (uint64_t)v;
			return true;
		}
	}
	return false;
}
