/* SPDX-License-Identifier: MIT */
#include "profiler/near.h"

#include <stdbool.h>
#include <string.h>

static char small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned d = a < b ? a : b;

	return d < c ? d : c;
}

/* One in four letters, and one more. */
static unsigned most(size_t len)
{
	return len < 2 ? 0 : len < 12 ? 1 + (unsigned)len / 4 : 3;
}

/* Levenshtein's, one row after the other. */
unsigned near_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned row[NEAR_BYTES + 1], bound = most(n < m ? n : m);

	if (n > NEAR_BYTES || m > NEAR_BYTES || n > m + bound || m > n + bound)
		return NEAR_NOT;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned before = row[0]; /* in the row above, one to the left */

		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned above = row[j], same = small(a[i - 1]) == small(b[j - 1]);

			row[j] = least(above + 1, row[j - 1] + 1, before + !same);
			before = above;
		}
	}
	return row[m] <= bound ? row[m] : NEAR_NOT;
}
