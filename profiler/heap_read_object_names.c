/* SPDX-License-Identifier: MIT */
/* Names that a dump does not give objects, but lets know: of types from their chunks, of code
 * from the strings that it refers to, if these are names of something else as well, of
 * functions from their code, of dicts from what they are the dict of. A type that has no
 * instances, and so no chunk, goes by its name in the dict of a module or class. */
#include "profiler/heap_reader.h"

/* Texts of the graph; an edge with such a label says what something is called. */
struct labels {
	uint32_t dict, code, name, qualname;
};

static enum ps_status label(struct heap_reader *r, const char *text, uint32_t *ret)
{
	return heap_texts_add(&r->graph->texts,
			      (struct profile_text){ text, (uint32_t)strlen(text) }, ret);
}

static enum ps_status know_labels(struct heap_reader *r, struct labels *ret)
{
	PS_TRY(label(r, "__dict__", &ret->dict));
	PS_TRY(label(r, "__code__", &ret->code));
	PS_TRY(label(r, "co_name", &ret->name));
	return label(r, "co_qualname", &ret->qualname);
}

static enum heap_category category(const struct heap_graph *g, uint32_t object)
{
	return g->types[g->type[object]].category;
}

static void name_types(struct heap_reader *r)
{
	struct heap_graph *g = r->graph;

	for (uint32_t t = 1; t < g->ntypes; t++) {
		uint32_t object = heap_ids_find(&r->objects, r->type_id[t]);

		if (object != HEAP_IDS_NONE)
			g->name[object] = g->types[t].name;
	}
}

/* co_name may come without co_qualname, and before it. */
static void name_code(struct heap_reader *r, const struct labels *l, uint32_t code, uint32_t edge)
{
	struct heap_graph *g = r->graph;
	uint32_t to = g->to[edge], text;

	if (g->kind[edge] != HEAP_EDGE_ATTRIBUTE ||
	    (g->label[edge] != l->qualname && (g->label[edge] != l->name || g->name[code])))
		return;
	text = heap_ids_find(&r->strings, g->id[to]);
	if (text == HEAP_IDS_NONE)
		text = g->name[to]; /* its value, if that is told */
	if (text)
		g->name[code] = text;
}

/* Of what an edge leads to. */
static void name_target(struct heap_graph *g, const struct labels *l, uint32_t from, uint32_t edge)
{
	uint32_t to = g->to[edge];

	if (g->name[to] || !g->name[from])
		return;
	if (g->kind[edge] == HEAP_EDGE_INTERNAL && g->label[edge] == l->dict)
		g->name[to] = g->name[from];
	else if (g->kind[edge] == HEAP_EDGE_KEY && category(g, to) == HEAP_TYPE &&
		 category(g, from) == HEAP_CONTAINER)
		g->name[to] = g->label[edge];
}

/* A function's name is that of its code, which may stand behind it. */
static void name_function(struct heap_graph *g, const struct labels *l, uint32_t function)
{
	for (uint32_t e = g->first[function]; e < g->first[function + 1]; e++) {
		if (!g->name[function] && !heap_edge_is_numbered(g->kind[e]) &&
		    g->label[e] == l->code && category(g, g->to[e]) == HEAP_CODE)
			g->name[function] = g->name[g->to[e]];
	}
}

/* A dict may stand before what it is the dict of: twice, so that types get names from it. */
static void name_by_edges(struct heap_reader *r, const struct labels *l)
{
	struct heap_graph *g = r->graph;

	for (int round = 0; round < 2; round++) {
		for (uint32_t o = 0; o < g->nobjects; o++) {
			for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
				if (category(g, o) == HEAP_CODE)
					name_code(r, l, o, e);
				name_target(g, l, o, e);
			}
		}
	}
}

enum ps_status heap_read_object_names(struct heap_reader *r)
{
	struct heap_graph *g = r->graph;
	struct labels l;

	PS_TRY(know_labels(r, &l));
	name_types(r);
	name_by_edges(r, &l);
	for (uint32_t o = 0; o < g->nobjects; o++) {
		if (category(g, o) == HEAP_FUNCTION)
			name_function(g, &l, o);
	}
	return PS_OK;
}
