/* SPDX-License-Identifier: MIT */
#include "tests/support/built_rpy.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void rpy_begin(struct built_dump *d, const char *types, const uint64_t *own, uint64_t nown)
{
	unsigned char packed[4096];
	uLongf len = sizeof packed;

	if (compress(packed, &len, (const unsigned char *)types, strlen(types)) != Z_OK)
		abort();
	*d = (struct built_dump){ 0 };
	dump_bytes(d, "PSHRPY\r\n", 8);
	dump_32(d, 1);
	dump_32(d, 0x01020304);
	dump_64(d, len);
	dump_bytes(d, packed, len);
	dump_64(d, nown);
	dump_all64(d, own, nown);
}

void rpy_record(struct built_dump *d, uint64_t address, uint64_t type, uint64_t size,
		const uint64_t *refs)
{
	dump_64(d, address);
	dump_64(d, type);
	dump_64(d, size);
	while (*refs)
		dump_64(d, *refs++);
	dump_64(d, UINT64_MAX);
}

void rpy_mark(struct built_dump *d)
{
	static const uint64_t none;

	rpy_record(d, 0, 0, 0, &none);
}

void rpy_end(struct built_dump *d, struct built_dump *walked)
{
	dump_64(d, UINT64_MAX - 1);
	dump_bytes(d, walked->bytes, walked->len);
	dump_free(walked);
}

enum { UNKNOWN, OBJECT, ARRAY, MAP, STRING, BOX };

static const char types[] = "member0    ?\n"
			    "member1    GcStruct app.W_Object { super, inst_map }\n"
			    "member2    GcArray of * GCREF (gcopaque) \n"
			    "member3    GcStruct app.Map { super, back }\n"
			    "member4    GcStruct rpy_string { hash, chars }\n"
			    "member5    GcStruct app.W_Unicode { super, inst__utf8 }\n";

static void put(struct built_dump *d, uint64_t address, uint64_t type, uint64_t size, uint64_t a,
		uint64_t b)
{
	uint64_t refs[3] = { a, b, 0 };

	rpy_record(d, address, type, size, refs);
}

static void put_sessions(struct built_dump *d, uint32_t n)
{
	dump_64(d, RPY_STORE);
	dump_64(d, ARRAY);
	dump_64(d, 16 + 8 * (uint64_t)n);
	for (uint32_t i = 0; i < n; i++)
		dump_64(d, DUMP_SESSIONS + DUMP_STEP * i);
	dump_64(d, UINT64_MAX);
	for (uint32_t i = 0; i < n; i++) {
		put(d, DUMP_SESSIONS + DUMP_STEP * i, OBJECT, 56, RPY_BOX + DUMP_STEP * i, RPY_MAP);
		put(d, RPY_BOX + DUMP_STEP * i, BOX, 32, DUMP_USERS + DUMP_STEP * i, 0);
		put(d, DUMP_USERS + DUMP_STEP * i, STRING, 24, 0, 0);
	}
}

void rpy_app(struct built_dump *d, uint32_t sessions)
{
	static const uint64_t own[] = { RPY_OWN, 0x7777777777 };
	struct built_dump app;

	dump_app(&app, sessions);
	rpy_begin(d, types, own, 2);
	put(d, RPY_ROOT, MAP, 40, RPY_RING, DUMP_APP);
	put(d, RPY_OWN, OBJECT, 1000, RPY_OURS, DUMP_APP);
	put(d, DUMP_APP, OBJECT, 56, DUMP_APP_DICT, 0);
	rpy_mark(d);
	put(d, RPY_RING, MAP, 40, RPY_ROOT, 0);
	put(d, RPY_OURS, ARRAY, 1000, DUMP_APP_DICT, 0);
	put(d, DUMP_APP_DICT, OBJECT, 56, DUMP_CACHE, 0);
	put(d, DUMP_CACHE, OBJECT, 56, DUMP_ITEMS, RPY_MAP);
	put(d, RPY_MAP, MAP, 88, RPY_MAP, 0);
	put(d, DUMP_ITEMS, OBJECT, 56, RPY_STORE, 0x9990);
	put_sessions(d, sessions);
	rpy_end(d, &app);
}
