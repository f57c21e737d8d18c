/* SPDX-License-Identifier: MIT */
#include "tests/support/built_dump.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 1, STRINGS, TYPE, OBJECTS, MORE, THREAD, ROOTS, PROBLEM, END };
enum { FIXED = 1, COUNTED, NAMED };
enum { ATTRIBUTE = 1, KEY, INDEX, LOCAL, CELL, WEAK, INTERNAL, ELEMENT };

static void put(struct built_dump *d, const void *bytes, size_t n)
{
	while (d->len + n > d->cap) {
		d->cap = d->cap ? 2 * d->cap : 4096;
		d->bytes = realloc(d->bytes, d->cap);
		if (!d->bytes)
			abort();
	}
	if (n)
		memcpy(d->bytes + d->len, bytes, n);
	d->len += n;
}

static void pad(struct built_dump *d)
{
	static const char zeros[8];

	put(d, zeros, -d->len & 7);
}

void dump_32(struct built_dump *d, uint32_t v)
{
	put(d, &v, sizeof v);
}

void dump_64(struct built_dump *d, uint64_t v)
{
	put(d, &v, sizeof v);
}

void dump_all32(struct built_dump *d, const uint32_t *v, size_t n)
{
	put(d, v, n * sizeof *v);
	pad(d);
}

void dump_all64(struct built_dump *d, const uint64_t *v, size_t n)
{
	put(d, v, n * sizeof *v);
}

void dump_bytes(struct built_dump *d, const void *bytes, size_t n)
{
	put(d, bytes, n);
	pad(d);
}

void dump_open(struct built_dump *d, uint32_t kind, uint32_t flags)
{
	d->chunk = d->len;
	d->chunks++;
	dump_32(d, kind);
	dump_32(d, flags);
	dump_64(d, 0);
}

void dump_close(struct built_dump *d)
{
	uint64_t len = d->len - d->chunk - 16;

	memcpy(d->bytes + d->chunk + 8, &len, sizeof len);
}

void dump_begin(struct built_dump *d)
{
	*d = (struct built_dump){ 0 };
	put(d, "PSHEAP\r\n", 8);
	dump_32(d, 1);
	dump_32(d, 0x01020304);
	dump_open(d, HEADER, 0);
	dump_64(d, 4242);
	dump_64(d, 1700000000000000000);
	dump_64(d, 0x030e00f0);
	dump_64(d, 8);
	dump_64(d, 0);
	dump_64(d, 0);
	dump_32(d, 7);
	dump_32(d, 6);
	dump_bytes(d, "cpython3.14.0", 13);
	dump_close(d);
}

void dump_end(struct built_dump *d)
{
	dump_open(d, END, 0);
	dump_64(d, d->objects);
	dump_64(d, d->targets);
	dump_64(d, d->strings);
	dump_64(d, d->types);
	dump_64(d, d->chunks);
	put(d, "PSHEAP\r\n", 8);
	dump_close(d);
}

void dump_free(struct built_dump *d)
{
	free(d->bytes);
}

void dump_string(struct built_dump *d, uint64_t id, const char *text)
{
	uint32_t end = (uint32_t)strlen(text);

	dump_open(d, STRINGS, 0);
	dump_64(d, 1);
	dump_64(d, id);
	dump_all32(d, &end, 1);
	dump_bytes(d, text, end);
	dump_close(d);
	d->strings++;
}

void dump_type(struct built_dump *d, uint64_t id, uint32_t shape, uint32_t flags,
	       const char *module, const char *name)
{
	char text[512];

	dump_open(d, TYPE, 0);
	dump_64(d, id);
	dump_64(d, 16);
	dump_64(d, 0);
	dump_32(d, shape);
	dump_32(d, flags);
	dump_32(d, (uint32_t)strlen(module));
	dump_32(d, (uint32_t)strlen(name));
	strcpy(text, module);
	strcat(text, name);
	dump_bytes(d, text, strlen(text));
	dump_close(d);
	d->types++;
}

/* --- the app --- */

