/* SPDX-License-Identifier: MIT */
#include "profiler/heap_classes.h"

#include <stdlib.h>
#include <string.h>

/* The tree of dominators, to be gone through from above. */
struct tree {
	uint32_t *child, *next; /* by object: its first child, the next of its parent's */
	uint32_t *inside;       /* by class: how many objects of it the walk stands below */
};

static enum ps_status by_name(struct heap_graph *g, struct heap_classes *c, struct arena *scratch)
{
	uint32_t *seen; /* by text: its class plus 1 */

	PS_TRY(arena_take(scratch, g->texts.n * sizeof *seen, (void **)&seen));
	memset(seen, 0, g->texts.n * sizeof *seen);
	for (uint32_t t = 0; t < g->ntypes; t++) {
		uint32_t name = g->types[t].name;

		c->of_type[t] = HEAP_NONE;
		if (g->types[t].category == HEAP_GROUP)
			continue;
		if (!seen[name]) {
			c->v[c->n] = (struct heap_class){ .name = name };
			seen[name] = ++c->n;
		}
		c->of_type[t] = seen[name] - 1;
	}
	return PS_OK;
}

static enum ps_status plant(const struct heap_dominators *d, struct tree *t, uint32_t nclasses,
			    struct arena *scratch)
{
	PS_TRY(arena_take(scratch, d->n * sizeof *t->child, (void **)&t->child));
	PS_TRY(arena_take(scratch, d->n * sizeof *t->next, (void **)&t->next));
	PS_TRY(arena_take(scratch, nclasses * sizeof *t->inside, (void **)&t->inside));
	memset(t->child, 0xff, d->n * sizeof *t->child);
	memset(t->inside, 0, nclasses * sizeof *t->inside);
	for (uint32_t i = d->n; i-- > 1;) {
		uint32_t o = d->order[i], parent = d->of[o];

		t->next[o] = t->child[parent];
		t->child[parent] = o;
	}
	t->next[HEAP_ROOT] = HEAP_NONE;
	return PS_OK;
}

static void enter(const struct heap_graph *g, const struct heap_dominators *d, struct tree *t,
		  struct heap_classes *c, uint32_t o)
{
	uint32_t class = c->of_type[g->type[o]];

	if (class == HEAP_NONE)
		return;
	c->v[class].count++;
	c->v[class].size += g->size[o];
	if (!t->inside[class]++)
		c->v[class].retained += d->retained[o];
}

static void leave(const struct heap_graph *g, struct tree *t, const struct heap_classes *c,
		  uint32_t o)
{
	uint32_t class = c->of_type[g->type[o]];

	if (class != HEAP_NONE)
		t->inside[class]--;
}

/* Down to the first child, else on to the next, else up: the way back is in the tree. */
static void walk(const struct heap_graph *g, const struct heap_dominators *d, struct tree *t,
		 struct heap_classes *c)
{
	uint32_t o = HEAP_ROOT;

	for (;;) {
		enter(g, d, t, c, o);
		if (t->child[o] != HEAP_NONE) {
			o = t->child[o];
			continue;
		}
		leave(g, t, c, o);
		while (t->next[o] == HEAP_NONE) {
			if (o == HEAP_ROOT)
				return;
			o = d->of[o];
			leave(g, t, c, o);
		}
		o = t->next[o];
	}
}

static enum ps_status count(struct heap_graph *g, const struct heap_dominators *d,
			    struct heap_classes *c, struct arena *scratch)
{
	struct tree t;

	PS_TRY(by_name(g, c, scratch));
	PS_TRY(plant(d, &t, c->n, scratch));
	walk(g, d, &t, c);
	return PS_OK;
}

enum ps_status heap_classes_count(struct heap_graph *g, const struct heap_dominators *d,
				  struct heap_classes *ret)
{
	struct heap_classes c = { .mem = &g->mem, .ntypes = g->ntypes };
	struct arena scratch;
	enum ps_status st;

	arena_init(&scratch, &g->mem);
	st = mem_resize(c.mem, (void **)&c.v, 0, c.ntypes * sizeof *c.v);
	if (!st)
		st = mem_resize(c.mem, (void **)&c.of_type, 0, c.ntypes * sizeof *c.of_type);
	if (!st)
		st = count(g, d, &c, &scratch);
	arena_deinit(&scratch);
	if (st)
		heap_classes_deinit(&c);
	else
		*ret = c;
	return st;
}

void heap_classes_deinit(struct heap_classes *c)
{
	if (!c->mem)
		return;
	c->mem->used -= c->v ? c->ntypes * sizeof *c->v : 0;
	c->mem->used -= c->of_type ? c->ntypes * sizeof *c->of_type : 0;
	free(c->v);
	free(c->of_type);
	*c = (struct heap_classes){ 0 };
}
