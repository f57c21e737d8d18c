/* SPDX-License-Identifier: MIT */
#include "output/heap_jsonl.h"
#include "output/heap_snapshot.h"
#include "profiler/heap_diff.h"
#include "profiler/heap_dump.h"
#include "profiler/heap_flame.h"
#include "profiler/heap_path.h"
#include "profiler/heap_summary.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct heap_graph *g)
{
	CHECK(g->nobjects >= 2 && g->first[g->nobjects] == g->nedges);
	for (uint32_t o = 0; o < g->nobjects; o++) {
		CHECK(g->first[o] <= g->first[o + 1]);
		CHECK(g->type[o] < g->ntypes && g->name[o] < g->texts.n);
	}
	for (uint32_t e = 0; e < g->nedges; e++)
		CHECK(g->to[e] < g->nobjects && g->kind[e] < HEAP_NEDGE_KINDS);
}

/* What keeps what, as a profile. */
static void flame(struct heap_graph *g, const struct heap_dominators *d)
{
	struct heap_patterns patterns;
	struct heap_routes routes;
	struct profile *profile;
	enum ps_status st = heap_patterns_init(&patterns, 1u << 26);

	if (!st && heap_routes_dominating(g, d, &routes) == PS_OK) {
		st = heap_patterns_add(&patterns, g, &routes, 0, NULL);
		if (!st && profile_create(1u << 26, &profile) == PS_OK) {
			(void)!heap_flame_fill(&patterns, profile);
			profile_destroy(profile);
		}
		heap_routes_deinit(&routes);
	}
	heap_patterns_deinit(&patterns);
}

/* All that may be told of it. */
static void tell(struct heap_dump *dump, const struct heap_dominators *d, FILE *out)
{
	struct heap_diff_side same = { dump, d }, both[] = { same, same };
	struct heap_path path = { dump, d, NULL, 3 };
	struct heap_routes shortest;
	struct heap_summary s;

	(void)!heap_snapshot_write(&dump->graph, out, NULL);
	(void)!heap_jsonl_write(dump, d, out, NULL);
	flame(&dump->graph, d);
	(void)!heap_diff_write(both, 5, 1u << 26, out);
	if (heap_summary_make(dump, d, HEAP_BY_RETAINED, 5, &s) == PS_OK) {
		heap_summary_write(&s, out);
		heap_summary_write_json(&s, out);
		heap_summary_deinit(&s);
	}
	if (heap_routes_shortest(&dump->graph, &shortest) != PS_OK)
		return;
	path.shortest = &shortest;
	(void)!heap_path_write_object(&path, dump->graph.nobjects / 2, out);
	for (uint32_t t = 1; t < dump->graph.ntypes && t < 4; t++)
		(void)!heap_path_write_type(&path, dump->graph.types[t].name, out);
	heap_routes_deinit(&shortest);
}

static void look_at(struct heap_dump *dump)
{
	struct heap_graph *g = &dump->graph;
	struct heap_dominators d;
	FILE *out = fopen("/dev/null", "w");

	check(g);
	if (out && heap_dominators_find(g, &d) == PS_OK) {
		for (uint32_t o = 0; o < g->nobjects; o++)
			CHECK(d.of[o] < g->nobjects && d.retained[o] <= d.retained[HEAP_ROOT]);
		tell(dump, &d, out);
		heap_dominators_deinit(&d);
	}
	if (out)
		fclose(out);
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
	look_at(&d);
	heap_dump_close(&d);
	return 0;
}
