/* SPDX-License-Identifier: MIT */
#include "profiler/listing.h"

#include "profiler/activity.h"
#include "profiler/names.h"
#include "profiler/proc.h"
#include "profiler/tids.h"

#include <inttypes.h>
#include <stdlib.h>

enum { INTERPRETERS_MAX = 256, THREADS_MAX = 8192 };

/* --- translating thread ids --- */

/* The target counts threads in its own pid namespace; /proc shows ours. */
static int find_tid(const struct sampler *s, uint64_t inner)
{
	struct proc_stat stat;

	if (!inner || inner > INT32_MAX)
		return 0;
	if (s->same_pid_namespace)
		return proc_read_stat(s->target->pid, (int)inner, &stat) == PS_OK ? (int)inner : 0;
	return tids_find(&s->tids, inner);
}

/* False: one at least was not found. */
static bool find_new_tids(struct sampler *s)
{
	bool all = true;

	for (uint32_t i = 0; i < s->nthreads; i++) {
		struct thread *t = &s->threads[i];

		if (t->id.v != UINT32_MAX || t->tid)
			continue;
		t->tid = find_tid(s, t->inner_tid);
		all &= t->tid != 0;
	}
	return all;
}

/* If one is not found even now, an id of before may have become another thread's: then
 * all are read again. */
static enum ps_status translate_new_tids(struct sampler *s)
{
	for (int anew = 0; !find_new_tids(s) && !s->same_pid_namespace && anew < 2; anew++) {
		if (tids_update(&s->tids, s->target->pid, anew) == PS_NOMEM)
			return PS_NOMEM;
	}
	return PS_OK;
}

static bool shares_pid_namespace(int pid)
{
	struct proc_status status;

	return proc_read_status(pid, pid, &status) != PS_OK || status.inner_tid == pid;
}

/* --- lists --- */

static struct thread *find_thread(struct thread *threads, uint32_t n, raddr at, uint64_t ident,
				  uint64_t inner)
{
	for (uint32_t i = 0; i < n; i++) {
		struct thread *t = &threads[i];

		if (t->at == at && t->ident == ident && t->inner_tid == inner && !t->alive)
			return t;
	}
	return NULL;
}

struct fresh_list {
	struct thread *v;
	uint32_t n, cap;
};

static enum ps_status append_thread(struct sampler *s, struct fresh_list *list, raddr at,
				    const unsigned char *state, const struct interpreter *in)
{
	const struct layout *l = &s->site.layout;
	uint64_t ident = layout_get(l, state, F_THREAD_IDENT);
	uint64_t inner = layout_get(l, state, F_THREAD_TID);
	struct thread *known = find_thread(s->threads, s->nthreads, at, ident, inner);

	if (list->n == list->cap) {
		uint32_t cap = list->cap ? list->cap * 2 : 16;
		struct thread *grown = realloc(list->v, cap * sizeof *grown);

		if (!grown)
			return PS_NOMEM;
		list->v = grown;
		list->cap = cap;
	}
	if (known) {
		list->v[list->n] = *known;
		known->alive = true; /* moved: what is left of it must not be freed */
	} else {
		thread_init(&list->v[list->n], at);
		list->v[list->n].ident = ident;
		list->v[list->n].inner_tid = inner;
		list->v[list->n].id.v = UINT32_MAX;
	}
	list->v[list->n].alive = true;
	list->v[list->n].interpreter = in->at;
	list->v[list->n++].next = layout_get(l, state, F_THREAD_NEXT);
	return PS_OK;
}

static enum ps_status list_threads(struct sampler *s, struct interpreter *in,
				   struct fresh_list *list)
{
	const struct layout *l = &s->site.layout;
	unsigned char state[1024];
	raddr at;

	PS_TRY(target_read(s->target, in->at + l->at[F_INTERP_THREADS_HEAD], &at, 8));
	in->threads_head = at;
	for (uint32_t steps = 0; at; steps++) {
		if (steps == THREADS_MAX)
			return PS_TORN;
		PS_TRY(target_read(s->target, at, state, l->span[S_THREAD]));
		if (layout_get(l, state, F_THREAD_INTERP) != in->at || list->n == THREADS_MAX)
			return PS_TORN;
		/* Bit 0: initialized (cpython/pystate.h). One that is not there yet, or is
		 * being torn down, has no stack to read. */
		if (layout_get(l, state, F_THREAD_STATUS) & 1)
			PS_TRY(append_thread(s, list, at, state, in));
		at = layout_get(l, state, F_THREAD_NEXT);
	}
	return PS_OK;
}

static enum ps_status list_interpreters(struct sampler *s, struct interpreter *ret, uint32_t *ret_n)
{
	const struct layout *l = &s->site.layout;
	raddr at;
	uint32_t n = 0;

	PS_TRY(target_read(s->target, s->site.runtime + l->at[F_RUNTIME_INTERPRETERS_HEAD], &at,
			   8));
	s->listed_head = at;
	while (at) {
		int64_t id;

		if (n == INTERPRETERS_MAX)
			return PS_TORN;
		PS_TRY(target_read(s->target, at + l->at[F_INTERP_ID], &id, 8));
		ret[n] = (struct interpreter){ .at = at, .id = (uint32_t)id };
		for (uint32_t i = 0; i < s->ninterpreters; i++) {
			if (s->interpreters[i].at == at && s->interpreters[i].id == ret[n].id)
				ret[n] = s->interpreters[i];
		}
		n++;
		PS_TRY(target_read(s->target, at + l->at[F_INTERP_NEXT], &at, 8));
	}
	*ret_n = n;
	return PS_OK;
}

