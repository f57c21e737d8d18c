/* SPDX-License-Identifier: MIT */
/* The ring of pending calls is found, and not believed where its parts do not hang together. */
#include "tests/support/ring_world.h"

#include <criterion/criterion.h>

struct reader {
	const struct request *r;
	unsigned reads, fail_at;
};

static enum ps_status read_counted(void *from, raddr at, void *into, size_t len)
{
	struct reader *reader = from;

	if (++reader->reads == reader->fail_at)
		return PS_FAULT;
	return poke_read(&reader->r->poker, at, into, len);
}

static enum ps_status find(const struct request *r, struct ring_site *s, struct reader *reader)
{
	struct ring_memory m = { read_counted, reader };

	*reader = (struct reader){ .r = r, .fail_at = reader->fail_at };
	*s = (struct ring_site){ .layout = r->ring.site.layout,
				 .base = { [RING_RUNTIME] = WORLD_RUNTIME } };
	return ring_site_find(s, &m, NULL);
}

Test(ring_site, hangs_together_or_is_not_believed)
{
	EACH_MINOR(minor, r)
	{
		struct reader reader = { 0 };
		struct ring_site s;
		unsigned all;

		cr_assert_eq(find(r, &s, &reader), PS_OK, "3.%u", minor);
		cr_expect_eq(s.base[RING_INTERPRETER], WORLD_INTERP);
		all = reader.reads;
		for (unsigned k = 1; k <= all; k++) {
			reader.fail_at = k;
			cr_expect_neq(find(r, &s, &reader), PS_OK, "3.%u, read %u", minor, k);
		}
		reader.fail_at = 0;
		set_word(r, RW_STARTED, 0);
		cr_expect_eq(find(r, &s, &reader), PS_NOT_READY, "built-in functions may lack yet");
		set_word(r, RW_STARTED, 1);
		set_word(r, RW_MAIN, 0);
		cr_expect_eq(find(r, &s, &reader), PS_NOT_READY);
		set_word(r, RW_MAIN, WORLD_OTHER);
		cr_expect_eq(find(r, &s, &reader), PS_FORMAT);
	}
}

static void belong_elsewhere(const struct request *r)
{
	set_word(r, RW_THREAD_INTERPRETER, WORLD_OTHER);
}

static void have_no_threads(const struct request *r)
{
	set_word(r, RW_THREADS, 0);
}

Test(ring_site, is_not_believed_with_one_thing_wrong)
{
	static const struct {
		void (*is_so)(const struct request *r);
		enum ps_status status;
	} rows[] = {
		{ go_round, PS_FORMAT },           { have_many_users, PS_FORMAT },
		{ have_no_room, PS_FORMAT },       { belong_elsewhere, PS_FORMAT },
		{ have_no_threads, PS_NOT_READY },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		EACH_MINOR(minor, r)
		{
			struct reader reader = { 0 };
			struct ring_site s;

			rows[i].is_so(r);
			cr_expect_eq(find(r, &s, &reader), rows[i].status, "3.%u, %zu", minor, i);
		}
	}
}

Test(ring_site, the_ring_of_3_13_is_found_where_it_has_moved_to)
{
	struct request *r = ring_world_make(13);
	struct reader reader = { 0 };
	struct ring_site s;

	set_int(r, r->ring.site.layout.limits, 0);
	cr_expect_eq(find(r, &s, &reader), PS_FORMAT);
	set_int(r, r->ring.site.layout.limits + 24, 32);
	cr_assert_eq(find(r, &s, &reader), PS_OK);
	cr_expect_eq(s.layout.ring.at, r->ring.site.layout.ring.at + 24);
	cr_expect_eq(s.layout.word[RW_LOCK].at, r->ring.site.layout.word[RW_LOCK].at + 24);
	ring_world_end(r);
}

Test(ring_site, tells_the_main_thread)
{
	EACH_MINOR(minor, r)
	{
		struct reader reader = { .r = r };
		struct ring_memory m = { read_counted, &reader };
		struct ring_main main;

		cr_assert_eq(ring_site_main(&r->ring.site, &m, &main), PS_OK);
		cr_expect(main.at == WORLD_THREAD && main.ident == WORLD_IDENT);
		cr_expect(ring_site_holds(&r->ring.site, &m, WORLD_THREAD));
		set_word(r, RW_LOCKED, 0);
		cr_expect_not(ring_site_holds(&r->ring.site, &m, WORLD_THREAD));
		end_main_thread(r);
		cr_expect_eq(ring_site_main(&r->ring.site, &m, &main), PS_NOT_PYTHON);
	}
}
