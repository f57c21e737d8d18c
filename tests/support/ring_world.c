/* SPDX-License-Identifier: MIT */
#include "tests/support/ring_world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	SEMAPHORE = 0x8000,
	GIL = 0x9000,
	MEMORY = 0x400000,
	FUNCTION = 0x777000,
	MARK = 0x778000,
};

static const struct request_thread main_thread = { .at = WORLD_THREAD,
						   .interpreter = WORLD_INTERP,
						   .ident = WORLD_IDENT };

/* --- its memory --- */

void put_bytes(const struct request *r, raddr at, const void *bytes, size_t len)
{
	cr_assert_eq(poke(&r->poker, at, bytes, len), PS_OK);
}

static const struct ring_place *place_of(const struct request *r, enum ring_word w)
{
	return &r->ring.site.layout.word[w];
}

bool has_word(const struct request *r, enum ring_word w)
{
	return place_of(r, w)->width;
}

uint64_t get_word(const struct request *r, enum ring_word w)
{
	raddr at = ring_site_at(&r->ring.site, w, WORLD_THREAD);
	uint64_t v = 0;

	cr_assert_eq(poke_read(&r->poker, at, &v, place_of(r, w)->width), PS_OK);
	return v;
}

void set_word(const struct request *r, enum ring_word w, uint64_t v)
{
	cr_assert(has_word(r, w), "word %d", w);
	put_bytes(r, ring_site_at(&r->ring.site, w, WORLD_THREAD), &v, place_of(r, w)->width);
}

uint32_t get_int(const struct request *r, uint32_t at)
{
	uint32_t v = 0;

	cr_assert_eq(poke_read(&r->poker, ring_site_ring(&r->ring.site) + at, &v, sizeof v), PS_OK);
	return v;
}

void set_int(const struct request *r, uint32_t at, uint32_t v)
{
	put_bytes(r, ring_site_ring(&r->ring.site) + at, &v, sizeof v);
}

void ring_bytes(const struct request *r, unsigned char ret[static RING_BYTES_MAX])
{
	cr_assert_eq(poke_read(&r->poker, ring_site_ring(&r->ring.site), ret,
			       ring_size(&r->ring.site.layout)),
		     PS_OK);
}

int calls_in(const struct request *r)
{
	unsigned char bytes[RING_BYTES_MAX];

	ring_bytes(r, bytes);
	return ring_count(&r->ring.site.layout, bytes);
}

/* --- the world --- */

static void put_threads(const struct request *r)
{
	set_word(r, RW_STARTED, 1);
	set_word(r, RW_INTERPRETERS, WORLD_INTERP);
	set_word(r, RW_MAIN, WORLD_INTERP);
	set_word(r, RW_MAIN_IDENT, WORLD_IDENT);
	set_word(r, RW_THREADS, WORLD_THREAD);
	set_word(r, RW_THREAD_INTERPRETER, WORLD_INTERP);
	set_word(r, RW_THREAD_IDENT, WORLD_IDENT);
	set_word(r, RW_RECURSION_LIMIT, 1000);
	set_word(r, has_word(r, RW_DEPTH) ? RW_DEPTH : RW_DEPTH_LEFT, 500);
	if (has_word(r, RW_C_DEPTH_LEFT))
		set_word(r, RW_C_DEPTH_LEFT, 500);
}

static void put_locks(const struct request *r)
{
	uint64_t semaphore = 1;

	if (has_word(r, RW_GIL))
		set_word(r, RW_GIL, GIL);
	set_word(r, RW_HOLDER, WORLD_THREAD);
	set_word(r, RW_LOCKED, 1);
	if (place_of(r, RW_LOCK)->width == 8) {
		set_word(r, RW_LOCK, SEMAPHORE);
		put_bytes(r, SEMAPHORE, &semaphore, sizeof semaphore);
	}
}

struct request *ring_world_make(unsigned minor)
{
	struct request *r = calloc(1, sizeof *r);

	cr_assert(r);
	r->way = EXEC_PENDING_CALL;
	r->poker.fd = memfd_create("memory", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(r->poker.fd, MEMORY), 0);
	r->ring.site = (struct ring_site){
		.layout = *ring_layout_find(3u << 24 | minor << 16),
		.base = { [RING_RUNTIME] = WORLD_RUNTIME,
			  [RING_INTERPRETER] = WORLD_INTERP,
			  [RING_GIL] = GIL },
		.function = FUNCTION,
	};
	r->ring.site.mark = r->ring.site.layout.marked ? MARK : 0;
	put_threads(r);
	put_locks(r);
	if (r->ring.site.layout.limits)
		set_int(r, r->ring.site.layout.limits, 32);
	return r;
}

void ring_world_end(struct request *r)
{
	close(r->poker.fd);
	free(r);
}

/* --- what the target does --- */

void add_call(const struct request *r, uint64_t function)
{
	const struct ring_layout *l = &r->ring.site.layout;
	uint32_t next = get_int(r, l->first + 4);

	put_bytes(r, ring_site_ring(&r->ring.site) + l->calls + next * l->slot, &function, 8);
	set_int(r, l->first + 4, (next + 1) % l->slots);
	if (l->pending)
		set_int(r, l->pending, get_int(r, l->pending) + 1);
}

void take_call(const struct request *r)
{
	const struct ring_layout *l = &r->ring.site.layout;
	uint32_t first = get_int(r, l->first);
	uint64_t none = 0;

	if (l->minor >= 12)
		put_bytes(r, ring_site_ring(&r->ring.site) + l->calls + first * l->slot, &none, 8);
	set_int(r, l->first, (first + 1) % l->slots);
	if (l->pending)
		set_int(r, l->pending, get_int(r, l->pending) - 1);
}

void hold_lock(const struct request *r)
{
	uint32_t held = 0;

	if (place_of(r, RW_LOCK)->width == 1)
		set_word(r, RW_LOCK, 1);
	else
		put_bytes(r, SEMAPHORE, &held, sizeof held);
}

void end_main_thread(const struct request *r)
{
	set_word(r, RW_MAIN_IDENT, WORLD_IDENT + 1);
}

void go_round(const struct request *r)
{
	set_word(r, RW_THREAD_NEXT, WORLD_THREAD);
}

void have_many_users(const struct request *r)
{
	set_word(r, RW_EXTRA_USERS, 200);
}

void have_no_room(const struct request *r)
{
	uint64_t v = 1;

	put_bytes(r, ring_site_at(&r->ring.site, RW_EXTRA, 0) + 8 * 50, &v, sizeof v);
}

/* --- what we do --- */

enum ps_status put(struct request *r, const char *path, struct ps_err *err)
{
	return request_ring_ops.put(r, &main_thread, path, err);
}

enum request_state state_of(const struct request *r, bool *ret_signalled)
{
	enum request_state s = REQUEST_NONE;

	cr_assert_eq(request_ring_ops.state(r, &s, ret_signalled), PS_OK);
	return s;
}

unsigned calls_of_ours(const struct request *r)
{
	return r->ring.site.mark ? 2 : 1;
}

void take_ours(const struct request *r)
{
	for (unsigned i = 0; i < calls_of_ours(r); i++)
		take_call(r);
}
