/* SPDX-License-Identifier: MIT */
/* Sources: Include/internal/pycore_dict.h (struct _dictkeysobject, dictvalues),
 * pycore_moduleobject.h (md_dict follows the header), pycore_object.h
 * (MANAGED_DICT_OFFSET), Lib/threading.py, all of 3.13 to 3.15. */
#include "profiler/names.h"

#include "profiler/scope.h"
#include "profiler/unicode.h"

enum {
	KEYS_HEADER = 32, /* refcnt, three log2 bytes, version, usable, nentries; indices */
	KEYS_LOG2_INDEX_BYTES = 9,
	KEYS_KIND = 10,
	KEYS_NENTRIES = 24,
	KIND_GENERAL = 0, /* entries {hash, key, value}; else {key, value} */
	KIND_SPLIT = 2,   /* the values are elsewhere */
	MODULES_MAX = 1 << 17,
	EARLY_MAX = 1024,
	NAMED_MAX = 8192,     /* threads */
	ATTRIBUTES_MAX = 256, /* of a Thread; it has some 20 */
	TPFLAGS_INLINE_VALUES = 1 << 2,
	VALUES_HEADER = 8, /* capacity, size, embedded, valid */
	INLINE_MAX = 64,   /* attributes of a Thread; it has some 20 */
	INT_DIGIT_BITS = 30,
};

/* The entries of a keys object. */
struct entries {
	raddr *word;                 /* malloc'd */
	unsigned stride, key, value; /* in words */
	size_t n;
};

/* The first ones, of no more than max in all. */
static enum ps_status read_first(struct names *c, raddr keys, size_t max, size_t first,
				 struct entries *ret)
{
	unsigned char header[KEYS_HEADER];
	struct entries e = { 0 };
	uint64_t n;
	unsigned log2_index_bytes;
	enum ps_status st;

	PS_TRY(target_read(c->target, keys, header, sizeof header));
	log2_index_bytes = header[KEYS_LOG2_INDEX_BYTES];
	memcpy(&n, header + KEYS_NENTRIES, 8);
	if (log2_index_bytes > 32 || header[KEYS_KIND] > KIND_SPLIT || n > max)
		return PS_TORN;
	n = n < first ? n : first;
	e.stride = header[KEYS_KIND] == KIND_GENERAL ? 3 : 2;
	e.key = e.stride - 2;
	e.value = e.stride - 1;
	e.n = n;
	e.word = malloc(n * e.stride * 8 + 1);
	if (!e.word)
		return PS_NOMEM;
	st = n ? target_read(c->target, keys + KEYS_HEADER + ((raddr)1 << log2_index_bytes), e.word,
			     n * e.stride * 8)
	       : PS_OK;
	if (st) {
		free(e.word);
		return st;
	}
	*ret = e;
	return PS_OK;
}

static enum ps_status read_entries(struct names *c, raddr keys, size_t max, struct entries *ret)
{
	return read_first(c, keys, max, max, ret);
}

/* Compares short ASCII keys: many a call, for sys.modules has thousands. */
static enum ps_status find_key(struct names *c, const struct entries *e, const char *name,
			       size_t *ret)
{
	enum { BATCH = 128, ROOM = 128 };
	static const size_t none = SIZE_MAX;
	unsigned char text[BATCH][ROOM];
	size_t len = strlen(name), need = c->layout->unicode_ascii_at + len;

	if (need > ROOM)
		return PS_LIMIT;
	*ret = none;
	for (size_t from = 0; from < e->n && *ret == none; from += BATCH) {
		struct iovec local[BATCH], remote[BATCH];
		size_t which[BATCH], got;
		unsigned k = 0;

		for (size_t i = from; i < e->n && i < from + BATCH; i++) {
			raddr key = e->word[i * e->stride + e->key];

			if (!key)
				continue;
			which[k] = i;
			local[k] = (struct iovec){ text[k], need };
			remote[k++] = (struct iovec){ (void *)(uintptr_t)key, need };
		}
		if (target_readv(c->target, local, k, remote, k, &got) == PS_GONE)
			return PS_GONE;
		for (unsigned i = 0; i < k && i < got / need; i++) {
			struct unicode_shape s;

			if (unicode_shape(c->layout, text[i], &s) && s.length == len &&
			    s.width == 1 &&
			    memcmp(text[i] + c->layout->unicode_ascii_at, name, len) == 0)
				*ret = which[i];
		}
	}
	return *ret == none ? PS_TORN : PS_OK;
}

/* dict[name] of a dict whose keys are strings, if it is among the first of its max entries. */
static enum ps_status dict_get_first(struct names *c, raddr dict, size_t max, size_t first,
				     const char *name, raddr *ret)
{
	unsigned char object[128];
	raddr keys, values;
	struct entries e;
	enum ps_status st;
	size_t i;

	PS_TRY(target_read(c->target, dict, object, c->layout->span[S_DICT]));
	keys = layout_get(c->layout, object, F_DICT_KEYS);
	values = layout_get(c->layout, object, F_DICT_VALUES);
	PS_TRY(read_first(c, keys, max, first, &e));
	st = find_key(c, &e, name, &i);
	if (!st && values)
		st = target_read(c->target, values + VALUES_HEADER + i * 8, ret, 8);
	else if (!st)
		*ret = e.word[i * e.stride + e.value];
	free(e.word);
	return st ? st : *ret ? PS_OK : PS_TORN;
}

