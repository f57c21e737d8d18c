/* SPDX-License-Identifier: MIT */
/* CPython 3.14 and later: each thread that has Python frames can be asked by itself. */
#include "profiler/host.h"

#include "profiler/checks.h"
#include "profiler/clock.h"
#include "profiler/names.h"

#include <stdlib.h>

#define PROFILE_BYTES_MAX ((size_t)64 << 20)

struct door {
	struct profile *profile;
	struct sampler sampler;
};

/* One that is being made executes bytecode as well, of its own modules, and a script would find
 * neither path nor streams there; __main__ is made when it has all of that (init_interp_main()
 * in Python/pylifecycle.c). One that is being taken down has lost them. The ints _initialized,
 * _ready and finalizing stand behind id, id_refcount, requires_idref and _whence
 * (pycore_interp_structs.h); where the first two are not 1, that is not so. */
static bool is_ready(const struct sampler *s, const struct thread *t)
{
	raddr states = t->interpreter + s->site.layout.at[F_INTERP_ID] + 32;
	struct names names = { .target = s->target,
			       .layout = &s->site.layout,
			       .interpreter = t->interpreter };
	int32_t state[3] = { 0 };

	for (uint32_t i = 0; i < s->ninterpreters; i++) {
		if (s->interpreters[i].at == t->interpreter && s->interpreters[i].id == 0)
			return true; /* wait_until_initialized() */
	}
	if (target_read(s->target, states, state, sizeof state) ||
	    (state[0] == 1 && state[1] == 1 && state[2]))
		return false;
	return names_has_module(&names, "__main__");
}

static bool is_main(const struct sampler *s, const struct thread *t)
{
	for (uint32_t i = 0; i < s->ninterpreters; i++) {
		if (s->interpreters[i].at == t->interpreter)
			return s->interpreters[i].id == 0 && t->tid == s->target->pid;
	}
	return false;
}

static enum ps_status list(struct host *h, const struct sampler *s)
{
	struct host_thread *grown = realloc(h->threads, (s->nthreads + 1) * sizeof *grown);
	raddr last = 0;
	bool ready = false;

	if (!grown)
		return PS_NOMEM;
	h->threads = grown;
	h->nthreads = 0;
	/* In the order of the interpreters: each is asked once. */
	for (uint32_t i = 0; i < s->nthreads; i++) {
		const struct thread *t = &s->threads[i];

		if (!t->alive || !t->tid || !t->has_frames ||
		    t->status & s->site.layout.status_gone)
			continue;
		if (t->interpreter != last) {
			last = t->interpreter;
			ready = is_ready(s, t);
		}
		if (!ready)
			continue;
		h->threads[h->nthreads++] = (struct host_thread){
			.state = { .at = t->at, .interpreter = t->interpreter, .ident = t->ident },
			.inner_tid = t->inner_tid,
			.tid = t->tid,
			.main = is_main(s, t),
			.running = t->status & s->site.layout.gil_holder,
		};
	}
	return PS_OK;
}

static enum ps_status look(struct host *h, struct ps_err *err)
{
	struct door *d = h->own;
	enum ps_status st = sampler_tick(&d->sampler, clock_now(), 1);

	if (st == PS_EXEC)
		return host_gone(h, err);
	if (!st)
		st = list(h, &d->sampler);
	return st ? ps_fail(err, st, "process %d: %s", h->target.pid, ps_status_name(st)) : PS_OK;
}

static bool lists(struct host *h, const struct request *r)
{
	const struct sampler *s = &((struct door *)h->own)->sampler;

	for (uint32_t i = 0; i < s->nthreads; i++) {
		if (s->threads[i].at == r->thread && s->threads[i].ident == r->ident)
			return true;
	}
	return false;
}

/* Off: by an option, a variable, the build or the program. doctor's checks tell which. */
static enum ps_status switched_off(struct host *h, struct ps_err *err)
{
	struct diagnosis d = { 0 };

	situation_read("", h->target.pid, &d.situation);
	situation_try(&d.situation);
	inside_look(&h->target, NULL, &d.inside);
	if (!checks_first_bad(&d, STAGE_EXEC, err))
		ps_fail(err, PS_DENIED, "the interpreter of that thread takes no requests");
	return ps_while(err, PS_DENIED, "not permitted to run code in process %d", h->target.pid);
}

static enum ps_status admits(struct host *h, const struct host_thread *t, struct ps_err *err)
{
	struct door *d = h->own;
	int32_t enabled = 0;

