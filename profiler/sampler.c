/* SPDX-License-Identifier: MIT */
#include "profiler/sampler.h"

#include "profiler/blocking.h"
#include "profiler/clock.h"
#include "profiler/keep.h"
#include "profiler/listing.h"
#include "profiler/look.h"
#include "profiler/plan.h"
#include "profiler/reuse.h"
#include "profiler/state.h"

#include <stdlib.h>

enum {
	MS = 1000000,
	REFRESH_NS = 20 * MS,     /* is it alive, the same program, are there more threads */
	RELIST_NS = 500 * MS,     /* lists whose change went unseen */
	NAMES_SOON_NS = 100 * MS, /* while a thread has no name yet */
	NAMES_LATER_NS = 2000 * MS,
	EPOCH_NS = 20 * MS,   /* 3.13: how long a verified code object is believed */
	CHURN_NS = 1000 * MS, /* after one was seen to be reused, look at every tick */
	PAUSE_NS = 20000,     /* see capture_reset() */
	LOOK_NS = 50000,      /* else look at the interpreters no more often than this */
	NAMES_ROUNDS = 20,    /* a thread that C code made may never get a name */
	CUT_ATTEMPTS = 4,     /* for a top that is uncertain, before it is left out */
	FURTHER_MAX = 256,    /* reads besides, see takes_further_read() */
	NEW_SAMPLES = 64,     /* that a thread is new */
	BURST_LOOKS = 8,      /* more save hardly anything: two of ten parts are the call itself */
	BURST_AFTER = 2048,   /* looks at memory that has not moved */
};

/* --- one thread --- */

enum verdict { VERDICT_USABLE, VERDICT_LOST, VERDICT_NONE };

struct sample {
	struct thread *thread;
	struct capture *capture;
	bool moved, widened;
	struct unwound unwound;
	enum lost_reason lost;
};

/* The thread alone, by its plan as it is now; replaces the capture. */
static enum ps_status capture_again(struct sampler *s, struct thread *t, struct capture *c)
{
	capture_reset(s->again, false);
	t->nbefore = UINT32_MAX; /* what comes is compared with what came just now */
	if (!capture_add(s->again, t))
		return PS_LIMIT;
	PS_TRY(capture_read(s->again));
	s->read_at = clock_now();
	capture_get(s->again, 0, c);
	return c->state ? PS_OK : PS_FAULT;
}

/* Is this still the thread that was listed, and not another in its memory? */
static bool is_same_thread(struct sampler *s, struct thread *t, const unsigned char *state)
{
	const struct layout *l = &s->site.layout;

	if (layout_get(l, state, F_THREAD_NEXT) != t->next)
		s->relist = true;
	if (layout_get(l, state, F_THREAD_INTERP) == t->interpreter &&
	    layout_get(l, state, F_THREAD_IDENT) == t->ident &&
	    layout_get(l, state, F_THREAD_TID) == t->inner_tid &&
	    !(layout_get(l, state, F_THREAD_STATUS) & l->status_gone))
		return true;
	s->relist = true;
	return false;
}

static enum ps_status replan(struct sampler *s, struct thread *t, raddr newest)
{
	s->replanned_at = s->counts.ticks;
	return plan_chunks(s->target, t, newest);
}

static bool plan_has(const struct thread *t, raddr chunk)
{
	for (uint32_t i = t->nchunks; i > 0; i--) {
		if (t->chunks[i - 1].at == chunk)
			return true;
	}
	return false;
}

/* Is the chunk that the thread says is its newest among those that were copied? Chunks
 * above it are kept in the plan for a while: a stack that goes up and down comes back. */
static bool plan_fits(struct thread *t, raddr newest)
{
	enum { POPPED_MAX = 4096 };

	if (!t->nchunks)
		return newest == 0;
	if (t->chunks[t->nchunks - 1].at == newest) {
		t->popped = 0;
		return true;
	}
	return plan_has(t, newest) && ++t->popped < POPPED_MAX && t->gap_from == t->gap_to;
}

/* Chunks come and go while they are looked for; a few attempts. */
static enum ps_status fit_plan(struct sampler *s, struct sample *x)
{
	enum ps_status st = PS_OK;

