/* SPDX-License-Identifier: MIT */
/* An object's frame is what it is and how it is reached; texts for it are made once for all
 * objects that have the same type, name and edge: the frame cache. */
#include "profiler/heap_patterns.h"

#include "profiler/heap_words.h"

#include <stdlib.h>
#include <string.h>

enum { BELOW_GROUP = 0x100 }; /* beside an edge's kind */

struct frame {
	uint32_t type, name, kind, label; /* of the graph: what it is known by */
	uint32_t what, how;               /* texts of the patterns */
	bool vague;
};

struct adding {
	struct heap_patterns *p;
	const struct heap_graph *g;
	const struct heap_routes *r;
	unsigned side;
	uint8_t *is_namespace; /* by object */
	struct table table;
	struct frame *frames;
	uint32_t nframes, cap;
};

enum ps_status heap_patterns_init(struct heap_patterns *p, size_t max_bytes)
{
	struct profile_text root = { "(root)", 6 };

	*p = (struct heap_patterns){ .mem = { .max = max_bytes }, .secret = hash_secret() };
	table_init(&p->table, &p->mem);
	PS_TRY(heap_texts_init(&p->texts, &p->mem));
	PS_TRY(mem_reserve(&p->mem, (void **)&p->v, &p->cap, 1, sizeof *p->v));
	p->v[0] = (struct heap_pattern){ 0 };
	p->n = 1;
	return heap_texts_add(&p->texts, root, &p->v[0].what);
}

void heap_patterns_deinit(struct heap_patterns *p)
{
	table_deinit(&p->table);
	if (p->texts.mem)
		heap_texts_deinit(&p->texts);
	free(p->v);
	*p = (struct heap_patterns){ 0 };
}

/* --- frames --- */

static void mark_namespaces(struct adding *a)
{
	const struct heap_graph *g = a->g;

	memset(a->is_namespace, 0, g->nobjects);
	for (uint32_t e = 0; e < g->nedges; e++) {
		if (heap_is_namespace_edge(g, e))
			a->is_namespace[g->to[e]] = true;
	}
}

/* What tells the frame of one object from that of others. */
static struct frame key_of(const struct adding *a, uint32_t o)
{
	const struct heap_graph *g = a->g;
	uint32_t e = a->r->via[o];
	enum heap_category c = g->types[g->type[o]].category;
	struct frame f = { .type = g->type[o], .kind = HEAP_NEDGE_KINDS };

	if (c != HEAP_STRING && c != HEAP_NUMBER && c != HEAP_OBJECT)
		f.name = g->name[o];
	if (e == HEAP_NONE)
		return f;
	f.kind = g->kind[e];
	if (f.kind == HEAP_EDGE_KEY && a->is_namespace[a->r->parent[o]])
		f.kind = HEAP_EDGE_ATTRIBUTE; /* it reads as one */
	if (!heap_edge_is_numbered(f.kind) && f.kind != HEAP_EDGE_KEY &&
	    f.kind != HEAP_EDGE_KEY_ITSELF)
		f.label = g->label[e];
	return f;
}

static enum ps_status fill_frame(struct adding *a, uint32_t o, struct frame *f)
{
	struct heap_step_style style = { a->is_namespace[a->r->parent[o]], true };
	char text[HEAP_WORDS_MAX];
	uint32_t n = heap_words_object(a->g, o, text);

	f->vague = a->r->via[o] == HEAP_NONE && !f->name;
	PS_TRY(heap_texts_add(&a->p->texts, (struct profile_text){ text, n }, &f->what));
	if ((f->kind & BELOW_GROUP) && f->kind != (BELOW_GROUP | HEAP_EDGE_LOCAL))
		n = 0;
	else
		n = heap_words_edge(a->g, a->r->via[o], style, text);
	return heap_texts_add(&a->p->texts, (struct profile_text){ text, n }, &f->how);
}

static enum ps_status frame_of(struct adding *a, uint32_t o, uint32_t *ret)
{
	struct frame f = key_of(a, o);
	uint32_t hash, at = TABLE_START, id;

