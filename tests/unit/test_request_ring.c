/* SPDX-License-Identifier: MIT */
/* The ring of pending calls, in a file that stands for the memory of a target. */
#include "profiler/request.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FIRST_MINOR = 8,
	LAST_MINOR = 13,
	SEMAPHORE = 0x8000,
	GIL = 0x9000,
	RUNTIME = 0x10000,
	THREAD = 0x40000,
	OTHER = 0x50000,
	INTERP = 0x100000,
	SECOND_INTERP = 0x200000,
	MEMORY = 0x400000,
	FUNCTION = 0x777000,
	MARK = 0x778000,
	IDENT = 0x7f00,
};

/* So many writes are made from now on, and all others fail, as when we are killed there. */
static unsigned writes_left = ~0u;

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	if (!writes_left)
		return -1;
	writes_left -= writes_left != ~0u;
	return syscall(SYS_pwrite64, fd, bytes, len, at);
}

static void put_bytes(const struct request *r, raddr at, const void *bytes, size_t len)
{
	cr_assert_eq(poke(&r->poker, at, bytes, len), PS_OK);
}

static void set(const struct request *r, enum ring_word w, uint64_t v)
{
	const struct ring_place *p = &r->ring.site.layout.word[w];

	cr_assert(p->width, "word %d", w);
	put_bytes(r, ring_site_at(&r->ring.site, w, THREAD), &v, p->width);
}

static uint64_t get(const struct request *r, enum ring_word w)
{
	const struct ring_place *p = &r->ring.site.layout.word[w];
	uint64_t v = 0;

	cr_assert_eq(poke_read(&r->poker, ring_site_at(&r->ring.site, w, THREAD), &v, p->width),
		     PS_OK);
	return v;
}

static bool has(const struct request *r, enum ring_word w)
{
	return r->ring.site.layout.word[w].width;
}

static void set_int(const struct request *r, uint32_t at, uint32_t v)
{
	put_bytes(r, ring_site_ring(&r->ring.site) + at, &v, sizeof v);
}

static uint32_t get_int(const struct request *r, uint32_t at)
{
	uint32_t v = 0;

	cr_assert_eq(poke_read(&r->poker, ring_site_ring(&r->ring.site) + at, &v, sizeof v), PS_OK);
	return v;
}

/* At rest, with the main thread executing. */
static void set_up(struct request *r, unsigned minor)
{
	uint64_t semaphore = 1;

	*r = (struct request){ .way = EXEC_PENDING_CALL };
	r->poker.fd = memfd_create("memory", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(r->poker.fd, MEMORY), 0);
	r->ring.site = (struct ring_site){
		.layout = *ring_layout_find(3u << 24 | minor << 16),
		.base = { [RING_RUNTIME] = RUNTIME, [RING_INTERPRETER] = INTERP, [RING_GIL] = GIL },
		.function = FUNCTION,
	};
	r->ring.site.mark = r->ring.site.layout.marked ? MARK : 0;
	set(r, RW_STARTED, 1);
	set(r, RW_INTERPRETERS, INTERP);
	set(r, RW_MAIN, INTERP);
	set(r, RW_MAIN_IDENT, IDENT);
	set(r, RW_THREADS, THREAD);
	set(r, RW_THREAD_INTERPRETER, INTERP);
	set(r, RW_THREAD_IDENT, IDENT);
	set(r, RW_RECURSION_LIMIT, 1000);
	set(r, has(r, RW_DEPTH) ? RW_DEPTH : RW_DEPTH_LEFT, 500);
	if (has(r, RW_C_DEPTH_LEFT))
		set(r, RW_C_DEPTH_LEFT, 500);
	if (has(r, RW_GIL))
		set(r, RW_GIL, GIL);
	set(r, RW_HOLDER, THREAD);
	set(r, RW_LOCKED, 1);
	if (r->ring.site.layout.limits)
		set_int(r, r->ring.site.layout.limits, 32);
	if (r->ring.site.layout.word[RW_LOCK].width == 8) {
		set(r, RW_LOCK, SEMAPHORE);
		put_bytes(r, SEMAPHORE, &semaphore, sizeof semaphore);
	}
}