	for (int attempt = 0; attempt < 6; attempt++) {
		raddr newest = layout_get(&s->site.layout, x->capture->state, F_THREAD_CHUNK);

		if (plan_fits(x->thread, newest))
			return PS_OK;
		x->moved = x->thread->samples > 1;
		x->thread->popped = 0;
		st = replan(s, x->thread, newest);
		if (st == PS_NOMEM || st == PS_GONE || st == PS_DENIED)
			return st;
		PS_TRY(capture_again(s, x->thread, x->capture));
	}
	return st ? st : PS_TORN;
}

/* Is a further read no attempt at the same? A call may need a second look, a copy during
 * which we did not run shows nothing, and of a thread that is new each read may foresee one
 * more frame on which generators stand. */
static bool takes_further_read(const struct sample *x, uint32_t *deepest)
{
	const struct thread *t = x->thread;
	bool deeper = t->nframes > *deepest;

	if (deeper)
		*deepest = t->nframes;
	return x->unwound.cut &&
	       (x->unwound.doubted || x->capture->slow || (deeper && t->samples < NEW_SAMPLES));
}

static enum ps_status unwind(struct sampler *s, struct sample *x)
{
	struct thread *t = x->thread;
	enum ps_status st;
	uint32_t further = 0, deepest = 0;

	for (int attempt = 0;; attempt++) {
		bool widens;

		st = s->blocking ? unwind_stopped(&s->unwinder, t, x->capture, &x->unwound)
				 : unwind_live(&s->unwinder, t, x->capture, &x->unwound);
		if (attempt == 6)
			return st;
		widens = st == PS_LIMIT && x->unwound.short_copy;
		if (widens) {
			s->replanned_at = s->counts.ticks;
			x->widened = t->samples > 1;
		} else if (!st && takes_further_read(x, &deepest) && further++ < FURTHER_MAX) {
			attempt--;
		} else if (st || !x->unwound.cut || attempt == CUT_ATTEMPTS) {
			return st;
		}
		/* What was uncertain is known now, and read along the next time. */
		if (widens)
			plan_widen(t, x->capture, x->unwound.region);
		else
			plan_windows(t);
		PS_TRY(capture_again(s, t, x->capture));
	}
}

/* A chain of chunks that contradicts the plan: the same addresses in another order. */
static enum ps_status unwind_or_replan(struct sampler *s, struct sample *x)
{
	enum ps_status st = unwind(s, x);
	raddr newest;

	if (st != PS_TORN)
		return st;
	newest = layout_get(&s->site.layout, x->capture->state, F_THREAD_CHUNK);
	x->thread->nchunks = 0;
	x->moved = true;
	PS_TRY(replan(s, x->thread, newest));
	PS_TRY(capture_again(s, x->thread, x->capture));
	return unwind(s, x);
}

/* --- were the code objects what we take them for --- */

static enum ps_status collect_codes(struct sampler *s, const struct thread *t)
{
	if (t->nframes > s->codes_seen_cap) {
		uint32_t *grown = realloc(s->codes_seen, t->nframes * 2 * sizeof *grown);

		if (!grown)
			return PS_NOMEM;
		s->codes_seen = grown;
		s->codes_seen_cap = t->nframes * 2;
	}
	for (uint32_t i = 0; i < t->nframes; i++)
		s->codes_seen[i] = t->frames[i].code;
	return PS_OK;
}

/* Frames that are as at the sample before were verified then; the others' code objects
 * may be records of long ago. */
static bool all_verified(const struct sampler *s, struct thread *t)
{
	uint32_t from = t->verified_epoch == s->codes.epoch ? t->nsame : 0;

	for (uint32_t i = from; i < t->nframes; i++) {
		if (s->codes.codes[t->frames[i].code].epoch != s->codes.epoch)
			return false;
	}
	t->verified_epoch = s->codes.epoch;
	return true;
}

static void note_change(struct sampler *s)
{
	if (s->now >= s->changes_until) {
		s->changes = 0;
		s->changes_until = s->now + CHURN_NS;
	}
	s->changes++;
	s->churn_until = s->now + CHURN_NS;
}

/* Are code objects replaced all the time, so that one that is read only after the sample
 * need not be the one of the sample? Not so in a program that merely imports modules. */
