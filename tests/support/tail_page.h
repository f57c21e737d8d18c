/* SPDX-License-Identifier: MIT */
/* tests/support/tail_page.h - bytes that end where memory ends.
 *
 * A parser that reads one byte too many of them dies instead of passing by luck. */
#ifndef TESTS_SUPPORT_TAIL_PAGE_H
#define TESTS_SUPPORT_TAIL_PAGE_H

#include <stddef.h>

/* A copy of len bytes whose end is the end of a mapped page. Freed by the test
 * process's exit. Never NULL: aborts if memory cannot be had. */
void *tail_page(const void *bytes, size_t len);

#endif
