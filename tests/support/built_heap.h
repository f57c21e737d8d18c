/* SPDX-License-Identifier: MIT */
/* tests/support/built_heap.h - heap graphs made by hand or by chance, for tests of what
 * looks at them. Whatever fails ends the test. */
#ifndef TESTS_SUPPORT_BUILT_HEAP_H
#define TESTS_SUPPORT_BUILT_HEAP_H

#include "profiler/heap_graph.h"

void built_heap(struct heap_graph *g);
uint32_t built_heap_text(struct heap_graph *g, const char *s);
uint32_t built_heap_type(struct heap_graph *g, const char *name, enum heap_category c);
/* Its id is 16 times its number. Returns its number. */
uint32_t built_heap_object(struct heap_graph *g, uint32_t type, uint64_t size);
void built_heap_edge(struct heap_graph *g, enum heap_edge_kind kind, const char *label,
		     uint32_t to);
void built_heap_item(struct heap_graph *g, uint32_t index, uint32_t to);

/* The same seed gives the same graph: finished, objects of type "T" and sizes 1, 2, 4, ...
 * (modulo 2^16), each with up to `edges` edges anywhere, one of eight of them weak. */
void built_heap_random(struct heap_graph *g, uint32_t seed, uint32_t objects, uint32_t edges);

#endif
