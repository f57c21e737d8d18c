/* SPDX-License-Identifier: MIT */
/* profiler/heap_walk.h - the text of heap_walk.py, made a byte array by the build
 * (cmake/Embed.cmake). A target executes it; what it then writes is docs/heap-format.md.
 * It ends with a NUL that its length does not count.
 *
 * After exec of the text in a namespace:
 *   stacks(below)   before a fork: all threads, their frames and locals
 *   walk(fd, below=, own=, values=, forked=, threads=)   writes the dump
 * What they take is said where they are defined. */
#ifndef PROFILER_HEAP_WALK_H
#define PROFILER_HEAP_WALK_H

#include <stddef.h>

extern const unsigned char embedded_heap_walk_py[];
extern const size_t embedded_heap_walk_py_len;

#endif
