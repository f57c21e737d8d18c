/* SPDX-License-Identifier: MIT */
/* profiler/heap_rpy.h - makes a heap dump whole that a PyPy streams.
 *
 * What Python code sees of a PyPy's heap is the smaller part of it. So before a PyPy walks its
 * objects as every Python does, it streams all objects as RPython knows them: addresses,
 * sizes, references (gc.dump_rpy_heap). The two are joined here, into a dump as
 * docs/heap-format.md has it, whose last section but one says how. In the stream come, in words
 * of 8 bytes as the target's machine has them:
 *
 *   "PSHRPY\r\n"; u32 version, 1; u32 0x01020304
 *   u64 length; bytes of gc.get_typeids_z(), padded: the names of RPython's types
 *   u64 n; u64 ids[n]: of objects that were made for the dump
 *   what gc.dump_rpy_heap() writes: for each object its address, the number of its type,
 *     its size, the addresses that it refers to, -1; after those that are roots, 0 0 0 -1
 *   u64 -2
 *   a dump, whole
 *
 * Every byte is the target's. Memory is in proportion to the number of objects, and bounded.
 */
#ifndef PROFILER_HEAP_RPY_H
#define PROFILER_HEAP_RPY_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { HEAP_RPY_MAGIC = 8 };
#define HEAP_RPY_WORDS_END (UINT64_MAX - 1)

/* Do these HEAP_RPY_MAGIC bytes begin such a stream? */
bool heap_rpy_is(const void *bytes);

/* PS_FORMAT says what is wrong, also of a stream that broke off; PS_LIMIT: more than max_bytes
 * of memory would be needed, beside the bytes; PS_IO: out. What is wrong inside the dump that
 * stands at the end is left to heap_dump_parse(), for it is passed on. */
enum ps_status heap_rpy_join(const void *bytes, size_t len, size_t max_bytes, FILE *out,
			     struct ps_err *err) PS_MUST_USE;
/* The same from file to file, both open; `from` is no one else's to change. */
enum ps_status heap_rpy_join_files(int from, size_t max_bytes, int to,
				   struct ps_err *err) PS_MUST_USE;

#endif
