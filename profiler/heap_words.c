/* SPDX-License-Identifier: MIT */
#include "profiler/heap_words.h"

#include <stdio.h>

enum { PART = 512 };

static int cut(struct profile_text t)
{
	return (int)(t.len < PART ? t.len : PART);
}

static bool shows_name(enum heap_category c)
{
	return c != HEAP_OBJECT && c != HEAP_STRING && c != HEAP_NUMBER;
}

uint32_t heap_words_object(const struct heap_graph *g, uint32_t object,
			   char ret[static HEAP_WORDS_MAX])
{
	enum heap_category c = g->types[g->type[object]].category;
	struct profile_text type = heap_graph_type_name(g, object);
	struct profile_text name = heap_graph_text_at(g, g->name[object]);
	const char *between = c == HEAP_CONTAINER ? " of " : " ";
	int n;

	if (object == HEAP_ROOT)
		n = snprintf(ret, HEAP_WORDS_MAX, "(root)");
	else if (c == HEAP_GROUP)
		n = snprintf(ret, HEAP_WORDS_MAX, "%.*s", cut(name), name.at);
	else if (name.len && shows_name(c))
		n = snprintf(ret, HEAP_WORDS_MAX, "%.*s%s%.*s", cut(type), type.at, between,
			     cut(name), name.at);
	else
		n = snprintf(ret, HEAP_WORDS_MAX, "%.*s", cut(type), type.at);
	return (uint32_t)n;
}

uint32_t heap_words_edge(const struct heap_graph *g, uint32_t edge, struct heap_step_style style,
			 char ret[static HEAP_WORDS_MAX])
{
	enum heap_edge_kind kind = edge == HEAP_NONE ? HEAP_EDGE_UNNAMED : g->kind[edge];
	struct profile_text t = { "", 0 };
	int n = 0;

	if (edge == HEAP_NONE)
		return (uint32_t)snprintf(ret, HEAP_WORDS_MAX, "..");
	if (!heap_edge_is_numbered(kind))
		t = heap_graph_text_at(g, g->label[edge]);
	switch (kind) {
	case HEAP_EDGE_KEY:
		if (style.in_namespace)
			n = snprintf(ret, HEAP_WORDS_MAX, ".%.*s", cut(t), t.at);
		else if (style.any)
			n = snprintf(ret, HEAP_WORDS_MAX, "[*]");
		else
			n = snprintf(ret, HEAP_WORDS_MAX, "['%.*s']", cut(t), t.at);
		break;
	case HEAP_EDGE_INDEX:
		if (style.any)
			n = snprintf(ret, HEAP_WORDS_MAX, "[*]");
		else
			n = snprintf(ret, HEAP_WORDS_MAX, "[%u]", g->label[edge]);
		break;
	case HEAP_EDGE_ELEMENT:
		n = snprintf(ret, HEAP_WORDS_MAX, "{*}");
		break;
	case HEAP_EDGE_KEY_ITSELF:
		n = snprintf(ret, HEAP_WORDS_MAX, "(key)");
		break;
	case HEAP_EDGE_UNNAMED:
		n = snprintf(ret, HEAP_WORDS_MAX, "(unnamed)");
		break;
	case HEAP_EDGE_LOCAL:
	case HEAP_EDGE_CELL:
		n = snprintf(ret, HEAP_WORDS_MAX, "%s %.*s",
			     kind == HEAP_EDGE_LOCAL ? "local" : "closure", cut(t), t.at);
		break;
	default:
		n = snprintf(ret, HEAP_WORDS_MAX, "%s%.*s",
			     kind == HEAP_EDGE_WEAK ? "weakly ." : ".", cut(t), t.at);
	}
	return (uint32_t)n;
}

const char *heap_words_bytes(uint64_t bytes, char ret[static HEAP_BYTES_MAX])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes / 1024;
	int unit = 0;

	if (bytes < 1024) {
		snprintf(ret, HEAP_BYTES_MAX, "%u B", (unsigned)bytes);
		return ret;
	}
	while (v >= 1023.95) {
		v /= 1024;
		unit++;
	}
	snprintf(ret, HEAP_BYTES_MAX, "%.1f %s", v, units[unit]);
	return ret;
}

const char *heap_words_change(uint64_t before, uint64_t after, char ret[static HEAP_BYTES_MAX])
{
	char size[HEAP_BYTES_MAX];

	heap_words_bytes(after > before ? after - before : before - after, size);
	snprintf(ret, HEAP_BYTES_MAX, "%s%.20s",
		 after > before   ? "+"
		 : after < before ? "-"
				  : "",
		 size);
	return ret;
}
