/* SPDX-License-Identifier: MIT */
#include "profiler/tids.h"

#include "profiler/proc.h"

#include <stdlib.h>

struct update {
	int pid;
	struct tid_pair *known; /* by tid, from `next` on */
	uint32_t nknown, next;
	struct tid_pair *v;
	uint32_t n, cap;
	bool failed;
};

static int compare(int a, int b)
{
	return (a > b) - (a < b);
}

static int by_tid(const void *a, const void *b)
{
	return compare(((const struct tid_pair *)a)->tid, ((const struct tid_pair *)b)->tid);
}

static int by_inner(const void *a, const void *b)
{
	return compare(((const struct tid_pair *)a)->inner, ((const struct tid_pair *)b)->inner);
}

/* Threads come in the order of their ids, and so do the known ones. */
static int known_inner(struct update *u, int tid)
{
	while (u->next < u->nknown && u->known[u->next].tid < tid)
		u->next++;
	return u->next < u->nknown && u->known[u->next].tid == tid ? u->known[u->next].inner : 0;
}

static bool take_thread(int tid, void *ctx)
{
	struct update *u = ctx;
	struct proc_status status;
	int inner = known_inner(u, tid);

	if (!inner && proc_read_status(u->pid, tid, &status) == PS_OK)
		inner = status.inner_tid;
	if (!inner)
		return true; /* it has ended meanwhile */
	if (u->n == u->cap) {
		uint32_t cap = u->cap ? u->cap * 2 : 64;
		struct tid_pair *grown = realloc(u->v, cap * sizeof *grown);

		u->failed = !grown;
		if (!grown)
			return false;
		u->v = grown;
		u->cap = cap;
	}
	u->v[u->n++] = (struct tid_pair){ tid, inner };
	return true;
}

static void sort(struct tid_pair *v, uint32_t n, int (*order)(const void *, const void *))
{
	if (n)
		qsort(v, n, sizeof *v, order);
}

enum ps_status tids_update(struct tids *t, int pid, bool anew)
{
	struct update u = { .pid = pid, .known = t->v, .nknown = anew ? 0 : t->n };
	enum ps_status st;

	sort(u.known, u.nknown, by_tid);
	st = proc_each_thread(pid, take_thread, &u);
	if (!st && u.failed)
		st = PS_NOMEM;
	if (st) {
		free(u.v);
		sort(t->v, t->n, by_inner);
		return st;
	}
	sort(u.v, u.n, by_inner);
	free(t->v);
	*t = (struct tids){ u.v, u.n };
	return PS_OK;
}

int tids_find(const struct tids *t, uint64_t inner)
{
	struct tid_pair key = { .inner = (int)inner };
	const struct tid_pair *found = NULL;

	if (inner && inner <= INT32_MAX && t->n)
		found = bsearch(&key, t->v, t->n, sizeof *t->v, by_inner);
	return found ? found->tid : 0;
}

void tids_deinit(struct tids *t)
{
	free(t->v);
	*t = (struct tids){ 0 };
}