static enum ps_status introduce(struct sampler *s, struct thread *t)
{
	char comm[32] = "";
	struct profile_thread p = { .target_tid = t->inner_tid };

	p.tid = (uint64_t)t->tid;
	for (uint32_t i = 0; i < s->ninterpreters; i++) {
		if (s->interpreters[i].at == t->interpreter)
			p.interpreter = s->interpreters[i].id;
	}
	if (t->tid && t->tid != s->target->pid) {
		proc_comm(s->target->pid, t->tid, comm);
		p.name = (struct profile_text){ comm, (uint32_t)strlen(comm) };
	}
	s->unnamed_rounds = 0;
	return profile_thread(s->profile, &p, &t->id);
}

/* What is known of a native thread is left with the state that is most likely to stay: that
 * of the oldest interpreter, which comes last. */
static void part_natives(struct sampler *s)
{
	for (uint32_t i = s->nthreads; i-- > 0;) {
		struct thread *t = &s->threads[i];
		struct thread *first = &s->threads[t->native];

		t->was_top = t->shared && first->top == i;
		if (!t->shared || first == t || !first->activity)
			continue;
		activity_close(t->activity);
		t->activity = first->activity;
		first->activity = NULL;
	}
}

/* Which states are of one native thread, and which of these it is in. Interpreters are
 * listed the newest first, which is most likely the one that was entered last. */
static void join_natives(struct sampler *s)
{
	for (uint32_t i = 0; i < s->nthreads; i++) {
		struct thread *t = &s->threads[i];

		t->native = t->top = i;
		t->shared = false;
		for (uint32_t j = 0; s->ninterpreters > 1 && t->inner_tid && j < i; j++) {
			struct thread *first = &s->threads[j];

			if (first->inner_tid != t->inner_tid || first->native != j)
				continue;
			t->native = j;
			t->shared = first->shared = true;
			if (t->was_top)
				first->top = i;
			if (!first->activity) {
				first->activity = t->activity;
				t->activity = NULL;
			}
			break;
		}
	}
}

static void free_left(struct thread *threads, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!threads[i].alive)
			thread_deinit(&threads[i]);
	}
	free(threads);
}

enum ps_status listing_refresh(struct sampler *s)
{
	struct interpreter *interpreters = calloc(INTERPRETERS_MAX, sizeof *interpreters);
	struct fresh_list list = { 0 };
	enum ps_status st = interpreters ? PS_OK : PS_NOMEM;
	uint32_t n = 0;

	s->same_pid_namespace = shares_pid_namespace(s->target->pid);
	for (uint32_t i = 0; i < s->nthreads; i++)
		s->threads[i].alive = false;
	part_natives(s);
	if (!st)
		st = list_interpreters(s, interpreters, &n);
	for (uint32_t i = 0; !st && i < n; i++)
		st = list_threads(s, &interpreters[i], &list);
	if (st) {
		/* As before: the old ones own what the new ones point to. */
		for (uint32_t i = 0; i < s->nthreads; i++)
			s->threads[i].alive = true;
		join_natives(s);
		free(list.v);
		free(interpreters);
		return st;
	}
	free_left(s->threads, s->nthreads);
	free(s->interpreters);
	s->threads = list.v;
	s->nthreads = list.n;
	s->threads_cap = list.cap;
	s->interpreters = interpreters;
	s->ninterpreters = n;
	join_natives(s);
	PS_TRY(translate_new_tids(s));
	for (uint32_t i = 0; i < s->nthreads; i++) {
		if (s->threads[i].id.v == UINT32_MAX)
			st = introduce(s, &s->threads[i]);
		/* A full profile loses the thread's samples, and says so; it ends nothing. */
		if (st && st != PS_LIMIT)
			return st;
	}
	return PS_OK;
}

/* --- names --- */

struct naming {
	struct sampler *sampler;
	raddr interpreter;
};

static void name_thread(uint64_t ident, struct profile_text name, void *ctx)
{
	struct naming *n = ctx;

	for (uint32_t i = 0; i < n->sampler->nthreads; i++) {
		struct thread *t = &n->sampler->threads[i];

		if (t->ident == ident && t->interpreter == n->interpreter &&
		    t->id.v != UINT32_MAX &&
		    profile_rename(n->sampler->profile, t->id, name) == PS_OK)
			t->named = true;
	}
}

void sampler_name_threads(struct sampler *s)
{
	for (uint32_t i = 0; i < s->ninterpreters; i++) {
		struct interpreter *in = &s->interpreters[i];
		struct naming naming = { s, in->at };
		struct names n = { s->target, &s->site.layout, in->at, in->names_dict };

		/* On failure the next round looks for the dict anew. */
		in->names_dict = names_read(&n, name_thread, &naming) == PS_OK ? n.active : 0;
	}
}

bool listing_has_unnamed(const struct sampler *s)
{
	for (uint32_t i = 0; i < s->nthreads; i++) {
		if (!s->threads[i].named)
			return true;
	}
	return false;
}

enum ps_status listing_now(struct sampler *s)
{
	enum ps_status st = PS_TORN;

	for (int attempt = 0; attempt < 8 && (st == PS_TORN || st == PS_FAULT); attempt++)
		st = listing_refresh(s);
	s->relist = st != PS_OK;
	return st;
}