static bool is_churning(const struct sampler *s)
{
	enum { CHURN_CHANGES = 50 };

	return s->changes >= CHURN_CHANGES && s->now < s->changes_until + CHURN_NS && !s->blocking;
}

/* 3.14+ tells for certain; 3.13 never can, so there only a program that churns is doubted. */
static bool may_be_another(const struct sampler *s)
{
	return !s->blocking && (layout_has(&s->site.layout, F_INTERP_GENERATION) || is_churning(s));
}

/* Code objects of this sample were replaced before they could be read, or may have been. */
static enum ps_status leave_out_reused(struct sampler *s, struct sample *x, uint32_t reads)
{
	struct thread *t = x->thread;
	uint32_t n = t->nframes, certain = 0;

	t->nframes = t->nstacks = 0;
	PS_TRY(reuse_certain(&s->codes, s->codes_seen, n, reads, &certain));
	if (!certain) {
		x->lost = LOST_REUSED;
		return PS_TORN;
	}
	t->nframes = certain;
	if (t->gap_at >= certain)
		t->gap_at = 0;
	x->unwound.cut |= certain < n;
	return unwind_assign(&s->unwinder, t, 0);
}

static enum ps_status verify_codes(struct sampler *s, struct sample *x, uint32_t reads)
{
	struct thread *t = x->thread;
	enum ps_status st;
	bool changed;

	if (all_verified(s, t))
		return PS_OK;
	PS_TRY(collect_codes(s, t));
	st = code_verify(&s->codes, s->codes_seen, t->nframes, &changed);
	if (st == PS_GONE || st == PS_NOMEM)
		return st;
	if (st == PS_OK && !changed) {
		t->verified_epoch = s->codes.epoch;
		return PS_OK;
	}
	unwinder_forget(&s->unwinder);
	note_change(s);
	if (st || (!s->blocking && !look_generation_stands(s, t)))
		return leave_out_reused(s, x, reads);
	t->nframes = t->nstacks = 0;
	/* The records are right now, and were at the sample: look at its bytes again. */
	return unwind(s, x);
}

/* --- counting --- */

static void count_sample(struct sampler *s, const struct sample *x)
{
	struct sample_counts *c = &s->counts;

	if (x->unwound.truncated)
		c->truncated++;
	if (x->moved)
		c->repaired[REPAIR_MOVED]++;
	else if (x->widened)
		c->repaired[REPAIR_WINDOW]++;
	else if (x->unwound.cut)
		c->repaired[REPAIR_CUT]++;
	else if (x->unwound.ended)
		c->repaired[REPAIR_ENDED]++;
	else if (x->unwound.told)
		c->repaired[REPAIR_TOLD]++;
	else if (x->unwound.foreign && x->thread->samples > 1)
		c->repaired[REPAIR_FOREIGN]++;
	else
		c->consistent++;
}

static enum ps_status account(struct sampler *s, struct sample *x)
{
	struct thread *t = x->thread;
	unsigned state = state_take(s, t, x->capture, x->unwound.foreign || s->blocking);

	if (!t->nframes)
		PS_TRY(profile_push(s->profile, STACK_EMPTY, s->no_python, 0, &t->stack));
	else
		count_sample(s, x);
	PS_TRY(collection_mark(s, t, !x->unwound.cut && !x->unwound.ended, &t->collects));
	return profile_add(s->profile, t->id, t->stack, state, s->weight);
}

static enum lost_reason why_lost(enum ps_status st, const struct sample *x)
{
	if (x->lost)
		return x->lost;
	return st == PS_LIMIT ? LOST_FULL : st == PS_FAULT ? LOST_FAULT : LOST_TORN;
}

static enum ps_status sample_steps(struct sampler *s, struct sample *x)
{
	uint32_t reads = s->codes.reads, replaced = s->codes.replaced;

	PS_TRY(fit_plan(s, x));
	PS_TRY(unwind_or_replan(s, x));
	if (s->codes.replaced != replaced)
		note_change(s);
	PS_TRY(verify_codes(s, x, reads));
	/* A code object that was read only now must still be the one of the sample. */
	if (s->codes.reads != reads && may_be_another(s) && !look_generation_stands(s, x->thread)) {
		PS_TRY(collect_codes(s, x->thread));
		PS_TRY(leave_out_reused(s, x, reads));
	}
	plan_windows(x->thread);
	return account(s, x);
}

