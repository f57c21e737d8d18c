/* SPDX-License-Identifier: MIT */
/* What the readers insist on (DevTools: HeapSnapshotLoader.ts, HeapSnapshot.ts; memlab:
 * HeapParser, StringLoader):
 *
 *  1. The keys come in the order below, for they are searched for one after the other, with
 *     no blank before their colon; `strings` is the last.
 *  2. An edge's target is the number of its node times the number of fields.
 *  3. The name of an edge is a string, but a plain number for "element" and "hidden".
 *  4. All numbers fit 32 bits; ids are odd, for even ones are those of native objects.
 *  5. Node 0 is the root, "synthetic", with an empty name.
 *  6. The type of an object is its name, by which objects are grouped; "Object" would be
 *     taken for a literal of JavaScript, and grouped by its properties.
 *
 * The string of text t is number t + FIRST_TEXT. */
#include "output/heap_snapshot.h"

#include "output/digits.h"
#include "output/json.h"
#include "output/snapshot_ids.h"

#include <stdlib.h>
#include <string.h>

enum { NODE_FIELDS = 6, VALUE_MAX = 1024 };

enum node_type {
	NODE_STRING = 2,
	NODE_OBJECT = 3,
	NODE_CODE = 4,
	NODE_CLOSURE = 5,
	NODE_NUMBER = 7,
	NODE_SYNTHETIC = 9,
};

enum edge_type {
	EDGE_CONTEXT,
	EDGE_ELEMENT,
	EDGE_PROPERTY,
	EDGE_INTERNAL,
	EDGE_WEAK = 6,
};

enum own_string { STRING_DUMMY, STRING_KEY, STRING_OBJECT, FIRST_TEXT };
static const char *const own_strings[FIRST_TEXT] = {
	[STRING_DUMMY] = "<dummy>",
	[STRING_KEY] = "(key)",
	[STRING_OBJECT] = "Object (Python)",
};

static const char head[] =
	"{\"snapshot\":{\"meta\":{"
	"\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"detachedness\"],"
	"\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\","
	"\"regexp\",\"number\",\"native\",\"synthetic\",\"concatenated string\","
	"\"sliced string\",\"symbol\",\"bigint\",\"object shape\"],"
	"\"string\",\"number\",\"number\",\"number\",\"number\"],"
	"\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"
	"\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\","
	"\"shortcut\",\"weak\"],\"string_or_number\",\"node\"],"
	"\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\","
	"\"line\",\"column\"],"
	"\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],"
	"\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],"
	"\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]},";

/* --- nodes and edges --- */

static enum node_type node_type(const struct heap_graph *g, uint32_t object)
{
	static const enum node_type types[HEAP_NCATEGORIES] = {
		[HEAP_OBJECT] = NODE_OBJECT,    [HEAP_STRING] = NODE_STRING,
		[HEAP_NUMBER] = NODE_NUMBER,    [HEAP_CONTAINER] = NODE_OBJECT,
		[HEAP_FUNCTION] = NODE_CLOSURE, [HEAP_CODE] = NODE_CODE,
		[HEAP_MODULE] = NODE_OBJECT,    [HEAP_TYPE] = NODE_OBJECT,
		[HEAP_GROUP] = NODE_OBJECT,
	};

	return object == HEAP_ROOT ? NODE_SYNTHETIC : types[g->types[g->type[object]].category];
}

static uint32_t node_name(const struct heap_graph *g, uint32_t object, uint32_t object_text)
{
	enum heap_category c = g->types[g->type[object]].category;
	uint32_t type = g->types[g->type[object]].name;

	if (g->name[object] && c != HEAP_OBJECT && c != HEAP_CONTAINER && c != HEAP_MODULE &&
	    c != HEAP_TYPE)
		return g->name[object] + FIRST_TEXT;
	if (object != HEAP_ROOT && type == object_text)
		return STRING_OBJECT;
	return type + FIRST_TEXT;
}

static void write_nodes(const struct heap_graph *g, uint32_t object_text, struct snapshot_ids *ids,
			struct digits *d)
{
	for (uint32_t o = 0; o < g->nobjects; o++) {
		uint64_t size = g->size[o] < UINT32_MAX ? g->size[o] : UINT32_MAX;
		uint64_t number = snapshot_ids_take(ids, g->id[o]);

		if (o)
			digits_char(d, ',');
		digits_number(d, node_type(g, o));
		digits_char(d, ',');
		digits_number(d, node_name(g, o, object_text));
		digits_char(d, ',');
		digits_number(d, 2 * number + 1);
		digits_char(d, ',');
		digits_number(d, size);
		digits_char(d, ',');
		digits_number(d, g->first[o + 1] - g->first[o]);
		digits_char(d, ',');
		digits_char(d, '0');
		digits_char(d, '\n');
	}
	digits_flush(d);
}