static void hold_lock(const struct request *r)
{
	uint32_t held = 0;

	if (r->ring.site.layout.word[RW_LOCK].width == 1)
		set(r, RW_LOCK, 1);
	else
		put_bytes(r, SEMAPHORE, &held, sizeof held);
}

static const struct request_thread main_thread = { .at = THREAD,
						   .interpreter = INTERP,
						   .ident = IDENT };

static enum request_state state(const struct request *r, bool *signalled)
{
	enum request_state s = REQUEST_NONE;

	cr_assert_eq(request_ring_ops.state(r, &s, signalled), PS_OK);
	return s;
}

static enum ps_status put(struct request *r, const char *path, struct ps_err *err)
{
	return request_ring_ops.put(r, &main_thread, path, err);
}

/* The calls that are one request. */
static unsigned ours(const struct request *r)
{
	return r->ring.site.mark ? 2 : 1;
}

static int count(const struct request *r)
{
	const struct ring_layout *l = &r->ring.site.layout;
	unsigned char bytes[RING_BYTES_MAX];

	cr_assert_eq(poke_read(&r->poker, ring_site_ring(&r->ring.site), bytes, ring_size(l)),
		     PS_OK);
	return ring_count(l, bytes);
}

/* As the target itself does it. */
static void add_other(const struct request *r, uint64_t function)
{
	const struct ring_layout *l = &r->ring.site.layout;
	uint32_t next = get_int(r, l->first + 4);

	put_bytes(r, ring_site_ring(&r->ring.site) + l->calls + next * l->slot, &function, 8);
	set_int(r, l->first + 4, (next + 1) % l->slots);
	if (l->pending)
		set_int(r, l->pending, get_int(r, l->pending) + 1);
}

static void take_first(const struct request *r)
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

static void take_ours(const struct request *r)
{
	for (unsigned i = 0; i < ours(r); i++)
		take_first(r);
}

#define EACH_MINOR(m) for (unsigned m = FIRST_MINOR; m <= LAST_MINOR; m++)

Test(request_ring, is_put_and_taken)
{
	EACH_MINOR(minor)
	{
		struct request r;
		bool signalled;
		char text[160] = "";

		set_up(&r, minor);
		cr_assert_eq(put(&r, "/tmp/x/s", NULL), PS_OK);
		cr_expect_eq(state(&r, &signalled), REQUEST_WAITS, "3.%u", minor);
		cr_expect(signalled);
		cr_expect_eq(count(&r), (int)ours(&r));
		cr_assert_eq(poke_read(&r.poker, r.ring.text, text, sizeof text - 1), PS_OK);
		cr_expect(strncmp(text, "try:", 4) == 0 && strstr(text, "\"/tmp/x/s\""), "%s",
			  text);
		if (has(&r, RW_CALLS_TO_DO))
			cr_expect_eq(get(&r, RW_CALLS_TO_DO), 1);
		cr_expect_neq(get(&r, RW_BREAKER), 0);
		take_first(&r);
		cr_expect_eq(state(&r, &signalled), REQUEST_TAKEN, "3.%u", minor);
		close(r.poker.fd);
	}
}

Test(request_ring, the_breaker_is_for_the_main_thread)
{
	EACH_MINOR(minor)
	{
		struct request r;
		bool signalled;

		set_up(&r, minor);
		set(&r, RW_HOLDER, OTHER);
		cr_assert_eq(put(&r, "/s", NULL), PS_OK);
		/* 3.8 never looks by itself; 3.13 has one of its own. */
		cr_expect_eq(get(&r, RW_BREAKER) != 0, minor == 8 || minor == 13, "3.%u", minor);
		state(&r, &signalled);
		cr_expect(signalled);
		set(&r, RW_HOLDER, THREAD);
		set(&r, RW_BREAKER, 0);
		cr_expect_eq(state(&r, &signalled), REQUEST_WAITS);
		cr_expect_not(signalled, "3.%u", minor);
		cr_assert_eq(request_ring_ops.signal(&r), PS_OK);
		state(&r, &signalled);
		cr_expect(signalled, "3.%u", minor);
		close(r.poker.fd);
	}
}

Test(request_ring, other_bits_of_the_breaker_stay)
{
	struct request r;

	set_up(&r, 13);
	set(&r, RW_BREAKER, 0x91);
	cr_assert_eq(put(&r, "/s", NULL), PS_OK);
	cr_expect_eq(get(&r, RW_BREAKER), 0x95);
}

