/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz.h - what the fuzz targets share.
 *
 * One target a parser. With PYSAMPLE_FUZZ they are libFuzzer programs; else replay.c runs
 * each over its corpus, as a test. To add one: fuzz_NAME.c, and seeds in corpus/NAME. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): also where NDEBUG is defined. */
#define CHECK(what)              \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

#endif
