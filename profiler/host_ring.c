/* SPDX-License-Identifier: MIT */
/* CPython 3.8 to 3.13: pending calls, which the main thread alone makes. */
#include "profiler/host.h"

#include "profiler/proc.h"
#include "profiler/ring_find.h"
#include "profiler/tids.h"

#include <stdlib.h>

enum { LOOKS_MAX = 4 };

struct ring {
	struct ring_site site;
	struct identity identity;
	struct tids tids;
};

static struct ring_memory memory_of(struct target *t)
{
	return (struct ring_memory){ ring_find_read, t };
}

/* --- finding it --- */

static bool is_hopeless(enum ps_status st)
{
	return st == PS_GONE || st == PS_DENIED || st == PS_NOMEM || st == PS_NOT_PYTHON;
}

static enum ps_status find(struct target *t, void *ctx, struct ps_err *err)
{
	struct ring *ring = ctx;
	struct locate_file file = { 0 };
	struct locate_how how = { .file = &file };
	struct site ignored;
	enum ps_status st;

	st = locate_with(t, &how, &ignored, &ring->identity, err);
	if (is_hopeless(st))
		return st;
	return ring_find(t, &file, &ring->identity, &ring->site, err);
}

enum ps_status host_ring_open(int pid, const struct patience *p, struct host *ret,
			      struct ps_err *err)
{
	struct ring *ring = calloc(1, sizeof *ring);
	enum ps_status st;

	if (!ring)
		return ps_fail(err, PS_NOMEM, "out of memory");
	*ret = (struct host){ .way = EXEC_PENDING_CALL, .main_only = true, .own = ring };
	st = ps_while(err, attach_by(pid, p, &ret->target, find, ring, err), "process %d", pid);
	if (st) {
		free(ring);
		return st;
	}
	identity_describe(&ring->identity, ret->python);
	return PS_OK;
}

/* --- its main thread --- */

/* Until 3.10 the interpreter does not know it, but the C library does: in glibc's thread
 * descriptor for x86-64 it stands at 720 (struct pthread, nptl/descr.h), in musl's at 48
 * (src/internal/pthread_impl.h). Which of them it is, the address of the descriptor in itself
 * tells: behind two words, or at once. */
static uint64_t native_of(struct target *t, uint64_t ident, bool *ret_known)
{
	uint64_t words[3] = { 0 };
	uint32_t tid = 0;

	*ret_known = true;
	if (target_read(t, ident, words, sizeof words))
		return 0; /* the thread has ended, and its stack is gone */
	if (words[2] != ident && words[0] != ident)
		*ret_known = false;
	else if (target_read(t, ident + (words[2] == ident ? 720 : 48), &tid, sizeof tid))
		return 0;
	return tid;
}

/* Its id as our /proc has it; 0: it has ended. */
static int tid_of(struct host *h, struct ring_main *main)
{
	struct ring *ring = h->own;
	bool known = true;
	int tid;

	if (!main->native)
		main->native = native_of(&h->target, main->ident, &known);
	if (!known)
		return h->target.pid;
	if (tids_update(&ring->tids, h->target.pid, false))
		return 0;
	tid = tids_find(&ring->tids, main->native);
	return tid;
}

static enum ps_status list(struct host *h, struct ring_main *main)
{
	struct ring *ring = h->own;
	const struct ring_memory m = memory_of(&h->target);
	int tid = main->at ? tid_of(h, main) : 0;
	struct proc_stat stat;

	h->nthreads = 0;
	if (!tid || proc_read_stat(h->target.pid, tid, &stat) || stat.state == 'Z' ||
	    stat.state == 'X')
		return PS_OK;
	if (!h->threads)
		h->threads = malloc(sizeof *h->threads);
	if (!h->threads)
		return PS_NOMEM;
	h->threads[h->nthreads++] =
		(struct host_thread){ .state = { .at = main->at,
						 .interpreter = ring->site.base[RING_INTERPRETER],
						 .ident = main->ident },
				      .inner_tid = main->native,
				      .tid = tid,
				      .main = true,
				      .running = ring_site_holds(&ring->site, &m, main->at) };
	return PS_OK;
}

static enum ps_status look(struct host *h, struct ps_err *err)
{
	const struct ring *ring = h->own;
	const struct ring_memory m = memory_of(&h->target);
	struct ring_main main = { 0 };
	enum ps_status st = PS_FAULT;

	if (target_ended(&h->target))
		return ps_fail(err, PS_GONE, "process %d has ended", h->target.pid);
	if (target_execed(&h->target))
		return ps_fail(err, PS_GONE, "process %d has ended, or replaced its program",
			       h->target.pid);
	for (unsigned i = 0; (st == PS_FAULT || st == PS_FORMAT) && i < LOOKS_MAX; i++)
		st = ring_site_main(&ring->site, &m, &main);
	if (st == PS_GONE)
		return ps_fail(err, PS_GONE, "process %d has ended", h->target.pid);
	return list(h, &main) ? ps_fail(err, PS_NOMEM, "out of memory") : PS_OK;
}

static enum ps_status prepare(struct host *h, struct request *r, struct ps_err *err)
{
	const struct ring *ring = h->own;

	(void)err;
	r->ring = (struct request_ring){ .site = ring->site };
	return PS_OK;
}

static enum ps_status refused(const struct host *h, const char *folder, struct ps_err *err)
{
	return ps_fail(err, PS_DENIED,
		       "process %d took the request and could not run the script: it cannot read "
		       "%s/" PARCEL_SCRIPT ", or an exception came first",
		       h->target.pid, folder);
}

static void close_ring(struct host *h)
{
	struct ring *ring = h->own;

	tids_deinit(&ring->tids);
	free(ring);
}

/* A call that finds no memory for its few words fails, and with that the program (request_ring.c,
 * 3): SystemError, "error return without exception set". An arena of the interpreter has 256 KiB or
 * 1 MiB. What else is in the way is seen only while it stands. */
const struct host_ops host_ring = {
	.room = 4 << 20, .look = look, .prepare = prepare, .refused = refused, .close = close_ring
};
