/* SPDX-License-Identifier: MIT */
/* profiler/heap_graph.h - a heap dump in memory: objects, and what each refers to.
 *
 * Flat arrays, for dumps have millions of objects: some 24 bytes for an object and 9 for
 * an edge. Object 0 is the root; its edges lead to groups of roots (threads, modules, ...),
 * which are objects of no size. The last object is the group of what no other root leads
 * to, so that every object is reached from the root.
 *
 * Building: either the root's edges, then objects in order, each followed by its edges; they
 * may lead to objects that come later. Or all objects, then heap_graph_spread(), then edges
 * in any order. heap_graph_finish() ends it. Texts and types are given before
 * they are named. All memory is the graph's own, with the bound that it was given; PS_LIMIT
 * and PS_NOMEM leave a graph that is good for heap_graph_deinit() alone.
 */
#ifndef PROFILER_HEAP_GRAPH_H
#define PROFILER_HEAP_GRAPH_H

#include "profiler/error.h"
#include "profiler/heap_texts.h"
#include "profiler/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAP_ROOT = 0 };
enum { HEAP_REST_ID = 1 }; /* of the last object */

#define HEAP_NONE UINT32_MAX

/* What an edge's label means: a text's number, or for the indices a plain number. */
enum heap_edge_kind {
	HEAP_EDGE_ATTRIBUTE,  /* .NAME */
	HEAP_EDGE_KEY,        /* ["NAME"]: the value that a dict has under that key */
	HEAP_EDGE_INDEX,      /* [N]: an item of a sequence, or a value whose key has no text */
	HEAP_EDGE_KEY_ITSELF, /* the key of the entry of that NAME */
	HEAP_EDGE_LOCAL,      /* a variable of a frame */
	HEAP_EDGE_CELL,       /* a variable of a closure */
	HEAP_EDGE_INTERNAL,   /* what the interpreter calls it: "__class__", "code" */
	HEAP_EDGE_ELEMENT,    /* an element of a set; N is only a number */
	HEAP_EDGE_UNNAMED,    /* a reference of which no more is known; N is only a number */
	HEAP_EDGE_WEAK,       /* .NAME, and does not keep its object alive */
	HEAP_NEDGE_KINDS
};

/* What a type's objects are, for viewers that tell such apart. */
enum heap_category {
	HEAP_OBJECT,
	HEAP_STRING,    /* str, bytes, bytearray */
	HEAP_NUMBER,    /* int, float, complex, bool */
	HEAP_CONTAINER, /* list, tuple, dict, set, ... */
	HEAP_FUNCTION,
	HEAP_CODE,
	HEAP_MODULE,
	HEAP_TYPE,
	HEAP_GROUP, /* no object: stands for a kind of roots */
	HEAP_NCATEGORIES
};

struct heap_type {
	uint32_t name; /* a text: "module.Qualified.name", or "name" of a built-in type */
	enum heap_category category;
};

struct heap_graph {
	uint64_t *id;   /* by object: its address; 0 of groups */
	uint64_t *size; /* bytes of its own */
	uint32_t *type;
	uint32_t *name;  /* a text that tells it from others of its type, or 0 */
	uint32_t *first; /* its edges are first[i] .. first[i + 1] - 1 */
	uint32_t *to;    /* by edge */
	uint32_t *label;
	uint8_t *kind; /* enum heap_edge_kind */
	struct heap_type *types;
	struct heap_texts texts;
	uint32_t nobjects, nedges, ntypes;

	struct mem mem; /* the rest is the graph's own business */
	uint32_t objects_cap, edges_cap, types_cap;
};

struct heap_object {
	uint64_t id, size;
	uint32_t type, name;
};

/* With the root, and the type of groups, 0. */
enum ps_status heap_graph_init(struct heap_graph *g, size_t max_bytes) PS_MUST_USE;
/* Also after heap_graph_init() failed. */
void heap_graph_deinit(struct heap_graph *g);

enum ps_status heap_graph_type(struct heap_graph *g, struct heap_type t, uint32_t *ret) PS_MUST_USE;
enum ps_status heap_graph_object(struct heap_graph *g, struct heap_object o) PS_MUST_USE;
/* Of the object that was given last. */
enum ps_status heap_graph_edge(struct heap_graph *g, enum heap_edge_kind kind, uint32_t label,
			       uint32_t to) PS_MUST_USE;
/* Makes room for further edges of each object: next[i] of object i's, as which is told where
 * the next one goes. heap_graph_put() puts one there; it must have been counted, but those
 * that were need not come: heap_graph_pack() closes the gaps. */
enum ps_status heap_graph_spread(struct heap_graph *g, uint32_t *next) PS_MUST_USE;
void heap_graph_pack(struct heap_graph *g, const uint32_t *next);

static inline void heap_graph_put(struct heap_graph *g, uint32_t *next, enum heap_edge_kind kind,
				  uint32_t label, uint32_t to)
{
	g->to[*next] = to;
	g->label[*next] = label;
	g->kind[(*next)++] = (uint8_t)kind;
}

/* Checks that edges lead to objects that came (else PS_FORMAT), and adds the last one: a
 * group with an edge to as few objects as will do, so that from the root every object is
 * reached without a weak edge. */
enum ps_status heap_graph_finish(struct heap_graph *g) PS_MUST_USE;

/* Good as long as the graph lives and no text is added. */
static inline struct profile_text heap_graph_text_at(const struct heap_graph *g, uint32_t text)
{
	return g->texts.v[text];
}

static inline struct profile_text heap_graph_type_name(const struct heap_graph *g, uint32_t object)
{
	return g->texts.v[g->types[g->type[object]].name];
}

/* Is its label a plain number? */
static inline bool heap_edge_is_numbered(enum heap_edge_kind k)
{
	return k == HEAP_EDGE_INDEX || k == HEAP_EDGE_ELEMENT || k == HEAP_EDGE_UNNAMED;
}

/* "attribute", "key", ...; static. */
const char *heap_edge_kind_name(enum heap_edge_kind k);

static inline bool heap_graph_keeps(const struct heap_graph *g, uint32_t edge)
{
	return g->kind[edge] != HEAP_EDGE_WEAK;
}

#endif
