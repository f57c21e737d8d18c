/* SPDX-License-Identifier: MIT */
#include "profiler/heap_dominators.h"
#include "profiler/heap_dump.h"
#include "tests/fuzz/fuzz.h"

static void check(struct heap_graph *g)
{
	struct heap_dominators d;

	CHECK(g->nobjects >= 2 && g->first[g->nobjects] == g->nedges);
	for (uint32_t o = 0; o < g->nobjects; o++) {
		CHECK(g->first[o] <= g->first[o + 1]);
		CHECK(g->type[o] < g->ntypes && g->name[o] < g->texts.n);
	}
	for (uint32_t e = 0; e < g->nedges; e++)
		CHECK(g->to[e] < g->nobjects && g->kind[e] < HEAP_NEDGE_KINDS);
	if (heap_dominators_find(g, &d) != PS_OK)
		return;
	for (uint32_t o = 0; o < g->nobjects; o++)
		CHECK(d.of[o] < g->nobjects && d.retained[o] <= d.retained[HEAP_ROOT]);
	heap_dominators_deinit(&d);
}

/* A dump, whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ps_err err = { 0 };
	struct heap_dump d;
	enum ps_status st = heap_dump_parse(data, size, 1u << 26, &d, &err);

	if (st) {
		CHECK(err.msg[0]);
		return 0;
	}
	check(&d.graph);
	heap_dump_close(&d);
	return 0;
}
