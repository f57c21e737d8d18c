/* SPDX-License-Identifier: MIT */
/* tests/support/fail_alloc.h - the k-th allocation fails.
 *
 * The unit tests are linked with --wrap for malloc, calloc and realloc, so that this
 * counts what the program under test asks for, and not what libraries do. */
#ifndef TESTS_SUPPORT_FAIL_ALLOC_H
#define TESTS_SUPPORT_FAIL_ALLOC_H

/* From now on the k-th call, counted from 1, gives NULL; 0: none does. */
void fail_alloc_at(unsigned long k);
/* Calls since then. */
unsigned long fail_alloc_count(void);

#endif