Test(request_ring, is_withdrawn_alone)
{
	EACH_MINOR(minor)
	{
		struct request r;
		bool signalled;

		set_up(&r, minor);
		cr_assert_eq(put(&r, "/s", NULL), PS_OK);
		cr_assert_eq(request_ring_ops.clear(&r), PS_OK);
		cr_expect_eq(state(&r, &signalled), REQUEST_TAKEN);
		cr_expect_eq(count(&r), 0);
		if (has(&r, RW_CALLS_TO_DO)) {
			cr_expect_eq(get(&r, RW_CALLS_TO_DO), 0);
			cr_expect_eq(get(&r, RW_BREAKER), 0);
			set(&r, RW_REASON_DROP, 1);
			cr_assert_eq(put(&r, "/s", NULL), PS_OK);
			cr_assert_eq(request_ring_ops.clear(&r), PS_OK);
			cr_expect_eq(get(&r, RW_BREAKER), 1, "there is another reason");
		}
		close(r.poker.fd);
	}
}

Test(request_ring, is_withdrawn_from_among_others)
{
	EACH_MINOR(minor)
	{
		struct request r;
		bool signalled;

		set_up(&r, minor);
		cr_assert_eq(put(&r, "/s", NULL), PS_OK);
		for (unsigned i = 0; i < 29; i++)
			add_other(&r, 1000 + i);
		cr_expect_eq(state(&r, &signalled), REQUEST_WAITS, "nothing overwrites its text");
		cr_assert_eq(request_ring_ops.clear(&r), PS_OK);
		cr_expect_eq(count(&r), 29);
		cr_expect_eq(get_int(&r, r.ring.site.layout.first), ours(&r));
		for (unsigned i = 0; i < 29; i++)
			cr_expect_eq(get_int(&r, r.ring.site.layout.calls +
							 (ours(&r) + i) * r.ring.site.layout.slot),
				     1000 + i);
		if (has(&r, RW_CALLS_TO_DO))
			cr_expect_eq(get(&r, RW_CALLS_TO_DO), 1);
		close(r.poker.fd);
	}
}

/* As a guard does it. */
static void undo(struct request *r)
{
	bool signalled;

	if (r->thread && state(r, &signalled) == REQUEST_WAITS)
		cr_assert_eq(request_ring_ops.clear(r), PS_OK);
}

/* Is it the program's own calls that are in there, in their order, and will they be made? */
static void expect_sound(const struct request *r, unsigned others, const char *when, unsigned k)
{
	const struct ring_layout *l = &r->ring.site.layout;
	uint32_t first = get_int(r, l->first);

	cr_expect_eq(count(r), (int)others, "3.%u, killed after %u writes of %s", l->minor, k,
		     when);
	for (unsigned i = 0; i < others; i++)
		cr_expect_eq(get_int(r, l->calls + (first + i) % l->slots * l->slot), 1000 + i,
			     "3.%u, killed after %u writes of %s", l->minor, k, when);
}

/* Some calls have been made before, so that the ring is empty somewhere. */
static void use_a_little(const struct request *r)
{
	for (unsigned i = 0; i < 5; i++) {
		add_other(r, 1000);
		take_first(r);
	}
}

static bool put_and_die(struct request *r, unsigned k)
{
	bool done;

	writes_left = k;
	done = put(r, "/s", NULL) == PS_OK;
	writes_left = ~0u;
	return done;
}

static bool clear_and_die(struct request *r, unsigned k)
{
	bool done;

	writes_left = k;
	done = request_ring_ops.clear(r) == PS_OK;
	writes_left = ~0u;
	return done;
}

Test(request_ring, whoever_dies_between_two_writes_leaves_a_ring_that_can_be_mended)
{
	EACH_MINOR(minor)
	{
		bool done = false;

		for (unsigned k = 0; !done; k++) {
			struct request r;

			set_up(&r, minor);
			use_a_little(&r);
			done = put_and_die(&r, k);
			cr_assert(done || k < 10);
			undo(&r);
			expect_sound(&r, 0, "putting", k);
			add_other(&r, 1000);
			expect_sound(&r, 1, "putting", k);
			close(r.poker.fd);
		}
	}
}