enum {
	T_TYPE = 0x11000,
	T_MODULE = 0x11100,
	T_DICT = 0x11200,
	T_LIST = 0x11300,
	T_STR = 0x11400,
	T_CACHE = 0x11500,
	T_SESSION = 0x11600,
	S_CACHE = 0x12000,
	S_ITEMS = 0x12100,
	S_USER = 0x12200,
	S_APP = 0x12300,
	S_F = 0x12400,
	S_FILE = 0x12500,
	S_S = 0x12600,
};

static void open_objects(struct built_dump *d, uint64_t type, uint32_t n, uint32_t groups)
{
	dump_open(d, OBJECTS, 0);
	dump_64(d, type);
	dump_64(d, n);
	dump_32(d, groups);
	dump_32(d, 0);
	d->objects += n;
}

static void put_group(struct built_dump *d, uint32_t kind, uint32_t form, uint64_t total)
{
	dump_32(d, kind);
	dump_32(d, form);
	dump_64(d, total);
}

/* One object with one edge. */
static void put_single(struct built_dump *d, uint64_t type, uint64_t id, uint32_t kind,
		       uint64_t name, uint64_t target)
{
	uint32_t one = 1;

	open_objects(d, type, 1, 1);
	dump_64(d, id);
	dump_64(d, 64);
	put_group(d, kind, kind == KEY ? NAMED : FIXED, 1);
	if (kind == KEY)
		dump_all32(d, &one, 1);
	dump_64(d, name);
	dump_64(d, target);
	dump_close(d);
	d->targets++;
}

static void put_types(struct built_dump *d)
{
	dump_type(d, T_TYPE, 16, 1, "builtins", "type");
	dump_type(d, T_MODULE, 17, 1, "builtins", "module");
	dump_type(d, T_DICT, 12, 1, "builtins", "dict");
	dump_type(d, T_LIST, 10, 1, "builtins", "list");
	dump_type(d, T_STR, 1, 0, "builtins", "str");
	dump_type(d, T_CACHE, 0, 3, "app", "Cache");
	dump_type(d, T_SESSION, 0, 3, "app", "Session");
	open_objects(d, T_TYPE, 7, 0);
	for (uint64_t t = T_TYPE; t <= T_SESSION; t += 0x100)
		dump_64(d, t);
	dump_64(d, 64);
	dump_close(d);
}

static void put_strings(struct built_dump *d)
{
	dump_string(d, S_CACHE, "cache");
	dump_string(d, S_ITEMS, "items");
	dump_string(d, S_USER, "user");
	dump_string(d, S_APP, "app");
	dump_string(d, S_F, "f");
	dump_string(d, S_FILE, "app.py");
	dump_string(d, S_S, "s");
}

static void put_list(struct built_dump *d, uint32_t sessions)
{
	open_objects(d, T_LIST, 1, 1);
	dump_64(d, DUMP_ITEMS);
	dump_64(d, 64);
	put_group(d, INDEX, COUNTED, sessions);
	dump_all32(d, &sessions, 1);
	for (uint32_t i = 0; i < sessions; i++)
		dump_64(d, DUMP_SESSIONS + DUMP_STEP * i);
	dump_close(d);
	d->targets += sessions;
}

static void put_sessions(struct built_dump *d, uint32_t sessions)
{
	open_objects(d, T_SESSION, sessions, 2);
	for (uint32_t i = 0; i < sessions; i++)
		dump_64(d, DUMP_SESSIONS + DUMP_STEP * i);
	dump_64(d, 64);
	put_group(d, ATTRIBUTE, FIXED, 1);
	dump_64(d, S_USER);
	for (uint32_t i = 0; i < sessions; i++)
		dump_64(d, DUMP_USERS + DUMP_STEP * i);
	put_group(d, WEAK, FIXED, 1);
	dump_64(d, 0);
	for (uint32_t i = 0; i < sessions; i++)
		dump_64(d, DUMP_CACHE);
	dump_close(d);
	d->targets += 2ul * sessions;
	open_objects(d, T_STR, sessions, 0);
	for (uint32_t i = 0; i < sessions; i++)
		dump_64(d, DUMP_USERS + DUMP_STEP * i);
	dump_64(d, 100);
	dump_close(d);
}

