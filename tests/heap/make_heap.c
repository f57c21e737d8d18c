/* SPDX-License-Identifier: MIT */
/* make_heap app SESSIONS | random SEED OBJECTS: a heap dump to standard output, as
 * tests/support/built_dump.h says. For the tests of what reads dumps from outside. */
#include "tests/support/built_dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct built_dump d;
	int bad;

	if (argc == 3 && strcmp(argv[1], "app") == 0)
		dump_app(&d, (uint32_t)atoi(argv[2]));
	else if (argc == 4 && strcmp(argv[1], "random") == 0)
		dump_random(&d, (uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]));
	else
		return 2;
	bad = fwrite(d.bytes, 1, d.len, stdout) != d.len || fflush(stdout);
	dump_free(&d);
	return bad;
}