Test(request_ring, so_it_is_in_the_middle_of_taking_it_back)
{
	EACH_MINOR(minor)
	{
		bool done = false;

		for (unsigned k = 0; !done; k++) {
			struct request r;

			set_up(&r, minor);
			use_a_little(&r);
			cr_assert_eq(put(&r, "/s", NULL), PS_OK);
			add_other(&r, 1000);
			add_other(&r, 1001);
			done = clear_and_die(&r, k);
			cr_assert(done || k < 10);
			undo(&r);
			expect_sound(&r, 2, "taking back", k);
			close(r.poker.fd);
		}
	}
}

Test(request_ring, is_not_withdrawn_under_the_lock)
{
	EACH_MINOR(minor)
	{
		struct request r;
		bool signalled;

		set_up(&r, minor);
		cr_assert_eq(put(&r, "/s", NULL), PS_OK);
		hold_lock(&r);
		cr_expect_eq(request_ring_ops.clear(&r), PS_TORN);
		cr_expect_eq(state(&r, &signalled), REQUEST_WAITS);
		close(r.poker.fd);
	}
}

static void add_one(const struct request *r)
{
	add_other(r, 5);
}

static void be_busy(const struct request *r)
{
	set(r, RW_BUSY, 1);
}

static void be_finalizing(const struct request *r)
{
	set(r, RW_FINALIZING, 1);
}

static void be_sent_an_exception(const struct request *r)
{
	set(r, RW_ASYNC_EXC, 0x1234);
}

static void be_deep(const struct request *r)
{
	set(r, has(r, RW_DEPTH) ? RW_DEPTH : RW_DEPTH_LEFT, has(r, RW_DEPTH) ? 990 : 10);
}

static void be_deep_in_c(const struct request *r)
{
	set(r, RW_C_DEPTH_LEFT, 10);
}

static void hook(const struct request *r)
{
	set(r, RW_HOOKS, 0x1234);
}

static void hook_in_c(const struct request *r)
{
	set(r, RW_RUNTIME_HOOKS, 0x1234);
}

static void have_many_users(const struct request *r)
{
	set(r, RW_EXTRA_USERS, 200);
}

static void have_no_room(const struct request *r)
{
	uint64_t v = 1;

	put_bytes(r, ring_site_at(&r->ring.site, RW_EXTRA, 0) + 8 * 50, &v, sizeof v);
}

static void end(const struct request *r)
{
	set(r, RW_MAIN_IDENT, IDENT + 1);
}

static void go_round(const struct request *r)
{
	set(r, RW_THREAD_NEXT, THREAD);
}

static void have_two_interpreters(const struct request *r)
{
	struct ring_site other = r->ring.site;
	uint64_t id = 1;

	other.base[RING_INTERPRETER] = SECOND_INTERP;
	put_bytes(r, ring_site_at(&other, RW_ID, 0), &id, sizeof id);
	set(r, RW_NEXT, SECOND_INTERP);
}

