/* SPDX-License-Identifier: MIT */
/* PyPy, 7.3.18 and later: the process as a whole is asked, and one of its threads runs it. */
#include "profiler/host.h"

#include "profiler/checks.h"
#include "profiler/clock.h"
#include "profiler/mapped.h"
#include "profiler/proc.h"
#include "profiler/scope.h"
#include "profiler/tids.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MAPS_MAX = 64 << 20 };

struct pypy {
	raddr door;
	uint32_t path_room;
	struct tids tids;
};

/* --- where the door is --- */

struct search {
	struct target *target;
	struct pypy *found;
	char *maps;
	size_t len;
};

/* Only where the program itself may write: the file's word alone does not count. */
static bool is_writable(const struct search *s, raddr at)
{
	struct map m;

	for (size_t pos = 0; maps_next(s->maps, s->len, &pos, &m);) {
		if (at >= m.start && at < m.end)
			return m.writable;
	}
	return false;
}

static bool try_file(struct search *s, const struct map *file)
{
	SCOPE_CLOSE int fd = mapped_open(s->target->pid, file);
	struct pypy_door door;
	struct elf_python e;
	size_t pos = 0;
	raddr at;

	/* It is exported, so among the dynamic symbols. */
	if (fd < 0 || elf_sniff_python(fd, &e) || !e.has_requests)
		return false;
	while (mapped_next_address(s->maps, s->len, &pos, file, &e, e.requests, &at)) {
		if (!is_writable(s, at) || target_read(s->target, at, &door, sizeof door) ||
		    !pypy_door_recognize(&door))
			continue;
		s->found->door = at;
		s->found->path_room = e.requests_room;
		return true;
	}
	return false;
}

/* Each file by its first mapping that may be written: the door is data. First those that are
 * called PyPy. */
static bool search_files(struct search *s)
{
	struct map m, last = { 0 };

	for (int others = 0; others < 2; others++) {
		for (size_t pos = 0; maps_next(s->maps, s->len, &pos, &m);) {
			const char *name;
			size_t len;

			if (!m.inode || !m.writable || mapped_same_file(&m, &last))
				continue;
			map_basename(&m, &name, &len);
			if ((memmem(name, len, "pypy", 4) == NULL) != (others == 1))
				continue;
			last = m;
			if (try_file(s, &m))
				return true;
		}
	}
	return false;
}

static enum ps_status find_door(struct host *h, struct ps_err *err)
{
	struct search s = { .target = &h->target, .found = h->own };
	SCOPE_FREE char *maps = NULL;
	char name[64];

	snprintf(name, sizeof name, "task/%d/maps", h->target.read_tid);
	PS_TRY(proc_read_file(h->target.pid, name, MAPS_MAX, &maps, &s.len, err));
	s.maps = maps;
	if (search_files(&s))
		return PS_OK;
	return ps_fail(err, PS_FORMAT, "the door of %s in process %d is not where its file has it",
		       h->python, h->target.pid);
}

/* --- the host --- */

/* The main thread stands for all of them. */
static enum ps_status list(struct host *h, const struct pypy *p)
{
	struct host_thread *grown = realloc(h->threads, (p->tids.n + 1) * sizeof *grown);

	if (!grown)
		return PS_NOMEM;
	h->threads = grown;
	h->nthreads = 0;
	for (uint32_t i = 0; i < p->tids.n; i++) {
		bool main = p->tids.v[i].tid == h->target.pid;

		h->threads[h->nthreads++] =
			(struct host_thread){ .state = { .at = p->door },
					      .inner_tid = (uint64_t)p->tids.v[i].inner,
					      .tid = p->tids.v[i].tid,
					      .main = main,
					      .running = main };
	}
	return PS_OK;
}

static enum ps_status look(struct host *h, struct ps_err *err)
{
	struct pypy *p = h->own;
	enum ps_status st;

	if (target_execed(&h->target))
		return host_gone(h, err);
	st = tids_update(&p->tids, h->target.pid, false);
	if (!st)
		st = list(h, p);
	return st ? ps_fail(err, st, "process %d: %s", h->target.pid, ps_status_name(st)) : PS_OK;
}