static enum ps_status dict_get(struct names *c, raddr dict, size_t max, const char *name,
			       raddr *ret)
{
	return dict_get_first(c, dict, max, max, name, ret);
}

static enum ps_status find_module(struct names *c, size_t first, const char *name, raddr *ret)
{
	raddr modules;

	PS_TRY(target_read(c->target, c->interpreter + c->layout->at[F_INTERP_MODULES], &modules,
			   8));
	return dict_get_first(c, modules, MODULES_MAX, first, name, ret);
}

bool names_has_module(struct names *c, const char *name)
{
	raddr module;

	return find_module(c, EARLY_MAX, name, &module) == PS_OK;
}

static enum ps_status find_active(struct names *c)
{
	raddr threading, dict;

	PS_TRY(find_module(c, MODULES_MAX, "threading", &threading));
	PS_TRY(target_read(c->target, threading + c->layout->object_size, &dict, 8));
	return dict_get(c, dict, NAMED_MAX, "_active", &c->active);
}

/* An int object that is not negative and fits 64 bits. */
static enum ps_status read_int(struct names *c, raddr at, uint64_t *ret)
{
	const struct layout *l = c->layout;
	uint64_t tag, n, v = 0;
	uint32_t digit[3];

	PS_TRY(target_read(c->target, at + l->at[F_LONG_TAG], &tag, 8));
	n = tag >> 3;
	if (n == 0 || n > 3)
		return PS_TORN;
	PS_TRY(target_read(c->target, at + l->at[F_LONG_DIGITS], digit, n * 4));
	while (n--)
		v = v << INT_DIGIT_BITS | digit[n];
	*ret = v;
	return PS_OK;
}

/* The attribute among the values that lie in the object itself. */
static enum ps_status inline_attribute(struct names *c, raddr object, raddr type, const char *name,
				       raddr *ret)
{
	uint64_t flags, size;
	unsigned char header[VALUES_HEADER];
	struct entries e;
	enum ps_status st;
	raddr keys;
	size_t i;

	PS_TRY(target_read(c->target, type + c->layout->at[F_TYPE_FLAGS], &flags, 8));
	PS_TRY(target_read(c->target, type + c->layout->at[F_TYPE_BASICSIZE], &size, 8));
	if (!(flags & TPFLAGS_INLINE_VALUES) || size > 4096 || size % 8)
		return PS_TORN;
	PS_TRY(target_read(c->target, object + size, header, sizeof header));
	if (!header[3])
		return PS_TORN;
	PS_TRY(target_read(c->target, type + c->layout->at[F_HEAPTYPE_CACHED_KEYS], &keys, 8));
	PS_TRY(read_entries(c, keys, ATTRIBUTES_MAX, &e));
	st = find_key(c, &e, name, &i);
	free(e.word);
	PS_TRY(st);
	if (i >= INLINE_MAX)
		return PS_TORN;
	PS_TRY(target_read(c->target, object + size + VALUES_HEADER + i * 8, ret, 8));
	return *ret ? PS_OK : PS_TORN;
}

static enum ps_status attribute(struct names *c, raddr object, const char *name, raddr *ret)
{
	/* _Py_TPFLAGS managed dict pointer: 3 words before the object, 1 without a GIL */
	raddr distance = c->layout->free_threaded ? 8 : 24, type, dict;

	PS_TRY(target_read(c->target, object + c->layout->at[F_CODE_TYPE], &type, 8));
	if (inline_attribute(c, object, type, name, ret) == PS_OK)
		return PS_OK;
	PS_TRY(target_read(c->target, object - distance, &dict, 8));
	return dict ? dict_get(c, dict, ATTRIBUTES_MAX, name, ret) : PS_TORN;
}

enum ps_status names_read(struct names *n,
			  void (*each)(uint64_t ident, struct profile_text name, void *ctx),
			  void *ctx)
{
	SCOPE_FREE char *text = malloc(UNICODE_UTF8_MAX);
	SCOPE_FREE raddr *words = NULL;
	unsigned char object[128];
	struct entries e;

	if (!text)
		return PS_NOMEM;
	if (!n->active)
		PS_TRY(find_active(n));
	PS_TRY(target_read(n->target, n->active, object, n->layout->span[S_DICT]));
	PS_TRY(read_entries(n, layout_get(n->layout, object, F_DICT_KEYS), NAMED_MAX, &e));
	words = e.word;
	for (size_t i = 0; i < e.n; i++) {
		raddr key = e.word[i * e.stride + e.key], thread = e.word[i * e.stride + e.value];
		uint64_t ident;
		raddr name;
		size_t len;

		if (!key || !thread || read_int(n, key, &ident) ||
		    attribute(n, thread, "_name", &name) ||
		    unicode_read(n->target, n->layout, name, text, &len))
			continue;
		each(ident, (struct profile_text){ text, (uint32_t)len }, ctx);
	}
	return PS_OK;
}
