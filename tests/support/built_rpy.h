/* SPDX-License-Identifier: MIT */
/* tests/support/built_rpy.h - what a PyPy streams of its heap, written by hand.
 * Whatever fails ends the test. */
#ifndef TESTS_SUPPORT_BUILT_RPY_H
#define TESTS_SUPPORT_BUILT_RPY_H

#include "tests/support/built_dump.h"

/* The stream until the records, with these types (lines as of PyPy), and ids of what was made
 * for the dump. */
void rpy_begin(struct built_dump *d, const char *types, const uint64_t *own, uint64_t nown);
/* refs end with 0. */
void rpy_record(struct built_dump *d, uint64_t address, uint64_t type, uint64_t size,
		const uint64_t *refs);
void rpy_mark(struct built_dump *d); /* those so far were roots */
/* The end of the records, and the dump, which is freed. */
void rpy_end(struct built_dump *d, struct built_dump *walked);

enum {
	RPY_STORE = 0x5000000, /* of the list; 8 bytes for each session, and 16 */
	RPY_MAP = 0x5000100,   /* of the cache, and of itself; 88 bytes */
	RPY_ROOT = 0x5000200,  /* a root, and RPY_RING, which leads back to it; 40 bytes each */
	RPY_RING = 0x5000300,
	RPY_OWN = 0x5000400, /* a root that was made for the dump; leads to RPY_OURS and the app */
	RPY_OURS = 0x5000500,
	RPY_BOX = 0x6000000, /* of each user, 32 bytes, held by the session; every 32 bytes */
};

/* dump_app(), and RPython's view of it: objects have 56 bytes, users 24. */
void rpy_app(struct built_dump *d, uint32_t sessions);

#endif