Test(request_ring, waits_or_says_why_not)
{
	static const struct {
		void (*is_so)(const struct request *r);
		enum ps_status status;
		const char *word;
		enum ring_word needs;
		unsigned last; /* minor version */
	} rows[] = {
		{ hold_lock, PS_NOT_READY, "lock", RW_LOCK, 13 },
		{ add_one, PS_NOT_READY, "busy", RW_LOCK, 13 },
		{ be_busy, PS_NOT_READY, "busy", RW_BUSY, 13 },
		{ be_finalizing, PS_NOT_READY, "shutting down", RW_FINALIZING, 13 },
		{ be_sent_an_exception, PS_NOT_READY, "exception", RW_ASYNC_EXC, 13 },
		{ be_deep, PS_NOT_READY, "recursion", RW_LOCK, 13 },
		{ be_deep_in_c, PS_NOT_READY, "recursion", RW_C_DEPTH_LEFT, 13 },
		{ hook, PS_DENIED, "audit hooks", RW_HOOKS, 13 },
		{ hook_in_c, PS_DENIED, "audit hooks", RW_RUNTIME_HOOKS, 13 },
		{ have_many_users, PS_UNSUPPORTED, "ring", RW_LOCK, 13 },
		{ have_no_room, PS_UNSUPPORTED, "ring", RW_LOCK, 13 },
		{ end, PS_TORN, "main thread", RW_LOCK, 13 },
		{ go_round, PS_TORN, "main thread", RW_LOCK, 13 },
		{ have_two_interpreters, PS_NOT_READY, "several", RW_LOCK, 8 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (unsigned minor = FIRST_MINOR; minor <= rows[i].last; minor++) {
			unsigned char before[RING_BYTES_MAX], after[RING_BYTES_MAX];
			struct ps_err err = { 0 };
			struct request r;
			size_t size;

			set_up(&r, minor);
			if (!has(&r, rows[i].needs))
				continue;
			rows[i].is_so(&r);
			size = ring_size(&r.ring.site.layout);
			cr_assert_eq(
				poke_read(&r.poker, ring_site_ring(&r.ring.site), before, size),
				PS_OK);
			cr_expect_eq(put(&r, "/s", &err), rows[i].status, "row %zu, 3.%u", i,
				     minor);
			cr_expect(strstr(err.msg, rows[i].word), "row %zu, 3.%u: %s", i, minor,
				  err.msg);
			cr_expect_eq(r.thread, 0);
			cr_assert_eq(poke_read(&r.poker, ring_site_ring(&r.ring.site), after, size),
				     PS_OK);
			cr_expect_eq(memcmp(before, after, size), 0);
			close(r.poker.fd);
		}
	}
}

Test(request_ring, several_interpreters_matter_to_3_8_only)
{
	for (unsigned minor = 9; minor <= LAST_MINOR; minor++) {
		struct request r;

		set_up(&r, minor);
		have_two_interpreters(&r);
		cr_expect_eq(put(&r, "/s", NULL), PS_OK, "3.%u", minor);
		close(r.poker.fd);
	}
}

Test(request_ring, the_text_of_the_last_call_is_left_alone)
{
	struct request r;
	char text[64] = "";
	raddr first;

	/* It may be in use this very moment: of one without a mark, nothing tells until 3.11. */
	set_up(&r, 9);
	cr_assert_eq(put(&r, "/tmp/first/s", NULL), PS_OK);
	first = r.ring.text;
	take_ours(&r);
	cr_assert_eq(put(&r, "/tmp/second/s", NULL), PS_OK);
	cr_expect_neq(r.ring.text, first);
	cr_assert_eq(poke_read(&r.poker, first + 36, text, sizeof text - 1), PS_OK);
	cr_expect(strstr(text, "/tmp/first/s"), "%s", text);
	take_ours(&r);
	cr_assert_eq(put(&r, "/tmp/third/s", NULL), PS_OK);
	cr_expect_eq(r.ring.text, first);
}

Test(request_ring, waits_for_one_that_is_being_made)
{
	for (unsigned minor = FIRST_MINOR; minor <= 11; minor++) {
		struct ps_err err = { 0 };
		struct request r;

		set_up(&r, minor);
		cr_assert_eq(put(&r, "/tmp/first/s", NULL), PS_OK);
		take_first(&r);
		cr_expect_eq(put(&r, "/tmp/second/s", &err), PS_NOT_READY, "3.%u", minor);
		cr_expect(strstr(err.msg, "at work on a call"), "%s", err.msg);
		add_one(&r);
		cr_expect_eq(put(&r, "/tmp/second/s", &err), PS_NOT_READY);
		take_first(&r);
		take_first(&r);
		cr_expect_eq(put(&r, "/tmp/second/s", &err), PS_OK);
		close(r.poker.fd);
	}
}

Test(request_ring, of_another_is_not_taken_for_ours)
{
	EACH_MINOR(minor)
	{
		struct request r;
		bool signalled;

		set_up(&r, minor);
		cr_assert_eq(put(&r, "/tmp/ours/s", NULL), PS_OK);
		strcpy(r.path, "/tmp/them/s");
		cr_expect_eq(state(&r, &signalled), REQUEST_TAKEN, "3.%u", minor);
		close(r.poker.fd);
	}
}

Test(request_ring, a_thread_that_has_ended_meanwhile_is_not_written_to)
{
	struct request r;

	set_up(&r, 13);
	cr_assert_eq(put(&r, "/s", NULL), PS_OK);
	end(&r);
	set(&r, RW_BREAKER, 0);
	cr_expect_eq(request_ring_ops.signal(&r), PS_OK);
	cr_expect_eq(get(&r, RW_BREAKER), 0);
}

Test(request_ring, the_longest_path_has_room)
{
	char path[sizeof((struct request *)0)->path];
	struct request r;
	bool signalled;

	memset(path, 'x', sizeof path);
	path[sizeof path - 1] = '\0';
	set_up(&r, 10);
	cr_assert_eq(put(&r, path, NULL), PS_OK);
	cr_expect_eq(state(&r, &signalled), REQUEST_WAITS);
	take_ours(&r);
	cr_assert_eq(put(&r, path, NULL), PS_OK, "what we left there is no obstacle");
}

/* --- the site --- */

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
				 .base = { [RING_RUNTIME] = RUNTIME } };
	return ring_site_find(s, &m, NULL);
}

