/* SPDX-License-Identifier: MIT */
#include "profiler/heap_rpy_parts.h"

enum { DUMP_START = 16 };

/* What the walk tells. */
static enum ps_status mark_told(struct rpy *r)
{
	struct heap_cursor from = r->dump;
	struct rpy_chunk c;
	enum ps_status st;

	if (!heap_take_bytes(&from, DUMP_START))
		return rpy_fail(r, "it broke off");
	while ((st = rpy_next_chunk(r, &from, &c)) == PS_OK) {
		struct heap_words ids;
		uint64_t n;

		if (c.kind != RPY_OBJECTS)
			continue;
		heap_take_u64(&c.payload);
		n = heap_take_u64(&c.payload);
		heap_take_u64(&c.payload);
		ids = heap_take64(&c.payload, n);
		if (c.payload.bad || n > RPY_OBJECTS_MAX)
			return rpy_fail(r, "objects that are not there");
		for (uint64_t i = 0; i < n; i++) {
			uint32_t found = rpy_find_told(r, heap_word64(ids, i));

			if (found != HEAP_IDS_NONE)
				r->state[found] = RPY_TOLD;
		}
	}
	return st == PS_NOT_READY ? PS_OK : st;
}

static void mark_own(struct rpy *r)
{
	for (uint64_t i = 0; i < r->nown; i++) {
		uint32_t found = heap_ids_find(&r->ids, heap_word64(r->own, i));

		if (found != HEAP_IDS_NONE && !r->state[found])
			r->state[found] = RPY_OWN;
	}
}

/* A record gets onto the stack once, when it becomes hidden. */
static void meet(struct rpy *r, uint32_t *stack, uint32_t *n, uint32_t record)
{
	if (r->state[record])
		return;
	r->state[record] = RPY_HIDDEN;
	stack[(*n)++] = record;
}

static void meet_refs(struct rpy *r, uint32_t *stack, uint32_t *n, uint32_t record)
{
	uint64_t pos = 0;
	uint32_t to;

	while ((to = rpy_next_ref(r, record, &pos)) != HEAP_IDS_NONE)
		meet(r, stack, n, to);
}

enum ps_status rpy_reach(struct rpy *r)
{
	size_t bytes = ((size_t)r->n + 1) * sizeof(uint32_t);
	uint32_t *stack = NULL, n = 0;

	PS_TRY(mark_told(r));
	mark_own(r);
	PS_TRY(mem_resize(&r->mem, (void **)&stack, 0, bytes));
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->state[i] == RPY_TOLD)
			meet_refs(r, stack, &n, i);
		else if (i < r->nroots)
			meet(r, stack, &n, i);
	}
	while (n) {
		n--;
		meet_refs(r, stack, &n, stack[n]);
	}
	return mem_resize(&r->mem, (void **)&stack, bytes, 0);
}
