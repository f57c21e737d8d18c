/* SPDX-License-Identifier: MIT */
/* output/heap_snapshot.h - a heap as a .heapsnapshot of V8, for Chrome's DevTools, VS Code
 * and memlab.
 *
 * Objects are V8's "object" under their type's name, str and bytes its "string", numbers its
 * "number", functions its "closure", code its "code"; groups of roots are objects, too, for
 * what only "synthetic" ones lead to is hidden by viewers. Ids are odd, below 2^32, and made
 * from addresses, so that an object has the same one in the next dump of its process; but
 * one in a thousand or so, whose id was taken already. Sizes end at 4 GiB. Text is ASCII with
 * escapes, values end at 1024 bytes.
 *
 * Source: V8, src/profiler/heap-snapshot-generator.cc (HeapSnapshotJSONSerializer); what
 * readers insist on is said in the .c file.
 */
#ifndef OUTPUT_HEAP_SNAPSHOT_H
#define OUTPUT_HEAP_SNAPSHOT_H

#include "profiler/heap_graph.h"

#include <stdio.h>

/* PS_LIMIT if there are more objects than its numbers can tell; PS_IO, PS_NOMEM. Takes 8 to
 * 16 bytes for an object from the graph's memory, and gives them back. */
enum ps_status heap_snapshot_write(struct heap_graph *g, FILE *out, struct ps_err *err) PS_MUST_USE;

#endif