static enum ps_status sample_thread(struct sampler *s, struct thread *t, struct capture *c)
{
	struct sample x = { .thread = t, .capture = c };
	stack_id before = t->stack;
	uint32_t replaced = s->codes.replaced;
	enum ps_status st;

	if (!c->state) {
		s->relist = true;
		return PS_OK; /* no thread there, so no sample to be lost */
	}
	if (!is_same_thread(s, t, c->state))
		return PS_OK;
	if (t->id.v == UINT32_MAX) {
		s->counts.lost[LOST_FULL]++;
		return PS_OK;
	}
	t->samples++;
	st = sample_steps(s, &x);
	if (t->samples % 64 == 0)
		thread_age_foreign(t);
	if (st == PS_GONE || st == PS_NOMEM || st == PS_DENIED)
		return st;
	if (st)
		s->counts.lost[why_lost(st, &x)] += 1;
	else
		keep_settle(s, t, unwound_is_certain(&x.unwound),
			    s->codes.replaced == replaced ? before : t->stack);
	return PS_OK;
}

/* --- a tick --- */

/* Begins a batch, with what is to be read of the interpreters; returns of how many. */
static uint32_t start_batch(struct sampler *s, bool paused)
{
	s->paused = paused;
	capture_reset(s->batch, paused);
	if (s->now < s->next_look && s->now >= s->churn_until)
		return 0;
	s->next_look = s->now + LOOK_NS;
	return look_plan(s);
}

/* Threads from `from` on, as many as one batch takes; *ret_next is behind the last. */
static enum ps_status tick_batch(struct sampler *s, uint32_t from, uint32_t *ret_next)
{
	uint32_t looked = 0, next = from, read = 0;

	if (from == 0)
		looked = start_batch(s, clock_now() - s->read_at > PAUSE_NS);
	else
		capture_reset(s->batch, s->paused);
	while (next < s->nthreads &&
	       (keep_may(s, &s->threads[next]) || capture_add(s->batch, &s->threads[next])))
		next++;
	PS_TRY(capture_read(s->batch));
	s->read_at = clock_now();
	look_take(s, looked);
	for (uint32_t i = from; i < next; i++) {
		if (keep_may(s, &s->threads[i])) {
			PS_TRY(keep_sample(s, &s->threads[i]));
			continue;
		}
		capture_get(s->batch, read++, &s->capture);
		PS_TRY(sample_thread(s, &s->threads[i], &s->capture));
	}
	*ret_next = next;
	return PS_OK;
}

static enum ps_status refresh(struct sampler *s)
{
	raddr head;

	if (target_ended(s->target))
		return PS_GONE;
	if (target_execed(s->target))
		return PS_EXEC;
	if (target_read(s->target, s->site.runtime + s->site.layout.at[F_RUNTIME_INTERPRETERS_HEAD],
			&head, 8))
		return PS_OK; /* looked at again at the next refresh */
	if (s->relist || head != s->listed_head || s->now % RELIST_NS < REFRESH_NS) {
		enum ps_status st = listing_now(s);

		if (st == PS_NOMEM || st == PS_GONE)
			return st;
	}
	if (s->now >= s->next_names || s->unnamed_rounds == 0) {
		bool soon = listing_has_unnamed(s) && s->unnamed_rounds < NAMES_ROUNDS;

		sampler_name_threads(s);
		s->unnamed_rounds++;
		s->next_names = s->now + (soon ? NAMES_SOON_NS : NAMES_LATER_NS);
	}
	return PS_OK;
}

static void start_epoch_by_time(struct sampler *s)
{
	if (layout_has(&s->site.layout, F_INTERP_GENERATION))
		return;
	if (s->now >= s->epoch_until || s->now < s->churn_until) {
		code_next_epoch(&s->codes);
		s->epoch_until = s->now + EPOCH_NS;
	}
}

static enum ps_status tick_all(struct sampler *s)
{
	PS_TRY(keep_look(s));
	for (uint32_t from = 0, next; from < s->nthreads || from == 0; from = next) {
		PS_TRY(tick_batch(s, from, &next));
		if (next == from && next < s->nthreads) {
			s->counts.lost[LOST_FULL]++; /* its plan does not fit a batch */
			next++;
		}
		if (next == from)
			break;
	}
	return PS_OK;
}