Test(ring_site, hangs_together_or_is_not_believed)
{
	static void (*const breaks[])(const struct request *r) = { go_round, have_many_users,
								   have_no_room };

	EACH_MINOR(minor)
	{
		struct reader reader = { 0 };
		struct ring_site s;
		struct request r;
		unsigned all;

		set_up(&r, minor);
		cr_assert_eq(find(&r, &s, &reader), PS_OK, "3.%u", minor);
		cr_expect_eq(s.base[RING_INTERPRETER], INTERP);
		all = reader.reads;
		for (unsigned k = 1; k <= all; k++) {
			reader.fail_at = k;
			cr_expect_neq(find(&r, &s, &reader), PS_OK, "3.%u, read %u", minor, k);
		}
		reader.fail_at = 0;
		set(&r, RW_STARTED, 0);
		cr_expect_eq(find(&r, &s, &reader), PS_NOT_READY,
			     "built-in functions may lack yet");
		set(&r, RW_STARTED, 1);
		set(&r, RW_MAIN, 0);
		cr_expect_eq(find(&r, &s, &reader), PS_NOT_READY);
		set(&r, RW_MAIN, OTHER);
		cr_expect_eq(find(&r, &s, &reader), PS_FORMAT);
		close(r.poker.fd);
		for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
			set_up(&r, minor);
			breaks[i](&r);
			cr_expect_eq(find(&r, &s, &reader), PS_FORMAT, "3.%u, %zu", minor, i);
			close(r.poker.fd);
		}
		set_up(&r, minor);
		set(&r, RW_THREAD_INTERPRETER, OTHER);
		cr_expect_eq(find(&r, &s, &reader), PS_FORMAT);
		close(r.poker.fd);
		set_up(&r, minor);
		set(&r, RW_THREADS, 0);
		cr_expect_eq(find(&r, &s, &reader), PS_NOT_READY);
		close(r.poker.fd);
	}
}

Test(ring_site, the_ring_of_3_13_is_found_where_it_has_moved_to)
{
	struct reader reader = { 0 };
	struct ring_site s;
	struct request r;

	set_up(&r, 13);
	set_int(&r, r.ring.site.layout.limits, 0);
	cr_expect_eq(find(&r, &s, &reader), PS_FORMAT);
	set_int(&r, r.ring.site.layout.limits + 24, 32);
	cr_assert_eq(find(&r, &s, &reader), PS_OK);
	cr_expect_eq(s.layout.ring.at, r.ring.site.layout.ring.at + 24);
	cr_expect_eq(s.layout.word[RW_LOCK].at, r.ring.site.layout.word[RW_LOCK].at + 24);
}

Test(ring_site, tells_the_main_thread)
{
	EACH_MINOR(minor)
	{
		struct request r;
		struct reader reader = { .r = &r };
		struct ring_memory m = { read_counted, &reader };
		struct ring_main main;

		set_up(&r, minor);
		cr_assert_eq(ring_site_main(&r.ring.site, &m, &main), PS_OK);
		cr_expect(main.at == THREAD && main.ident == IDENT);
		cr_expect(ring_site_holds(&r.ring.site, &m, THREAD));
		set(&r, RW_LOCKED, 0);
		cr_expect_not(ring_site_holds(&r.ring.site, &m, THREAD));
		end(&r);
		cr_expect_eq(ring_site_main(&r.ring.site, &m, &main), PS_NOT_PYTHON);
		close(r.poker.fd);
	}
}
