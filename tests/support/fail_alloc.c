/* SPDX-License-Identifier: MIT */
#include "tests/support/fail_alloc.h"

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__real_realloc(void *at, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_realloc(void *at, size_t len);

static unsigned long count, failing;

void fail_alloc_at(unsigned long k)
{
	count = 0;
	failing = k;
}

unsigned long fail_alloc_count(void)
{
	return count;
}

static bool fails(void)
{
	return ++count == failing;
}

void *__wrap_malloc(size_t len)
{
	return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t n, size_t len)
{
	return fails() ? NULL : __real_calloc(n, len);
}

void *__wrap_realloc(void *at, size_t len)
{
	return fails() ? NULL : __real_realloc(at, len);
}
