/* SPDX-License-Identifier: MIT */
#include "output/heap_jsonl.h"

#include "output/json.h"

static const char *const categories[HEAP_NCATEGORIES] = {
	[HEAP_OBJECT] = "object",       [HEAP_STRING] = "string",     [HEAP_NUMBER] = "number",
	[HEAP_CONTAINER] = "container", [HEAP_FUNCTION] = "function", [HEAP_CODE] = "code",
	[HEAP_MODULE] = "module",       [HEAP_TYPE] = "type",         [HEAP_GROUP] = "group",
};

static void put_number(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_uint(j, v);
}

static void put_text(struct json *j, const char *key, struct profile_text t)
{
	json_key(j, key);
	json_text(j, t);
}

static void write_head(struct json *j, const struct heap_dump *dump)
{
	const struct heap_facts *f = &dump->facts;

	json_open(j, '{');
	json_key(j, "format");
	json_string(j, "pysample heap");
	put_number(j, "version", 1);
	put_number(j, "pid", f->pid);
	put_number(j, "time_ns", f->time_ns);
	put_text(j, "implementation", heap_graph_text_at(&dump->graph, f->implementation));
	put_text(j, "python", heap_graph_text_at(&dump->graph, f->version));
	put_number(j, "objects", f->objects);
	put_number(j, "size", f->size);
	put_number(j, "lines", dump->graph.nobjects);
	json_close(j, '}');
	putc('\n', j->out);
}

static void write_edge(struct json *j, const struct heap_graph *g, uint32_t e)
{
	enum heap_edge_kind kind = g->kind[e];

	json_open(j, '{');
	json_key(j, "kind");
	json_string(j, heap_edge_kind_name(kind));
	if (heap_edge_is_numbered(kind))
		put_number(j, "index", g->label[e]);
	else
		put_text(j, "name", heap_graph_text_at(g, g->label[e]));
	put_number(j, "to", g->id[g->to[e]]);
	json_close(j, '}');
}

static void write_object(struct json *j, const struct heap_graph *g,
			 const struct heap_dominators *d, uint32_t o)
{
	json_open(j, '{');
	put_number(j, "id", g->id[o]);
	put_text(j, "type", heap_graph_type_name(g, o));
	json_key(j, "category");
	json_string(j, categories[g->types[g->type[o]].category]);
	put_number(j, "size", g->size[o]);
	put_number(j, "retained", d->retained[o]);
	put_number(j, "dominator", g->id[d->of[o]]);
	if (g->name[o])
		put_text(j, "name", heap_graph_text_at(g, g->name[o]));
	json_key(j, "edges");
	json_open(j, '[');
	for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++)
		write_edge(j, g, e);
	json_close(j, ']');
	json_close(j, '}');
	putc('\n', j->out);
}

enum ps_status heap_jsonl_write(const struct heap_dump *dump, const struct heap_dominators *d,
				FILE *out, struct ps_err *err)
{
	struct json head = { .out = out };

	write_head(&head, dump);
	for (uint32_t o = 0; o < dump->graph.nobjects; o++) {
		struct json line = { .out = out };

		write_object(&line, &dump->graph, d, o);
	}
	if (fflush(out) || ferror(out))
		return ps_fail(err, PS_IO, "the lines could not be written");
	return PS_OK;
}