/* Was what is in the batch copied by a plan, or before records of code were read, that are others
 * now? Then it need not have all that is asked for, or has what went by that name before. */
static bool batch_is_old(const struct sampler *s, const struct thread *t, uint32_t code_reads)
{
	return s->relist || t->nforeign || s->replanned_at == s->counts.ticks ||
	       s->codes.reads != code_reads || s->now < s->churn_until;
}

/* Looks at the only thread one right after another, in one call. */
static enum ps_status tick_burst(struct sampler *s)
{
	struct thread *t = s->threads;
	uint32_t looked = start_batch(s, false), weight = s->weight, reads = s->codes.reads, n = 0;
	uint64_t began = s->now, before = clock_now(), apart;

	while (n < BURST_LOOKS && capture_add(s->batch, t))
		n++;
	if (!n)
		return tick_all(s);
	PS_TRY(capture_read(s->batch));
	apart = (clock_now() - before) / n;
	look_take(s, looked);
	for (uint32_t i = 0; i < n; i++) {
		if (i && batch_is_old(s, t, reads)) {
			s->carried = weight;
			break;
		}
		s->counts.ticks += i != 0;
		s->now = began + i * apart;
		s->weight = weight / (n - i);
		weight -= s->weight;
		capture_get(s->batch, i, &s->capture);
		PS_TRY(sample_thread(s, t, &s->capture));
	}
	return PS_OK;
}

/* Only where hardly ever a look is dropped in tick_burst(): those would be missing where the
 * program is then. */
static bool may_burst(const struct sampler *s)
{
	return s->nthreads == 1 && !s->blocking && s->threads[0].nchunks &&
	       !s->threads[0].nforeign && !capture_looks_first(s->batch, &s->threads[0]) &&
	       s->now >= s->churn_until && s->counts.ticks - s->replanned_at >= BURST_AFTER;
}

/* What goes before each tick; and the tick begins. */
static enum ps_status begin_tick(struct sampler *s, uint64_t now, uint32_t weight)
{
	enum ps_status st;

	s->now = now;
	s->weight = weight;
	if (now >= s->next_refresh) {
		PS_TRY(refresh(s));
		s->next_refresh = now + REFRESH_NS;
	} else if (s->relist) {
		st = listing_now(s);
		if (st == PS_FAULT || st == PS_TORN)
			s->next_refresh = 0; /* ended, or another program? */
		else
			PS_TRY(st);
	}
	s->counts.ticks++;
	if (code_make_room(&s->codes))
		unwinder_forget(&s->unwinder); /* it goes by the codes' indices */
	start_epoch_by_time(s);
	return PS_OK;
}

/* The thread that executes Python is the one that has to be stopped where it is; if none does,
 * it is as a rule the one that did which will again. */
static void follow_holder(struct sampler *s)
{
	for (uint32_t i = 0; i < s->nthreads; i++) {
		const struct thread *t = &s->threads[i];

		if (t->tid && t->status & s->site.layout.gil_holder) {
			blocking_follow(s->blocking, t->tid);
			return;
		}
	}
}

static enum ps_status tick_stopped(struct sampler *s)
{
	enum ps_status st = blocking_stop(s->blocking);

	if (st == PS_TORN) {
		s->counts.lost[LOST_TORN] += s->nthreads;
		return PS_OK;
	}
	PS_TRY(st);
	st = tick_all(s);
	follow_holder(s);
	blocking_resume(s->blocking);
	return st;
}

enum ps_status sampler_tick(struct sampler *s, uint64_t now, uint32_t weight)
{
	enum ps_status st = begin_tick(s, now, weight);

	if (st == PS_EXEC && s->blocking)
		blocking_follow(s->blocking, 0); /* what comes now is looked at for long */
	PS_TRY(st);
	return s->blocking ? tick_stopped(s) : tick_all(s);
}

enum ps_status sampler_burst(struct sampler *s, uint64_t now, uint32_t weight)
{
	weight = weight < UINT32_MAX - s->carried ? weight + s->carried : UINT32_MAX;
	s->carried = 0;
	PS_TRY(begin_tick(s, now, weight));
	if (may_burst(s))
		return tick_burst(s);
	return s->blocking ? tick_stopped(s) : tick_all(s);
}
