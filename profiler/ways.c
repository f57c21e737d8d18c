/* SPDX-License-Identifier: MIT */
#include "profiler/ways.h"

#include "profiler/mem.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 512 }; /* a power of two; three quarters are used */

struct ways_entry {
	struct way_node from;
	uint32_t code;
	uint32_t n;      /* ways that there are; 0: a free entry */
	uint32_t newest; /* the index of the one that was noted last */
	struct way way[WAYS_EACH];
};

enum ps_status ways_init(struct ways *s)
{
	*s = (struct ways){ .v = calloc(ENTRIES_MAX, sizeof *s->v) };
	return s->v ? PS_OK : PS_NOMEM;
}

void ways_deinit(struct ways *s)
{
	free(s->v);
	*s = (struct ways){ 0 };
}

void ways_clear(struct ways *s)
{
	memset(s->v, 0, ENTRIES_MAX * sizeof *s->v);
	s->used = 0;
}

/* Open addressing, never full, so that every search ends. */
static struct ways_entry *entry_slot(const struct ways *s, struct way_node from, uint32_t code)
{
	uint32_t i = hash_words(hash_words(from.code, from.unit), code) % ENTRIES_MAX;

	for (; s->v[i].n; i = (i + 1) % ENTRIES_MAX) {
		const struct ways_entry *e = &s->v[i];

		if (e->from.code == from.code && e->from.unit == from.unit && e->code == code)
			break;
	}
	return &s->v[i];
}

bool ways_have_room(const struct ways *s)
{
	return s->used < ENTRIES_MAX / 4 * 3;
}

/* Where the last generator stands is no part of the way to it. */
static bool is_same_way(const struct way *a, const struct way *b)
{
	return a->n == b->n && memcmp(a->node, b->node, (a->n - 1) * sizeof *a->node) == 0;
}

void ways_note(struct ways *s, struct way_node from, const struct way *way)
{
	struct ways_entry *e;
	uint32_t i = 0;

	if (!way->n || way->n > WAY_NODES)
		return;
	e = entry_slot(s, from, way->node[way->n - 1].code);
	if (!e->n) {
		if (!ways_have_room(s))
			return;
		s->used++;
		e->from = from;
		e->code = way->node[way->n - 1].code;
		e->newest = 0;
	}
	while (i < e->n && !is_same_way(&e->way[i], way))
		i++;
	if (i == WAYS_EACH)
		i = (e->newest + 1) % WAYS_EACH;
	else if (i == e->n)
		e->n++;
	e->way[i] = *way;
	e->newest = i;
}

unsigned ways_find(const struct ways *s, struct way_node from, uint32_t code,
		   const struct way *ret[static WAYS_EACH])
{
	const struct ways_entry *e = entry_slot(s, from, code);

	for (uint32_t i = 0; i < e->n; i++)
		ret[i] = &e->way[(e->newest + i) % e->n];
	return e->n;
}
