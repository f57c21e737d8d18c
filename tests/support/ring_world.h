/* SPDX-License-Identifier: MIT */
/* tests/support/ring_world.h - a file that stands for the memory of a CPython 3.8 to 3.13 with a
 * ring of pending calls, and a request to it; what the target itself does with its ring. */
#ifndef TESTS_SUPPORT_RING_WORLD_H
#define TESTS_SUPPORT_RING_WORLD_H

#include "profiler/request.h"

enum {
	WORLD_RUNTIME = 0x10000,
	WORLD_THREAD = 0x40000,
	WORLD_OTHER = 0x50000, /* nothing is there */
	WORLD_INTERP = 0x100000,
	WORLD_IDENT = 0x7f00,
	FIRST_MINOR = 8,
	LAST_MINOR = 13,
};

/* At rest, with the main thread executing. Never NULL; ring_world_end() it. */
struct request *ring_world_make(unsigned minor);
void ring_world_end(struct request *r);

#define MINORS(minor, first, last, r)                            \
	for (unsigned minor = (first); minor <= (last); minor++) \
		for (struct request *r = ring_world_make(minor); r; ring_world_end(r), r = NULL)
#define EACH_MINOR(minor, r) MINORS(minor, FIRST_MINOR, LAST_MINOR, r)

/* --- its memory --- */

void put_bytes(const struct request *r, raddr at, const void *bytes, size_t len);
/* Words of the interpreter and its thread; not every version has every word. */
bool has_word(const struct request *r, enum ring_word w);
uint64_t get_word(const struct request *r, enum ring_word w);
void set_word(const struct request *r, enum ring_word w, uint64_t v);
/* Ints in the ring, by their offset. */
uint32_t get_int(const struct request *r, uint32_t at);
void set_int(const struct request *r, uint32_t at, uint32_t v);
void ring_bytes(const struct request *r, unsigned char ret[static RING_BYTES_MAX]);
int calls_in(const struct request *r);

/* --- what the target does --- */

void add_call(const struct request *r, uint64_t function);
void take_call(const struct request *r);
void hold_lock(const struct request *r);
void end_main_thread(const struct request *r);
/* What no ring hangs together with. */
void go_round(const struct request *r);
void have_many_users(const struct request *r);
void have_no_room(const struct request *r);

/* --- what we do --- */

/* Asks the main thread. */
enum ps_status put(struct request *r, const char *path, struct ps_err *err);
enum request_state state_of(const struct request *r, bool *ret_signalled);
/* How many calls are one request. */
unsigned calls_of_ours(const struct request *r);
void take_ours(const struct request *r);

#endif
