/* SPDX-License-Identifier: MIT */
/* offsets/debug_offsets.h - the table that CPython 3.13+ keeps about itself.
 *
 * _PyRuntime begins with struct _Py_DebugOffsets (Include/internal/pycore_debug_offsets.h;
 * in 3.13 pycore_runtime.h): the cookie "xdebugpy", the version, whether the build is
 * free-threaded, then one 64-bit word for each size and offset. The table has neither a
 * length nor names, so the version decides what each word means. Pure: reads bytes, never
 * a process.
 */
#ifndef OFFSETS_DEBUG_OFFSETS_H
#define OFFSETS_DEBUG_OFFSETS_H

#include "offsets/layout.h"

enum {
	DEBUG_OFFSETS_MAX = 888, /* bytes of the longest table that we know: 3.15 */
	DEBUG_OFFSETS_HEAD = 24, /* bytes that tell what table it is */
};

/* Are these the first bytes of such a table? len may be less than a whole table. */
bool debug_offsets_recognize(const void *bytes, size_t len);

/* What a recognized table says of its interpreter. */
void debug_offsets_head(const void *bytes, uint32_t *ret_version, bool *ret_free_threaded);

/* PS_FORMAT: no such table, or one that does not hold together. PS_UNSUPPORTED: a
 * version that we do not know; the message names it. On success *ret is validated. */
enum ps_status debug_offsets_parse(const void *bytes, size_t len, struct layout *ret,
				   struct ps_err *err) PS_MUST_USE;

#endif