	if (target_read(&h->target,
			t->state.interpreter + d->sampler.site.layout.at[F_INTERP_REMOTE_DEBUG],
			&enabled, sizeof enabled) == PS_OK &&
	    enabled != 1)
		return switched_off(h, err);
	return PS_OK;
}

static bool in_hook(struct host *h, const struct host_thread *t)
{
	const struct layout *l = &((struct door *)h->own)->sampler.site.layout;
	raddr at = t->state.at + l->door.tracing;
	int32_t tracing = 0;

	return target_read(&h->target, at, &tracing, sizeof tracing) == PS_OK && tracing;
}

static enum ps_status prepare(struct host *h, struct request *r, struct ps_err *err)
{
	const struct layout *l = &((struct door *)h->own)->sampler.site.layout;

	(void)err;
	r->door = (struct request_door){ .words = l->door,
					 .threads_at = l->at[F_INTERP_THREADS_HEAD],
					 .next_at = l->at[F_THREAD_NEXT],
					 .ident_at = l->at[F_THREAD_IDENT] };
	return PS_OK;
}

static enum ps_status refused(const struct host *h, const char *folder, struct ps_err *err)
{
	ps_fail(err, PS_DENIED,
		"process %d took the request and did not run the script: an audit hook of it "
		"refused, or it cannot read %s/" PARCEL_SCRIPT,
		h->target.pid, folder);
	ps_hint(err,
		"its standard error has the reason; hooks see the events "
		"cpython.remote_debugger_script and open. One with __cantrace__ that takes its "
		"time, and executes Python, cannot be told from one that refuses");
	return PS_DENIED;
}

static void close_door(struct host *h)
{
	struct door *d = h->own;

	sampler_close(&d->sampler);
	profile_destroy(d->profile);
	free(d);
}

const struct host_ops host_door = {
	.look = look,
	.lists = lists,
	.admits = admits,
	.in_hook = in_hook,
	.prepare = prepare,
	.refused = refused,
	.close = close_door,
};

/* A thread that is asked in the middle of the interpreter's start runs the script where there
 * are no imports and no streams yet, and takes the process down with it. */
static enum ps_status wait_until_initialized(struct host *h, const struct patience *p,
					     struct ps_err *err)
{
	enum { PATIENCE_MS = 10000, MS = 1000000 };
	const struct sampler *s = &((struct door *)h->own)->sampler;
	raddr at = s->site.runtime + s->site.layout.door.initialized;
	struct {
		int32_t initialized, pad;
		raddr finalizing; /* the thread that takes the interpreter down */
	} state = { 0 };

	for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
		if (target_read(&h->target, at, &state, sizeof state))
			return ps_fail(err, PS_GONE, "process %d has ended", h->target.pid);
		if (state.initialized)
			return PS_OK;
		if (state.finalizing)
			return ps_fail(err, PS_NOT_READY,
				       "the interpreter of process %d is shutting down",
				       h->target.pid);
		if (p->interrupted && p->interrupted(p->ctx))
			break;
		(void)clock_sleep_until(clock_now() + MS);
	}
	return ps_fail(err, PS_NOT_READY, "the interpreter of process %d has not started yet",
		       h->target.pid);
}

static enum ps_status attach_it(int pid, const struct patience *p, struct host *h,
				struct ps_err *err)
{
	struct door *d = h->own;
	enum ps_status st;

	PS_TRY(attach(pid, p, &h->target, d->profile, &d->sampler, err));
	layout_describe(&d->sampler.site.layout, h->python);
	if (d->sampler.site.layout.door.path_size) {
		st = wait_until_initialized(h, p, err);
		if (!st)
			return PS_OK;
		sampler_close(&d->sampler);
		target_close(&h->target);
		return st;
	}
	sampler_close(&d->sampler);
	target_close(&h->target);
	return ps_fail(err, PS_UNSUPPORTED, "process %d: %s has no door", pid, h->python);
}

enum ps_status host_door_open(int pid, const struct patience *p, struct host *ret,
			      struct ps_err *err)
{
	struct door *d = calloc(1, sizeof *d);
	enum ps_status st;

	if (!d)
		return ps_fail(err, PS_NOMEM, "out of memory");
	*ret = (struct host){ .way = EXEC_DOOR, .own = d };
	st = profile_create(PROFILE_BYTES_MAX, &d->profile);
	if (st)
		ps_fail(err, st, "out of memory");
	else
		st = attach_it(pid, p, ret, err);
	if (st) {
		profile_destroy(d->profile);
		free(d);
		return st;
	}
	/* The sampler has the address of the target that it was opened with: ours. */
	return PS_OK;
}