	/* What a group leads to says itself what it is: the frame has no "how". */
	if (a->g->types[a->g->type[a->r->parent[o]]].category == HEAP_GROUP)
		f.kind |= BELOW_GROUP;
	hash = hash_chosen_words(a->p->secret, (uint64_t)f.type << 32 | f.name,
				 (uint64_t)f.kind << 32 | f.label);
	while ((id = table_next(&a->table, hash, &at)) != TABLE_NONE) {
		if (memcmp(&a->frames[id], &f, offsetof(struct frame, what)) == 0) {
			*ret = id;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&a->p->mem, (void **)&a->frames, &a->cap, a->nframes + 1,
			   sizeof *a->frames));
	PS_TRY(table_reserve(&a->table));
	PS_TRY(fill_frame(a, o, &f));
	table_insert(&a->table, hash, a->nframes);
	*ret = a->nframes;
	a->frames[a->nframes++] = f;
	return PS_OK;
}

/* --- patterns --- */

static enum ps_status below(struct heap_patterns *p, uint32_t parent, const struct frame *f,
			    uint32_t *ret)
{
	uint32_t hash = hash_chosen_words(p->secret, parent, (uint64_t)f->what << 32 | f->how);
	uint32_t at = TABLE_START, id;
	const struct heap_pattern *above = &p->v[parent];

	*ret = parent;
	if ((above->what == f->what && above->how == f->how) || above->depth >= HEAP_PATTERN_DEPTH)
		return PS_OK;
	while ((id = table_next(&p->table, hash, &at)) != TABLE_NONE) {
		if (p->v[id].parent == parent && p->v[id].what == f->what &&
		    p->v[id].how == f->how) {
			*ret = id;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&p->mem, (void **)&p->v, &p->cap, p->n + 1, sizeof *p->v));
	PS_TRY(table_reserve(&p->table));
	table_insert(&p->table, hash, p->n);
	p->v[p->n] = (struct heap_pattern){ .parent = parent,
					    .what = f->what,
					    .how = f->how,
					    .depth = p->v[parent].depth + 1,
					    .vague = f->vague };
	*ret = p->n++;
	return PS_OK;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static void count(struct heap_pattern_sum *s, const struct heap_graph *g, uint32_t o)
{
	s->count++;
	s->size = sum(s->size, g->size[o]);
}

/* The dict of a module, a class or an instance, on the way from that. */
static bool is_part_of_parent(const struct adding *a, uint32_t o)
{
	uint32_t e = a->r->via[o];

	return e != HEAP_NONE && heap_is_namespace_edge(a->g, e);
}

static enum ps_status add_all(struct adding *a, uint32_t *pattern_of)
{
	const struct heap_routes *r = a->r;

	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t o = r->order[i], frame, pattern = 0;
		struct heap_pattern_sum *s;

		if (is_part_of_parent(a, o)) {
			pattern = pattern_of[r->parent[o]];
			s = &a->p->v[pattern].side[a->side];
			s->size = sum(s->size, a->g->size[o]);
		} else {
			if (o != HEAP_ROOT) {
				PS_TRY(frame_of(a, o, &frame));
				PS_TRY(below(a->p, pattern_of[r->parent[o]], &a->frames[frame],
					     &pattern));
			}
			count(&a->p->v[pattern].side[a->side], a->g, o);
		}
		pattern_of[o] = pattern;
	}
	for (uint32_t i = 0; i < a->p->n; i++)
		a->p->v[i].side[a->side].below = a->p->v[i].side[a->side].size;
	for (uint32_t i = a->p->n; i-- > 1;) {
		uint64_t *up = &a->p->v[a->p->v[i].parent].side[a->side].below;

		*up = sum(*up, a->p->v[i].side[a->side].below);
	}
	return PS_OK;
}

static enum ps_status add_with(struct adding *a, struct arena *scratch, uint32_t *pattern_of)
{
	PS_TRY(arena_take(scratch, a->g->nobjects, (void **)&a->is_namespace));
	if (!pattern_of)
		PS_TRY(arena_take(scratch, a->g->nobjects * sizeof *pattern_of,
				  (void **)&pattern_of));
	mark_namespaces(a);
	return add_all(a, pattern_of);
}

enum ps_status heap_patterns_add(struct heap_patterns *p, const struct heap_graph *g,
				 const struct heap_routes *r, unsigned side, uint32_t *pattern_of)
{
	struct adding a = { .p = p, .g = g, .r = r, .side = side };
	struct arena scratch;
	enum ps_status st;

	arena_init(&scratch, &p->mem);
	table_init(&a.table, &p->mem);
	st = add_with(&a, &scratch, pattern_of);
	p->mem.used -= a.cap * sizeof *a.frames;
	free(a.frames);
	table_deinit(&a.table);
	arena_deinit(&scratch);
	return st;
}
