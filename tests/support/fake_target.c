/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_target.h"

#include "profiler/proc.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fake_init(struct fake_target *f)
{
	int pid = getpid();

	*f = (struct fake_target){ .fail_with = PS_FAULT };
	f->target = (struct target){ .pid = pid, .pidfd = -1, .memfd = -1, .read_tid = pid };
}

void fake_deinit(struct fake_target *f)
{
	for (size_t i = 0; i < FAKE_PAGES; i++)
		free(f->page[i]);
	memset(f->page, 0, sizeof f->page);
}

static size_t page_of(raddr at)
{
	size_t i = (size_t)((at - FAKE_BASE) / FAKE_PAGE);

	if (at < FAKE_BASE || i >= FAKE_PAGES)
		abort();
	return i;
}

void fake_map(struct fake_target *f, raddr at, size_t len)
{
	for (size_t i = page_of(at), last = page_of(at + len - 1); len && i <= last; i++) {
		if (!f->page[i] && !(f->page[i] = calloc(1, FAKE_PAGE)))
			abort();
	}
}

void fake_unmap(struct fake_target *f, raddr at, size_t len)
{
	for (size_t i = page_of(at), last = page_of(at + len - 1); len && i <= last; i++) {
		free(f->page[i]);
		f->page[i] = NULL;
	}
}

/* The bytes from that address to the end of its page; NULL: not there. */
static unsigned char *bytes_at(const struct fake_target *f, raddr at, size_t *ret_len)
{
	uint64_t i = (at - FAKE_BASE) / FAKE_PAGE;

	if (at < FAKE_BASE || i >= FAKE_PAGES || !f->page[i])
		return NULL;
	*ret_len = FAKE_PAGE - at % FAKE_PAGE;
	return f->page[i] + at % FAKE_PAGE;
}

static size_t copy_out(const struct fake_target *f, raddr at, void *into, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t room;
		const unsigned char *from = bytes_at(f, at + done, &room);

		if (!from)
			break;
		if (room > len - done)
			room = len - done;
		memcpy((char *)into + done, from, room);
		done += room;
	}
	return done;
}

void fake_put(struct fake_target *f, raddr at, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t room;
		unsigned char *to = bytes_at(f, at + done, &room);

		if (!to)
			abort();
		if (room > len - done)
			room = len - done;
		memcpy(to, (const char *)bytes + done, room);
		done += room;
	}
}

void fake_get(const struct fake_target *f, raddr at, void *ret, size_t len)
{
	if (copy_out(f, at, ret, len) != len)
		abort();
}

void fake_put64(struct fake_target *f, raddr at, uint64_t v)
{
	fake_put(f, at, &v, sizeof v);
}

uint64_t fake_get64(const struct fake_target *f, raddr at)
{
	uint64_t v;

	fake_get(f, at, &v, sizeof v);
	return v;
}

/* --- the clock, linked with --wrap --- */

uint64_t __wrap_clock_now(void);

static uint64_t clock_time = 1000000000, clock_step = 100;

void fake_clock_step(uint64_t ns)
{
	clock_step = ns;
}

uint64_t __wrap_clock_now(void)
{
	return clock_time += clock_step;
}

/* --- in place of profiler/target.c --- */

static struct fake_target *fake_of(struct target *t)
{
	return (struct fake_target *)t;
}

static void check_contract(const struct iovec *local, unsigned nlocal, const struct iovec *remote,
			   unsigned nremote)
{
	size_t room = 0, wanted = 0;

	if (nlocal > IOV_MAX || nremote > IOV_MAX)
		abort();
	for (unsigned i = 0; i < nlocal; i++)
		room += local[i].iov_len;
	for (unsigned i = 0; i < nremote; i++)
		wanted += remote[i].iov_len;
	if (room != wanted)
		abort();
}

/* Bytes come in the order of the elements, whatever the local side is cut into. */
static size_t copy_elements(struct fake_target *f, const struct iovec *local,
			    const struct iovec *remote, unsigned nremote)
{
	size_t got = 0, used = 0;

	for (unsigned r = 0; r < nremote; r++) {
		raddr at = (raddr)(uintptr_t)remote[r].iov_base;

		if (f->before_element)
			f->before_element(f, at, f->ctx);
		for (size_t done = 0; done < remote[r].iov_len;) {
			size_t want = remote[r].iov_len - done, n;

			while (used == local->iov_len) {
				local++;
				used = 0;
			}
			if (want > local->iov_len - used)
				want = local->iov_len - used;
			n = copy_out(f, at + done, (char *)local->iov_base + used, want);
			got += n;
			done += n;
			used += n;
			if (n < want)
				return got;
		}
	}
	return got;
}

enum ps_status target_readv(struct target *t, const struct iovec *local, unsigned nlocal,
			    const struct iovec *remote, unsigned nremote, size_t *got)
{
	struct fake_target *f = fake_of(t);
	size_t wanted = 0;

	check_contract(local, nlocal, remote, nremote);
	*got = 0;
	f->reads++;
	if (f->before_read)
		f->before_read(f, f->reads, f->ctx);
	if (f->fail_at && (f->reads == f->fail_at || (f->fail_on && f->reads > f->fail_at)))
		return f->fail_with;
	for (unsigned i = 0; i < nremote; i++)
		wanted += remote[i].iov_len;
	*got = copy_elements(f, local, remote, nremote);
	return *got == wanted ? PS_OK : PS_FAULT;
}

enum ps_status target_read(struct target *t, raddr at, void *into, size_t len)
{
	struct iovec local = { into, len }, remote = { (void *)(uintptr_t)at, len };
	size_t got;

	return target_readv(t, &local, 1, &remote, 1, &got);
}

enum ps_status target_read_proc(struct target *t, const char *name, size_t max, char **ret,
				size_t *ret_len, struct ps_err *err)
{
	struct fake_target *f = fake_of(t);

	if (f->no_maps)
		return ps_fail(err, PS_GONE, "thread %d ended", t->read_tid);
	if (!f->maps)
		return proc_read_file(t->pid, name, max, ret, ret_len, err);
	*ret = strdup(f->maps);
	*ret_len = strlen(f->maps);
	return *ret ? PS_OK : PS_NOMEM;
}

enum ps_status target_open(int pid, struct target *ret, struct ps_err *err)
{
	(void)ret;
	return ps_fail(err, PS_GONE, "there is no process %d here", pid);
}

void target_close(struct target *t)
{
	(void)t;
}

bool target_ended(struct target *t)
{
	return fake_of(t)->ended;
}

bool target_execed(struct target *t)
{
	return fake_of(t)->execed;
}

enum ps_status target_follow_exec(struct target *t, struct ps_err *err)
{
	fake_of(t)->execed = false;
	(void)err;
	return PS_OK;
}
