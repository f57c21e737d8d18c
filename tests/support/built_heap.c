/* SPDX-License-Identifier: MIT */
#include "tests/support/built_heap.h"

#include <criterion/criterion.h>
#include <string.h>

void built_heap(struct heap_graph *g)
{
	cr_assert_eq(heap_graph_init(g, 1u << 30), PS_OK);
}

uint32_t built_heap_text(struct heap_graph *g, const char *s)
{
	uint32_t t;

	cr_assert_eq(heap_texts_add(&g->texts, (struct profile_text){ s, (uint32_t)strlen(s) }, &t),
		     PS_OK);
	return t;
}

uint32_t built_heap_type(struct heap_graph *g, const char *name, enum heap_category c)
{
	uint32_t t;

	cr_assert_eq(heap_graph_type(g, (struct heap_type){ built_heap_text(g, name), c }, &t),
		     PS_OK);
	return t;
}

uint32_t built_heap_object(struct heap_graph *g, uint32_t type, uint64_t size)
{
	uint32_t n = g->nobjects;

	cr_assert_eq(heap_graph_object(g, (struct heap_object){ 16ul * n, size, type, 0 }), PS_OK);
	return n;
}

void built_heap_edge(struct heap_graph *g, enum heap_edge_kind kind, const char *label, uint32_t to)
{
	cr_assert_eq(heap_graph_edge(g, kind, built_heap_text(g, label), to), PS_OK);
}

void built_heap_item(struct heap_graph *g, uint32_t index, uint32_t to)
{
	cr_assert_eq(heap_graph_edge(g, HEAP_EDGE_INDEX, index, to), PS_OK);
}

/* xorshift32 of Marsaglia. */
static uint32_t chance(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void random_edges(struct heap_graph *g, uint32_t *state, uint32_t objects, uint32_t edges)
{
	for (uint32_t e = chance(state) % (edges + 1); e > 0; e--) {
		uint32_t to = 1 + chance(state) % objects;

		cr_assert_eq(heap_graph_edge(g,
					     chance(state) % 8 ? HEAP_EDGE_UNNAMED : HEAP_EDGE_WEAK,
					     0, to),
			     PS_OK);
	}
}

void built_heap_random(struct heap_graph *g, uint32_t seed, uint32_t objects, uint32_t edges)
{
	uint32_t state = seed * 2654435761u + 1, type;

	built_heap(g);
	type = built_heap_type(g, "T", HEAP_OBJECT);
	random_edges(g, &state, objects, 3);
	for (uint32_t i = 0; i < objects; i++) {
		built_heap_object(g, type, 1u << i % 16);
		random_edges(g, &state, objects, edges);
	}
	cr_assert_eq(heap_graph_finish(g), PS_OK);
}
