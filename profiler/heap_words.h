/* SPDX-License-Identifier: MIT */
/* profiler/heap_words.h - objects and edges in words. */
#ifndef PROFILER_HEAP_WORDS_H
#define PROFILER_HEAP_WORDS_H

#include "profiler/heap_graph.h"

enum { HEAP_WORDS_MAX = 1200 };

/* "app.Session", "module app", "function f", "(modules)". Returns the length, as what
 * follows does; always terminated. */
uint32_t heap_words_object(const struct heap_graph *g, uint32_t object,
			   char ret[static HEAP_WORDS_MAX]);

/* ".items", "[3]", "['key']", "local x". in_namespace: of the dict of a module, a class or an
 * instance, whose keys are names. any: "[*]" for whichever item. edge HEAP_NONE: "..". */
struct heap_step_style {
	bool in_namespace, any;
};
uint32_t heap_words_edge(const struct heap_graph *g, uint32_t edge, struct heap_step_style style,
			 char ret[static HEAP_WORDS_MAX]);

/* Is it the dict of a module, a class or an instance? By the edge that leads to it. */
static inline bool heap_is_namespace_edge(const struct heap_graph *g, uint32_t edge)
{
	struct profile_text t = heap_graph_text_at(g, g->label[edge]);

	return g->kind[edge] == HEAP_EDGE_INTERNAL && t.len == 8 &&
	       __builtin_memcmp(t.at, "__dict__", 8) == 0;
}

enum { HEAP_BYTES_MAX = 24 };

/* "64 B", "1.5 KiB", "12.0 GiB". Returns ret. */
const char *heap_words_bytes(uint64_t bytes, char ret[static HEAP_BYTES_MAX]);
/* The same with a sign: "+1.5 KiB". */
const char *heap_words_change(uint64_t before, uint64_t after, char ret[static HEAP_BYTES_MAX]);

#endif
