/* SPDX-License-Identifier: MIT */
/* tests/support/built_dump.h - heap dumps written by hand, for tests of what reads them.
 * Whatever fails ends the test. */
#ifndef TESTS_SUPPORT_BUILT_DUMP_H
#define TESTS_SUPPORT_BUILT_DUMP_H

#include <stddef.h>
#include <stdint.h>

struct built_dump {
	unsigned char *bytes;
	size_t len, cap;
	size_t chunk;                                      /* where the open one begins */
	uint64_t objects, targets, strings, types, chunks; /* what END will say */
};

void dump_begin(struct built_dump *d); /* with a HEADER */
void dump_end(struct built_dump *d);   /* with an END */
void dump_free(struct built_dump *d);

void dump_open(struct built_dump *d, uint32_t kind, uint32_t flags);
void dump_close(struct built_dump *d);
void dump_32(struct built_dump *d, uint32_t v);
void dump_64(struct built_dump *d, uint64_t v);
/* Words, and zeros up to a multiple of 8 bytes. */
void dump_all32(struct built_dump *d, const uint32_t *v, size_t n);
void dump_all64(struct built_dump *d, const uint64_t *v, size_t n);
void dump_bytes(struct built_dump *d, const void *bytes, size_t n);

/* Whole chunks. */
void dump_string(struct built_dump *d, uint64_t id, const char *text);
void dump_type(struct built_dump *d, uint64_t id, uint32_t shape, uint32_t flags,
	       const char *module, const char *name);

/* Where its objects are; of sessions and users one every DUMP_STEP. */
enum {
	DUMP_APP = 0x10000,
	DUMP_APP_DICT = 0x10010,
	DUMP_CACHE = 0x10020,
	DUMP_ITEMS = 0x10030,
	DUMP_SESSIONS = 0x20000,
	DUMP_USERS = 0x1000000,
	DUMP_STEP = 0x20,
};

/* A process with a leak:
 *   module app, its dict: "cache" -> an app.Cache
 *   the cache's .items -> a list of `sessions` app.Session
 *   each session: .user -> its own str, of 100 bytes; weakly its cache
 *   main thread, f (app.py:7): local s -> the first session
 * Sizes are 64, but for the strings. */
void dump_app(struct built_dump *d, uint32_t sessions);

/* Objects of four types, of which each has edges anywhere, some weak, some to what is no
 * object; a module leads to some of them. The same seed gives the same dump. */
void dump_random(struct built_dump *d, uint32_t seed, uint32_t objects);

#endif
