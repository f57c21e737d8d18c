/* SPDX-License-Identifier: MIT */
#include "tests/support/built_report.h"

#include <criterion/criterion.h>

void built_report(struct built_dump *d, struct built_report *ret)
{
	struct heap_graph *g = &ret->dump.graph;
	struct ps_err err = { 0 };

	cr_assert_eq(heap_dump_parse(d->bytes, d->len, 1u << 30, &ret->dump, &err), PS_OK, "%s",
		     err.msg);
	dump_free(d);
	cr_assert_eq(heap_dominators_find(g, &ret->dominators), PS_OK);
	cr_assert_eq(heap_routes_shortest(g, &ret->shortest), PS_OK);
	cr_assert_eq(heap_routes_dominating(g, &ret->dominators, &ret->dominating), PS_OK);
}

void built_report_free(struct built_report *r)
{
	heap_routes_deinit(&r->shortest);
	heap_routes_deinit(&r->dominating);
	heap_dominators_deinit(&r->dominators);
	heap_dump_close(&r->dump);
}
