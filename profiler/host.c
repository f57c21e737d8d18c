/* SPDX-License-Identifier: MIT */
#include "profiler/host.h"

#include "profiler/checks.h"

#include <stdlib.h>

static const struct host_ops *const ways[] = {
	[EXEC_PENDING_CALL] = &host_ring, [EXEC_DOOR] = &host_door
};

static const struct host_ops *ops_of(const struct host *h)
{
	return ways[h->way];
}

enum ps_status host_open(int pid, const struct patience *p, struct host *ret, struct ps_err *err)
{
	enum ps_status st = host_door_open(pid, p, ret, err);

	return st == PS_UNSUPPORTED ? host_ring_open(pid, p, ret, err) : st;
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

enum ps_status host_admits(struct host *h, const struct host_thread *t, struct ps_err *err)
{
	return ops_of(h)->admits(h, t, err);
}

enum ps_status host_prepare(struct host *h, struct request *r, struct ps_err *err)
{
	r->pid = h->target.pid;
	r->way = h->way;
	PS_TRY(ops_of(h)->prepare(h, r, err));
	return poke_open(h->target.pid, h->target.read_tid, &r->poker, err);
}
