/* SPDX-License-Identifier: MIT */
/* profiler/visible.h - text of a target on its way to a terminal. */
#ifndef PROFILER_VISIBLE_H
#define PROFILER_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>

/* What would steer a terminal becomes visible instead ("\x1b"), but for line ends and tabs; so does
 * every byte that is not part of a whole character of UTF-8, for together with what is written
 * before or after it, or to a terminal that has no UTF-8, it could. ascii: and all but ASCII.
 * ret has room for VISIBLE_MAX(len). Returns the length. */
size_t visible_text(const char *text, size_t len, bool ascii, char *ret);
#define VISIBLE_MAX(len) (4 * (len))

#endif
