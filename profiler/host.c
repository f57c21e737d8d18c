/* SPDX-License-Identifier: MIT */
#include "profiler/host.h"

#include "profiler/clock.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAPS_MAX = 64 << 20 };

static const struct host_ops *const ways[] = {
	[EXEC_PENDING_CALL] = &host_ring, [EXEC_DOOR] = &host_door, [EXEC_PYPY] = &host_pypy
};

static const struct host_ops *ops_of(const struct host *h)
{
	return ways[h->way];
}

/* --- those without the door that the sampler knows --- */

typedef enum ps_status open_fn(const struct inside *in, const struct patience *p, struct host *h,
			       struct ps_err *err);

static open_fn *const openers[] = { [EXEC_PYPY] = host_pypy_open };

static enum ps_status refuse(const struct inside *in, int pid, struct ps_err *err)
{
	char python[64];

	identity_describe(&in->identity, python);
	ps_fail(err, PS_UNSUPPORTED, "process %d: running code in %s is not possible yet", pid,
		python);
	ps_hint(err, "it is in CPython 3.8 and later, and in PyPy 7.3.18 and later");
	return PS_UNSUPPORTED;
}

/* Before its library is mapped whole, a PyPy has nothing but its program's name. */
static enum ps_status look_into(struct target *t, void *ctx, struct ps_err *err)
{
	struct inside *in = ctx;
	struct elf_cache files;

	elf_cache_init(&files);
	inside_look(t, &files, in);
	elf_cache_deinit(&files);
	if (in->located != PS_NOT_READY)
		return PS_OK;
	if (err)
		*err = in->why;
	return PS_NOT_READY;
}

static enum ps_status open_other(int pid, const struct patience *p, struct host *ret,
				 struct ps_err *err)
{
	struct host h = { .nthreads = 0 };
	struct inside in;
	enum exec_way way;
	enum ps_status st;

	PS_TRY(attach_by(pid, p, &h.target, look_into, &in, err));
	way = identity_exec_way(&in.identity);
	if (way == EXEC_PENDING_CALL) { /* it opens the target itself */
		target_close(&h.target);
		return host_ring_open(pid, p, ret, err);
	}
	if (way < sizeof openers / sizeof *openers && openers[way])
		st = openers[way](&in, p, &h, err);
	else
		st = refuse(&in, pid, err);
	if (st)
		target_close(&h.target);
	else
		*ret = h;
	return way == EXEC_DOOR ? host_door_open(pid, p, ret, err) : st;
}

/* Only to try first what is likely. */
static bool is_called_pypy(int pid)
{
	SCOPE_FREE char *maps = NULL;
	size_t len;

	return proc_read_file(pid, "maps", MAPS_MAX, &maps, &len, NULL) == PS_OK &&
	       memmem(maps, len, "/libpypy", 8);
}

enum ps_status host_open(int pid, const struct patience *p, struct host *ret, struct ps_err *err)
{
	enum ps_status st = PS_UNSUPPORTED;

	if (!is_called_pypy(pid))
		st = host_door_open(pid, p, ret, err);
	return st == PS_UNSUPPORTED ? open_other(pid, p, ret, err) : st;
}

void host_close(struct host *h)
{
	ops_of(h)->close(h);
	free(h->threads);
	target_close(&h->target);
}

enum ps_status host_look(struct host *h, struct ps_err *err)
{
	return ops_of(h)->look(h, err);
}

bool host_lists(struct host *h, const struct request *r)
{
	return !ops_of(h)->lists || ops_of(h)->lists(h, r);
}

/* Bytes that the process may still have of what is limited, of which it has so many. */
static uint64_t room_of(int pid, __rlimit_resource_t resource, uint64_t has)
{
	struct rlimit limit;

	if (prlimit(pid, resource, NULL, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur > has ? limit.rlim_cur - has : 0;
}

static enum ps_status check_room(int pid, uint64_t needed, struct ps_err *err)
{
	enum { STATM_MAX = 256 };
	SCOPE_FREE char *text = NULL;
	unsigned long long all, data;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), room, of_data;
	size_t len;

	if (proc_read_file(pid, "statm", STATM_MAX, &text, &len, NULL) ||
	    sscanf(text, "%llu %*u %*u %*u %*u %llu", &all, &data) != 2)
		return PS_OK;
	room = room_of(pid, RLIMIT_AS, all * page);
	of_data = room_of(pid, RLIMIT_DATA, data * page);
	room = of_data < room ? of_data : room;
	if (room >= needed)
		return PS_OK;
	ps_fail(err, PS_NOT_READY,
		"process %d may have no more than %" PRIu64 " KiB of memory beside what it has "
		"(RLIMIT_AS, RLIMIT_DATA), and code that finds none could end it; it was not asked",
		pid, room >> 10);
	ps_hint(err, "prlimit --pid %d --as=unlimited --data=unlimited lets it have more", pid);
	return PS_NOT_READY;
}

enum ps_status host_admits(struct host *h, const struct host_thread *t, struct ps_err *err)
{
	const struct host_ops *ops = ops_of(h);

	PS_TRY(check_room(h->target.pid, ops->room, err));
	return ops->admits ? ops->admits(h, t, err) : PS_OK;
}

bool host_in_hook(struct host *h, const struct host_thread *t)
{
	return ops_of(h)->in_hook && ops_of(h)->in_hook(h, t);
}

enum ps_status host_gone(struct host *h, struct ps_err *err)
{
	enum { PATIENCE_MS = 1000, MS = 1000000 };

	/* A process that ends lets its memory go a little before it has ended. */
	for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
		if (target_ended(&h->target))
			return ps_fail(err, PS_GONE, "process %d has ended", h->target.pid);
		(void)clock_sleep_until(clock_now() + MS);
	}
	return ps_fail(err, PS_GONE, "process %d has replaced its program", h->target.pid);
}

enum ps_status host_refused(const struct host *h, const char *folder, struct ps_err *err)
{
	return ops_of(h)->refused(h, folder, err);
}

enum ps_status host_prepare(struct host *h, struct request *r, struct ps_err *err)
{
	r->pid = h->target.pid;
	r->way = h->way;
	PS_TRY(ops_of(h)->prepare(h, r, err));
	return poke_open(h->target.pid, h->target.read_tid, &r->poker, err);
}
