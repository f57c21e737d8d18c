/* SPDX-License-Identifier: MIT */
/* profiler/heap_classes.h - objects counted by the name of their type.
 *
 * What the objects of a type retain together counts each byte once: an object that another
 * of its type dominates adds nothing. Types of the same name are one. */
#ifndef PROFILER_HEAP_CLASSES_H
#define PROFILER_HEAP_CLASSES_H

#include "profiler/heap_dominators.h"

struct heap_class {
	uint32_t name; /* a text of the graph */
	uint64_t count, size, retained;
};

struct heap_classes {
	struct heap_class *v; /* groups are in none */
	uint32_t *of_type;    /* by type of the graph: its class; HEAP_NONE for groups */
	uint32_t n, ntypes;
	struct mem *mem;
};

enum ps_status heap_classes_count(struct heap_graph *g, const struct heap_dominators *d,
				  struct heap_classes *ret) PS_MUST_USE;
void heap_classes_deinit(struct heap_classes *c);

#endif