static enum ps_status prepare(struct host *h, struct request *r, struct ps_err *err)
{
	const struct pypy *p = h->own;

	(void)err;
	r->pypy = (struct request_pypy){ .path_room = p->path_room };
	return PS_OK;
}

/* It tells on its standard output what it runs, and fails where that cannot be written (is None,
 * as in a process that was started without): run_debugger() in interp_signal.py. */
static enum ps_status refused(const struct host *h, const char *folder, struct ps_err *err)
{
	ps_fail(err, PS_DENIED,
		"process %d took the request and did not run the script: its sys.stdout is None "
		"or closed, code in it has switched requests off "
		"(__pypy__._pypy_disable_remote_debugger), an audit hook of it refused, or it "
		"cannot read %s/" PARCEL_SCRIPT,
		h->target.pid, folder);
	ps_hint(err, "its standard error has the reason unless it is switched off; hooks see the "
		     "event remote_exec");
	return PS_DENIED;
}

static void close_pypy(struct host *h)
{
	struct pypy *p = h->own;

	tids_deinit(&p->tids);
	free(p);
}

/* What could forbid it was looked at when it was opened. Where it gets no memory, RPython ends the
 * process ("out of memory: couldn't allocate the next arena"). */
const struct host_ops host_pypy = {
	.room = 32 << 20, .look = look, .prepare = prepare, .refused = refused, .close = close_pypy
};

/* Switched off by an option or a variable; what code in it has switched off takes the request
 * and does not run it. */
static enum ps_status switched_off(const struct host *h, const struct inside *in,
				   struct ps_err *err)
{
	struct diagnosis d = { .inside = *in };

	situation_read("", h->target.pid, &d.situation);
	situation_try(&d.situation);
	if (!checks_first_bad(&d, STAGE_EXEC, err))
		return PS_OK;
	return ps_while(err, PS_DENIED, "not permitted to run code in process %d", h->target.pid);
}

/* One that is asked while it starts up takes the request where it has no encodings or streams yet,
 * and may not survive that (8.0.1: "unknown encoding: utf-8"). The last thing it does before it
 * runs its program is to take SIGINT (run_command_line() of app_main.py). Programs that have given
 * it back are known by their age. */
static bool has_started(const struct host *h)
{
	enum { SIGINT_BIT = 1 << (SIGINT - 1), GROWN_UP_MS = 30000 };
	struct proc_status status;

	return proc_age_ms(h->target.starttime) > GROWN_UP_MS ||
	       (proc_read_status(h->target.pid, h->target.read_tid, &status) == PS_OK &&
		status.caught & SIGINT_BIT);
}

static enum ps_status wait_until_started(struct host *h, const struct patience *p,
					 struct ps_err *err)
{
	enum { PAUSE = 2000000 };

	while (!has_started(h)) {
		if (target_ended(&h->target))
			return ps_fail(err, PS_GONE, "process %d has ended", h->target.pid);
		if (target_execed(&h->target))
			return host_gone(h, err);
		if (clock_now() > p->deadline || (p->interrupted && p->interrupted(p->ctx))) {
			ps_fail(err, PS_NOT_READY,
				"process %d: %s seems to be starting up, and must not be "
				"disturbed in that",
				h->target.pid, h->python);
			ps_hint(err, "it has no handler for SIGINT; if its program has removed "
				     "it, try again when it has run for half a minute");
			return PS_NOT_READY;
		}
		(void)clock_sleep_until(clock_now() + PAUSE);
	}
	return PS_OK;
}

enum ps_status host_pypy_open(const struct inside *in, const struct patience *p, struct host *h,
			      struct ps_err *err)
{
	enum ps_status st;

	h->way = EXEC_PYPY;
	h->any_takes = true;
	identity_describe(&in->identity, h->python);
	PS_TRY(switched_off(h, in, err));
	PS_TRY(wait_until_started(h, p, err));
	h->own = calloc(1, sizeof(struct pypy));
	if (!h->own)
		return ps_fail(err, PS_NOMEM, "out of memory");
	st = find_door(h, err);
	if (st)
		free(h->own);
	return st;
}