static const enum edge_type edge_types[HEAP_NEDGE_KINDS] = {
	[HEAP_EDGE_ATTRIBUTE] = EDGE_PROPERTY, [HEAP_EDGE_KEY] = EDGE_PROPERTY,
	[HEAP_EDGE_INDEX] = EDGE_ELEMENT,      [HEAP_EDGE_KEY_ITSELF] = EDGE_INTERNAL,
	[HEAP_EDGE_LOCAL] = EDGE_CONTEXT,      [HEAP_EDGE_CELL] = EDGE_CONTEXT,
	[HEAP_EDGE_INTERNAL] = EDGE_INTERNAL,  [HEAP_EDGE_ELEMENT] = EDGE_ELEMENT,
	[HEAP_EDGE_UNNAMED] = EDGE_ELEMENT,    [HEAP_EDGE_WEAK] = EDGE_WEAK,
};

static void write_edges(const struct heap_graph *g, struct digits *d)
{
	for (uint32_t e = 0; e < g->nedges; e++) {
		enum heap_edge_kind kind = g->kind[e];
		uint32_t name = g->label[e];

		if (kind == HEAP_EDGE_KEY_ITSELF)
			name = STRING_KEY;
		else if (!heap_edge_is_numbered(kind))
			name += FIRST_TEXT;
		if (e)
			digits_char(d, ',');
		digits_number(d, edge_types[kind]);
		digits_char(d, ',');
		digits_number(d, name);
		digits_char(d, ',');
		digits_number(d, (uint64_t)g->to[e] * NODE_FIELDS);
		digits_char(d, '\n');
	}
	digits_flush(d);
}

/* --- strings --- */

static uint32_t code_point(const unsigned char *s, unsigned len)
{
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fu >> len);

	for (unsigned i = 1; i < len; i++)
		c = c << 6 | (s[i] & 0x3f);
	return len ? c : 0xfffd;
}

static void write_char(uint32_t c, FILE *out)
{
	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", (int)c);
	else if (c >= 0x20 && c < 0x7f)
		putc((int)c, out);
	else if (c < 0x10000)
		fprintf(out, "\\u%04x", c);
	else
		fprintf(out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

static void write_string(struct profile_text t, FILE *out)
{
	const unsigned char *s = (const unsigned char *)t.at;
	uint32_t end = t.len < VALUE_MAX ? t.len : VALUE_MAX;

	putc('"', out);
	for (uint32_t i = 0; i < end;) {
		unsigned len = utf8_length(s + i, t.len - i);

		write_char(code_point(s + i, len), out);
		i += len ? len : 1;
	}
	putc('"', out);
}

static void write_strings(const struct heap_graph *g, FILE *out)
{
	for (uint32_t i = 0; i < FIRST_TEXT; i++)
		fprintf(out, "%s\"%s\"", i ? ",\n" : "", own_strings[i]);
	for (uint32_t t = 0; t < g->texts.n; t++) {
		fputs(",\n", out);
		write_string(heap_graph_text_at(g, t), out);
	}
}

/* --- */

static uint32_t find_object_text(const struct heap_graph *g)
{
	for (uint32_t t = 0; t < g->texts.n; t++) {
		struct profile_text text = heap_graph_text_at(g, t);

		if (text.len == 6 && memcmp(text.at, "Object", 6) == 0)
			return t;
	}
	return HEAP_NONE;
}

static enum ps_status write_all(const struct heap_graph *g, struct snapshot_ids *ids,
				struct digits *d, FILE *out)
{
	fprintf(out, "%s\"node_count\":%u,\"edge_count\":%u,\"trace_function_count\":0},\n", head,
		g->nobjects, g->nedges);
	fputs("\"nodes\":[", out);
	write_nodes(g, find_object_text(g), ids, d);
	fputs("],\n\"edges\":[", out);
	write_edges(g, d);
	fputs("],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n"
	      "\"locations\":[],\n\"strings\":[",
	      out);
	write_strings(g, out);
	fputs("]}\n", out);
	return fflush(out) || ferror(out) ? PS_IO : PS_OK;
}

enum ps_status heap_snapshot_write(struct heap_graph *g, FILE *out, struct ps_err *err)
{
	struct digits *d = NULL;
	struct arena scratch;
	struct snapshot_ids ids;
	enum ps_status st;

	if (g->nobjects > UINT32_MAX / NODE_FIELDS || g->texts.n > UINT32_MAX - FIRST_TEXT)
		return ps_fail(err, PS_LIMIT, "a .heapsnapshot can't hold so many objects");
	arena_init(&scratch, &g->mem);
	st = snapshot_ids_init(&ids, &scratch, g->nobjects);
	if (!st)
		st = arena_take(&scratch, sizeof *d, (void **)&d);
	if (!st) {
		d->out = out;
		d->n = 0;
		st = write_all(g, &ids, d, out);
	}
	arena_deinit(&scratch);
	if (st)
		ps_fail(err, st, "%s",
			st == PS_IO ? "the snapshot could not be written"
				    : "there is not enough memory for its ids");
	return st;
}
