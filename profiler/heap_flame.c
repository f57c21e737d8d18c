/* SPDX-License-Identifier: MIT */
#include "profiler/heap_flame.h"

#include <stdlib.h>
#include <string.h>

enum { STATE_SHOWN = STATE_GIL | STATE_WORK | STATE_CPU };

static const char SMALLER[] = "(smaller ones)";

/* A total takes 32 bits at a time. */
static enum ps_status add(struct profile *p, thread_id t, stack_id s, uint64_t bytes)
{
	while (bytes) {
		uint32_t part = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;

		PS_TRY(profile_add(p, t, s, STATE_SHOWN, part));
		bytes -= part;
	}
	return PS_OK;
}

/* A profile does not show what has no frame: what is small and has nothing above it gets one. */
static enum ps_status push_smaller(struct profile *ret, stack_id *stack)
{
	struct profile_function f = { .name = { SMALLER, sizeof SMALLER - 1 } };
	func_id id;

	PS_TRY(profile_function(ret, &f, &id));
	return profile_push(ret, STACK_EMPTY, id, 0, stack);
}

static enum ps_status fill(const struct heap_patterns *p, stack_id *stack, thread_id t,
			   struct profile *ret)
{
	uint64_t least = p->v[0].side[0].below / HEAP_FLAME_PARTS;

	stack[0] = STACK_EMPTY;
	for (uint32_t i = 1; i < p->n; i++) {
		const struct heap_pattern *v = &p->v[i];
		struct profile_function f = { .name = heap_pattern_what(p, i),
					      .file = heap_pattern_how(p, i) };
		func_id id;

		stack[i] = stack[v->parent];
		/* All that is below is smaller still, so it ends up with the same parent. */
		if (v->side[0].below >= least) {
			PS_TRY(profile_function(ret, &f, &id));
			PS_TRY(profile_push(ret, stack[v->parent], id, 0, &stack[i]));
		} else if (v->parent == 0) {
			PS_TRY(push_smaller(ret, &stack[i]));
		}
		PS_TRY(add(ret, t, stack[i], v->side[0].size));
	}
	return PS_OK;
}

enum ps_status heap_flame_fill(const struct heap_patterns *p, struct profile *ret)
{
	struct profile_thread heap = { .name = { "heap", 4 } };
	stack_id *stack = malloc(p->n * sizeof *stack);
	thread_id t;
	enum ps_status st;

	if (!stack)
		return PS_NOMEM;
	st = profile_thread(ret, &heap, &t);
	if (!st)
		st = fill(p, stack, t, ret);
	free(stack);
	return st;
}
