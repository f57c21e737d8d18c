/* SPDX-License-Identifier: MIT */
#include "profiler/heap_graph.h"

#include <stdlib.h>
#include <string.h>

/* The root's first edge is that to the last object, wherever that will be. */
static enum ps_status begin(struct heap_graph *g)
{
	struct profile_text rest = { "(not reached from the roots)", 28 };
	uint32_t text, type;

	PS_TRY(heap_texts_init(&g->texts, &g->mem));
	PS_TRY(heap_graph_type(g, (struct heap_type){ 0, HEAP_GROUP }, &type));
	PS_TRY(heap_texts_add(&g->texts, rest, &text));
	PS_TRY(heap_graph_object(g, (struct heap_object){ 0 }));
	return heap_graph_edge(g, HEAP_EDGE_INTERNAL, text, HEAP_ROOT);
}

enum ps_status heap_graph_init(struct heap_graph *g, size_t max_bytes)
{
	*g = (struct heap_graph){ .mem = { .max = max_bytes } };
	return begin(g);
}

void heap_graph_deinit(struct heap_graph *g)
{
	void *arrays[] = { g->id, g->size, g->type,  g->name, g->first,
			   g->to, g->kind, g->types, g->label };

	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
		free(arrays[i]);
	if (g->texts.mem)
		heap_texts_deinit(&g->texts);
	*g = (struct heap_graph){ 0 };
}

enum ps_status heap_graph_type(struct heap_graph *g, struct heap_type t, uint32_t *ret)
{
	PS_TRY(mem_reserve(&g->mem, (void **)&g->types, &g->types_cap, g->ntypes + 1,
			   sizeof *g->types));
	*ret = g->ntypes;
	g->types[g->ntypes++] = t;
	return PS_OK;
}

/* --- objects and edges --- */

/* All arrays by object have room for as many. */
static enum ps_status reserve_objects(struct heap_graph *g)
{
	struct {
		void **at;
		size_t element;
	} arrays[] = { { (void **)&g->id, sizeof *g->id },
		       { (void **)&g->size, sizeof *g->size },
		       { (void **)&g->type, sizeof *g->type },
		       { (void **)&g->name, sizeof *g->name },
		       { (void **)&g->first, sizeof *g->first } };
	uint32_t need = g->nobjects + 2, cap = g->objects_cap; /* first[] has one more */

	if (need <= g->objects_cap)
		return PS_OK;
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
		cap = g->objects_cap;
		PS_TRY(mem_reserve(&g->mem, arrays[i].at, &cap, need, arrays[i].element));
	}
	g->objects_cap = cap;
	return PS_OK;
}

enum ps_status heap_graph_object(struct heap_graph *g, struct heap_object o)
{
	uint32_t i = g->nobjects;

	if (i >= HEAP_NONE - 2)
		return PS_LIMIT;
	PS_TRY(reserve_objects(g));
	g->id[i] = o.id;
	g->size[i] = o.size;
	g->type[i] = o.type;
	g->name[i] = o.name;
	g->first[i] = g->nedges;
	g->first[i + 1] = g->nedges;
	g->nobjects++;
	return PS_OK;
}

/* Room for that many in all. */
static enum ps_status reserve_edges(struct heap_graph *g, uint32_t need)
{
	uint32_t cap = g->edges_cap;

	if (need <= cap)
		return PS_OK;
	if (need >= HEAP_NONE)
		return PS_LIMIT;
	PS_TRY(mem_reserve(&g->mem, (void **)&g->to, &cap, need, sizeof *g->to));
	cap = g->edges_cap;
	PS_TRY(mem_reserve(&g->mem, (void **)&g->label, &cap, need, sizeof *g->label));
	cap = g->edges_cap;
	PS_TRY(mem_reserve(&g->mem, (void **)&g->kind, &cap, need, sizeof *g->kind));
	g->edges_cap = cap;
	return PS_OK;
}

enum ps_status heap_graph_edge(struct heap_graph *g, enum heap_edge_kind kind, uint32_t label,
			       uint32_t to)
{
	PS_TRY(reserve_edges(g, g->nedges + 1));
	g->to[g->nedges] = to;
	g->label[g->nedges] = label;
	g->kind[g->nedges] = (uint8_t)kind;
	g->first[g->nobjects] = ++g->nedges;
	return PS_OK;
}

enum ps_status heap_graph_spread(struct heap_graph *g, uint32_t *next)
{
	uint64_t sum = g->nedges;
	uint32_t had = g->nedges; /* the root's, which are the first */

	for (uint32_t i = 0; i < g->nobjects; i++)
		sum += next[i];
	if (sum >= HEAP_NONE)
		return PS_LIMIT;
	PS_TRY(mem_resize(&g->mem, (void **)&g->to, g->edges_cap * sizeof *g->to,
			  (sum + 1) * sizeof *g->to));
	PS_TRY(mem_resize(&g->mem, (void **)&g->label, g->edges_cap * sizeof *g->label,
			  (sum + 1) * sizeof *g->label));
	PS_TRY(mem_resize(&g->mem, (void **)&g->kind, g->edges_cap * sizeof *g->kind,
			  (sum + 1) * sizeof *g->kind));
	g->edges_cap = (uint32_t)sum + 1;
	g->nedges = (uint32_t)sum;
	sum = had;
	for (uint32_t i = 0; i < g->nobjects; i++) {
		uint32_t n = next[i];

		g->first[i] = next[i] = (uint32_t)sum;
		sum += n;
	}
	g->first[HEAP_ROOT] = 0;
	g->first[g->nobjects] = (uint32_t)sum;
	return PS_OK;
}

void heap_graph_pack(struct heap_graph *g, const uint32_t *next)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < g->nobjects; i++) {
		uint32_t from = g->first[i], n = next[i] - from;

		memmove(g->to + at, g->to + from, n * sizeof *g->to);
		memmove(g->label + at, g->label + from, n * sizeof *g->label);
		memmove(g->kind + at, g->kind + from, n * sizeof *g->kind);
		g->first[i] = at;
		at += n;
	}
	g->first[g->nobjects] = at;
	g->nedges = at;
}

const char *heap_edge_kind_name(enum heap_edge_kind k)
{
	static const char *const names[HEAP_NEDGE_KINDS] = {
		[HEAP_EDGE_ATTRIBUTE] = "attribute", [HEAP_EDGE_KEY] = "key",
		[HEAP_EDGE_INDEX] = "index",         [HEAP_EDGE_KEY_ITSELF] = "key itself",
		[HEAP_EDGE_LOCAL] = "local",         [HEAP_EDGE_CELL] = "cell",
		[HEAP_EDGE_INTERNAL] = "internal",   [HEAP_EDGE_ELEMENT] = "element",
		[HEAP_EDGE_UNNAMED] = "unnamed",     [HEAP_EDGE_WEAK] = "weak",
	};

	return names[k];
}
