/* SPDX-License-Identifier: MIT */
/* profiler/embedded.h - files of this folder that the build made byte arrays of
 * (cmake/Embed.cmake). Each ends with a NUL that its length does not count. */
#ifndef PROFILER_EMBEDDED_H
#define PROFILER_EMBEDDED_H

#include <stddef.h>

extern const unsigned char embedded_inject_py[];
extern const size_t embedded_inject_py_len;
extern const unsigned char embedded_inject_seldom_py[];
extern const size_t embedded_inject_seldom_py_len;
extern const unsigned char embedded_inject_pypy_py[];
extern const size_t embedded_inject_pypy_py_len;
extern const unsigned char embedded_debug_py[];
extern const size_t embedded_debug_py_len;
extern const unsigned char embedded_debug_interrupt_py[];
extern const size_t embedded_debug_interrupt_py_len;
extern const unsigned char embedded_heap_stacks_py[];
extern const size_t embedded_heap_stacks_py_len;
extern const unsigned char embedded_heap_walk_py[];
extern const size_t embedded_heap_walk_py_len;
extern const unsigned char embedded_heap_take_py[];
extern const size_t embedded_heap_take_py_len;

#endif
