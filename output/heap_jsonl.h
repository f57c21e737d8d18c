/* SPDX-License-Identifier: MIT */
/* output/heap_jsonl.h - a heap as lines of JSON, for programs to read.
 *
 * The first line tells of the dump:
 *   {"format":"pysample heap","version":1,"pid":...,"time_ns":...,"python":"...",
 *    "objects":...,"size":...,"lines":...}
 * then follows a line for each object, the root first:
 *   {"id":...,"type":"app.Cache","category":"object","size":64,"retained":9000,
 *    "dominator":...,"name":"...","edges":[{"kind":"attribute","name":"items","to":...},...]}
 *
 * Ids are addresses, or below 65536 for what is no object: the root (0), groups of roots,
 * threads, frames; these are of the category "group" and of no type. `name` is there if the
 * object has one. An edge has a `name`, or an `index` if its kind is index, element or
 * unnamed. Edges of the kind weak keep nothing alive. The root is its own dominator.
 */
#ifndef OUTPUT_HEAP_JSONL_H
#define OUTPUT_HEAP_JSONL_H

#include "profiler/heap_dominators.h"
#include "profiler/heap_dump.h"

#include <stdio.h>

enum ps_status heap_jsonl_write(const struct heap_dump *dump, const struct heap_dominators *d,
				FILE *out, struct ps_err *err) PS_MUST_USE;

#endif
