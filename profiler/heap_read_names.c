/* SPDX-License-Identifier: MIT */
/* What things of a dump are called: texts, strings, types, and names of objects. */
#include "profiler/heap_reader.h"

#include "output/json.h"

#include <stdio.h>

enum { HEAP_WORDS = 25 };

/* --- texts and names --- */

/* Copies one character, or what stands for it; returns its bytes at s. */
static uint32_t clean_one(const unsigned char *s, uint32_t left, char *ret, uint32_t *n)
{
	unsigned len = utf8_length(s, left);

	if (len == 0) {
		memcpy(ret + *n, "\xef\xbf\xbd", 3);
		*n += 3;
		return 1;
	}
	if (*s < 0x20 || *s == 0x7f || (len == 2 && s[0] == 0xc2 && s[1] < 0xa0)) {
		ret[(*n)++] = ' ';
		return len;
	}
	memcpy(ret + *n, s, len);
	*n += len;
	return len;
}

enum ps_status heap_reader_text(struct heap_reader *r, const unsigned char *at, uint32_t len,
				uint32_t *ret)
{
	char text[3 * HEAP_TEXT_MAX];
	uint32_t n = 0, i = 0;

	if (len > HEAP_TEXT_MAX) {
		len = HEAP_TEXT_MAX;
		while (len && (at[len] & 0xc0) == 0x80)
			len--;
	}
	while (i < len)
		i += clean_one(at + i, len - i, text, &n);
	return heap_texts_add(&r->graph->texts, (struct profile_text){ text, n }, ret);
}

/* An object that serves as a name and is no string: what it is has to do. */
static enum ps_status type_as_name(struct heap_reader *r, uint32_t type, uint32_t *ret)
{
	struct profile_text name = heap_graph_text_at(r->graph, r->graph->types[type].name);
	char text[HEAP_TEXT_MAX];
	int n;

	if (!r->type_mark[type]) {
		n = snprintf(text, sizeof text, "<%.*s>", (int)(name.len < 1000 ? name.len : 1000),
			     name.at);
		PS_TRY(heap_reader_text(r, (unsigned char *)text, (uint32_t)n, ret));
		r->type_mark[type] = *ret + 1;
	}
	*ret = r->type_mark[type] - 1;
	return PS_OK;
}

enum ps_status heap_reader_name(struct heap_reader *r, uint64_t id, uint32_t *ret)
{
	uint32_t object;

	*ret = id ? heap_ids_find(&r->strings, id) : 0;
	if (*ret != HEAP_IDS_NONE)
		return PS_OK;
	object = heap_ids_find(&r->objects, id);
	if (object != HEAP_IDS_NONE)
		return type_as_name(r, r->graph->type[object], ret);
	return heap_reader_text(r, (const unsigned char *)"?", 1, ret);
}

/* --- chunks --- */

enum ps_status heap_read_strings(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	uint64_t n = heap_take_u64(c);
	struct heap_words ids = heap_take64(c, n), ends = heap_take32(c, n);
	const unsigned char *bytes = c->at;
	uint32_t at = 0, text;

	(void)flags;
	PS_TRY(heap_reader_check(r, c));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t id = heap_word64(ids, i);
		uint32_t end = heap_word32(ends, i);

		if (end < at || end > c->left)
			return heap_reader_fail(r, "texts that end beyond their bytes");
		if (!id)
			return heap_reader_fail(r, "a string whose id is none");
		if (heap_ids_find(&r->strings, id) == HEAP_IDS_NONE) {
			PS_TRY(heap_reader_text(r, bytes + at, end - at, &text));
			PS_TRY(heap_ids_add(&r->strings, id, text));
		}
		at = end;
	}
	heap_take_bytes(c, at);
	r->told_strings += n;
	return heap_reader_check(r, c);
}

static enum heap_category category_of(uint32_t shape, bool heap_type)
{
	if (shape == 16 || shape == 17)
		return shape == 16 ? HEAP_TYPE : HEAP_MODULE;
	/* A class of the program's own is to be told by its name, whatever it derives from. */
	if (heap_type || shape == 0)
		return HEAP_OBJECT;
	if (shape <= 3)
		return HEAP_STRING;
	if (shape >= 5 && shape <= 8)
		return HEAP_NUMBER;
	if ((shape >= 10 && shape <= 14) || shape >= 30)
		return HEAP_CONTAINER;
	if (shape >= 18 && shape <= 20)
		return HEAP_FUNCTION;
	return shape == 21 ? HEAP_CODE : HEAP_OBJECT;
}