static void put_thread(struct built_dump *d)
{
	uint32_t one = 1;

	dump_open(d, THREAD, 0);
	dump_64(d, 0x7000);
	dump_64(d, 4242);
	dump_32(d, 10);
	dump_32(d, 1);
	dump_bytes(d, "MainThread", 10);
	dump_64(d, S_F);
	dump_64(d, S_FILE);
	dump_64(d, 7);
	dump_64(d, 0);
	dump_64(d, 0);
	dump_64(d, DUMP_APP_DICT);
	dump_all32(d, &one, 1);
	dump_64(d, 1);
	dump_64(d, S_S);
	dump_64(d, DUMP_SESSIONS);
	dump_close(d);
}

static void put_roots(struct built_dump *d)
{
	uint32_t module = 1;

	dump_open(d, ROOTS, 0);
	dump_64(d, 1);
	dump_all32(d, &module, 1);
	dump_64(d, S_APP);
	dump_64(d, DUMP_APP);
	dump_close(d);
}

void dump_app(struct built_dump *d, uint32_t sessions)
{
	dump_begin(d);
	put_types(d);
	put_strings(d);
	put_single(d, T_MODULE, DUMP_APP, INTERNAL, 1, DUMP_APP_DICT);
	put_single(d, T_DICT, DUMP_APP_DICT, KEY, S_CACHE, DUMP_CACHE);
	put_single(d, T_CACHE, DUMP_CACHE, ATTRIBUTE, S_ITEMS, DUMP_ITEMS);
	put_list(d, sessions);
	if (sessions)
		put_sessions(d, sessions);
	put_thread(d);
	put_roots(d);
	dump_end(d);
}

/* --- at random --- */

enum { ANY = 0x100000, ANY_TYPE = 0x13000, ANY_TYPES = 4 };

/* xorshift32 of Marsaglia. */
static uint32_t chance(uint32_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % below;
}

static uint64_t any_object(uint32_t *state, uint32_t objects)
{
	return chance(state, 32) ? ANY + 16ul * chance(state, objects) : 0xdead0000;
}

/* One of the type's objects, every ANY_TYPES-th. */
static void put_any(struct built_dump *d, uint32_t *state, uint32_t i, uint32_t objects)
{
	uint32_t n = chance(state, 4);

	open_objects(d, ANY_TYPE + 0x100ul * (i % ANY_TYPES), 1, 2);
	dump_64(d, ANY + 16ul * i);
	dump_64(d, 16 + chance(state, 1000));
	put_group(d, INDEX, COUNTED, n);
	dump_all32(d, &n, 1);
	for (uint32_t e = 0; e < n; e++)
		dump_64(d, any_object(state, objects));
	put_group(d, WEAK, FIXED, 1);
	dump_64(d, 0);
	dump_64(d, chance(state, 4) ? 0 : any_object(state, objects));
	dump_close(d);
	d->targets += n + 1;
}

static void put_any_roots(struct built_dump *d, uint32_t *state, uint32_t objects)
{
	enum { N = 5 };
	uint32_t kinds[N] = { 1, 1, 2, 2, 3 };

	dump_open(d, ROOTS, 0);
	dump_64(d, N);
	dump_all32(d, kinds, N);
	for (int i = 0; i < N; i++)
		dump_64(d, S_APP);
	for (int i = 0; i < N; i++)
		dump_64(d, any_object(state, objects));
	dump_close(d);
}

void dump_random(struct built_dump *d, uint32_t seed, uint32_t objects)
{
	static const char *const names[ANY_TYPES] = { "A", "B", "Object", "<lambda>" };
	uint32_t state = seed * 2654435761u + 1;

	dump_begin(d);
	for (uint32_t t = 0; t < ANY_TYPES; t++)
		dump_type(d, ANY_TYPE + 0x100ul * t, 0, 3, t == 2 ? "builtins" : "any", names[t]);
	put_strings(d);
	for (uint32_t i = 0; i < objects; i++)
		put_any(d, &state, i, objects);
	put_any_roots(d, &state, objects);
	dump_end(d);
}
