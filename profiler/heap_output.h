/* SPDX-License-Identifier: MIT */
/* profiler/heap_output.h - the formats that a heap dump can be written in. */
#ifndef PROFILER_HEAP_OUTPUT_H
#define PROFILER_HEAP_OUTPUT_H

#include "profiler/error.h"
#include "profiler/heap_dump.h"

#include <stddef.h>
#include <stdint.h>

enum heap_format { HEAP_SNAPSHOT, HEAP_JSONL, HEAP_PSHEAP };

/* "heapsnapshot", "jsonl", "psheap" */
const char *heap_format_name(enum heap_format f);
/* By --format's name, or if that is NULL by the file's suffix; PS_USAGE says what there is.
 * Of the formats of `heap dump`; and of those that heap_output_write() writes. */
enum ps_status heap_output_choose(const char *format, const char *file, enum heap_format *ret,
				  struct ps_err *err) PS_MUST_USE;
enum ps_status heap_output_choose_written(const char *format, const char *file,
					  enum heap_format *ret, struct ps_err *err) PS_MUST_USE;

struct heap_counts {
	uint64_t objects, bytes;
};

/* Writes it to fd in a format other than HEAP_PSHEAP. Closes fd. */
enum ps_status heap_output_write(struct heap_dump *d, enum heap_format f, int fd,
				 struct ps_err *err) PS_MUST_USE;
/* Reads the .psheap file behind `from` (by its descriptor) and writes it to fd in a format other
 * than HEAP_PSHEAP. Closes fd. max_bytes of memory. */
enum ps_status heap_output_convert(int from, enum heap_format f, size_t max_bytes, int fd,
				   struct heap_counts *ret, struct ps_err *err) PS_MUST_USE;
/* Is the .psheap file behind fd complete, as far as its last words tell? PS_FORMAT. */
enum ps_status heap_output_check(int fd, struct heap_counts *ret, struct ps_err *err) PS_MUST_USE;

#endif