/* "module.name", and "name" of what is built in. */
static enum ps_status name_type(struct heap_reader *r, const unsigned char *text, uint32_t module,
				uint32_t name, uint32_t *ret)
{
	char full[HEAP_TEXT_MAX];
	int n;

	if (module == 0 || (module == 8 && memcmp(text, "builtins", 8) == 0))
		return heap_reader_text(r, text + module, name, ret);
	n = snprintf(full, sizeof full, "%.*s.%.*s", (int)(module < 500 ? module : 500),
		     (const char *)text, (int)(name < 500 ? name : 500),
		     (const char *)text + module);
	return heap_reader_text(r, (unsigned char *)full, (uint32_t)n, ret);
}

static enum ps_status add_type(struct heap_reader *r, uint64_t id, struct heap_type t)
{
	struct mem *m = &r->graph->mem;
	uint32_t type;

	PS_TRY(heap_graph_type(r->graph, t, &type));
	PS_TRY(mem_reserve(m, (void **)&r->type_id, &r->type_ids_cap, type + 1,
			   sizeof *r->type_id));
	PS_TRY(mem_reserve(m, (void **)&r->type_mark, &r->type_marks_cap, type + 1,
			   sizeof *r->type_mark));
	r->type_id[type] = id;
	r->type_mark[type] = 0;
	return heap_ids_add(&r->types, id, type);
}

enum ps_status heap_read_type(struct heap_reader *r, struct heap_cursor *c, uint32_t flags)
{
	uint64_t id = heap_take_u64(c);
	uint32_t shape, type_flags, module, name;
	const unsigned char *text;
	struct heap_type t;

	(void)flags;
	heap_take_u64(c);
	heap_take_u64(c);
	heap_take_u32s(c, &shape, &type_flags);
	heap_take_u32s(c, &module, &name);
	text = heap_take_bytes(c, (uint64_t)module + name);
	PS_TRY(heap_reader_check(r, c));
	r->told_types++;
	if (!id)
		return heap_reader_fail(r, "a type whose id is none");
	if (heap_ids_find(&r->types, id) != HEAP_IDS_NONE)
		return PS_OK;
	t.category = category_of(shape, type_flags & 2);
	PS_TRY(name_type(r, text, module, name, &t.name));
	return add_type(r, id, t);
}

/* The format's words have their ids as numbers of texts: text 0 is empty, and no id. */
enum ps_status heap_read_words(struct heap_reader *r)
{
	static const char *const words[HEAP_WORDS] = {
		"",
		"__dict__",
		"__class__",
		"__mro__",
		"__bases__",
		"__base__",
		"cell_contents",
		"key",
		"__closure__",
		"element",
		"weak",
		"sys.modules",
		"builtins",
		"static type",
		"__code__",
		"__globals__",
		"__defaults__",
		"tb_frame",
		"tb_next",
		"f_back",
		"f_code",
		"f_globals",
		"f_builtins",
		"awaits",
		"frame",
	};

	for (uint32_t i = 1; i < HEAP_WORDS; i++) {
		struct profile_text t = { words[i], (uint32_t)strlen(words[i]) };
		uint32_t text;

		PS_TRY(heap_texts_add(&r->graph->texts, t, &text));
		PS_TRY(heap_ids_add(&r->strings, i, text));
	}
	return PS_OK;
}

/* A type as an object, and its dict or a module's, are to be told from others by name. */
void heap_read_object_names(struct heap_reader *r)
{
	struct heap_graph *g = r->graph;
	uint32_t dict = heap_ids_find(&r->strings, HEAP_WORD_DICT);

	for (uint32_t t = 1; t < g->ntypes; t++) {
		uint32_t object = heap_ids_find(&r->objects, r->type_id[t]);

		if (object != HEAP_IDS_NONE)
			g->name[object] = g->types[t].name;
	}
	for (uint32_t o = 0; o < g->nobjects; o++) {
		for (uint32_t e = g->first[o]; e < g->first[o + 1]; e++) {
			if (g->kind[e] == HEAP_EDGE_INTERNAL && g->label[e] == dict &&
			    !g->name[g->to[e]])
				g->name[g->to[e]] = g->name[o];
		}
	}
}
