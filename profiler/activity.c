/* SPDX-License-Identifier: MIT */
/* Facts of Linux, 5.x and 6.x (kernel/sched/stats.h, fs/proc/base.c):
 *  - schedstat is "ns on a CPU, ns waiting for one, times switched in"; 0 0 0 without
 *    CONFIG_SCHED_INFO. It costs 0.9 us to read again, stat 3.2 us, opening either 5 us.
 *  - The first number is exact once the thread has left the CPU. While it runs it is that
 *    of the last timer tick, so up to 4 ms old (10 ms with 100 ticks a second). So it says
 *    nothing of a millisecond, and all of a second.
 *  - The third grows the moment the thread is switched in: a thread that was blocked, and
 *    for which it has not grown, is blocked.
 *  - The second is what it waited in all before it got one, and is exact then.
 */
#include "profiler/activity.h"

#include "profiler/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	MS = 1000000,
	ASK_MOVED_NS = 100000, /* a thread that comes and goes is not asked more often */
	ASK_MIN_NS = MS,       /* nor one that stays where it is; and ... */
	ASK_MAX_NS = 16 * MS,  /* ... the longer it does, the more seldom */
	ACCOUNT_NS = 10 * MS,  /* CPU time is asked for so often at least */
	SELDOM = 8,            /* ready for less than one part in so many */
	CREDIT_NS = 25 * MS,   /* ticks and chance let it come late, and by so much */
};

struct activity {
	int pid, tid;        /* 0: it has its files, and no more are to be opened */
	int schedstat, stat; /* descriptors, -1: not there */
	bool ready;
	bool blocked; /* the last answer, not a presumption, and `times` is as of then */
	bool accounts;
	uint64_t ran_ns, waited_ns, times, accounted_at;
	uint64_t asked_at, ask_next, interval;
	uint64_t seen_at;
	int64_t credit; /* CPU time less what samples stood for */
	int64_t owed;   /* it was ready for so long, and no sample has said so */
	/* Of late: what it ran for, and what it seemed to; is the one far less than the other? */
	uint64_t window_at, window_ran, window_seemed;
	bool doubtful;
};

struct activity *activity_create(int schedstat, int stat)
{
	struct activity *a = calloc(1, sizeof *a);

	if (!a) {
		if (schedstat >= 0)
			close(schedstat);
		if (stat >= 0)
			close(stat);
		return NULL;
	}
	a->schedstat = schedstat;
	a->stat = stat;
	a->interval = ASK_MIN_NS;
	return a;
}

static int open_of(int pid, int tid, const char *name)
{
	char path[96];

	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void activity_close(struct activity *a)
{
	if (!a)
		return;
	if (a->schedstat >= 0)
		close(a->schedstat);
	if (a->stat >= 0)
		close(a->stat);
	free(a);
}

/* An hour: what is more is nobody's time, and sums do not overflow. */
static int64_t bounded(uint64_t ns)
{
	const int64_t most = (int64_t)3600 * 1000 * MS;

	return ns < (uint64_t)most ? (int64_t)ns : most;
}

/* What it ran for since the last time, onto the credit; and with it what it waited for a
 * CPU. Returns whether it was switched in meanwhile, or may have been. */
static bool account(struct activity *a, uint64_t now, uint64_t *ret_ran, uint64_t *ret_ready)
{
	struct proc_schedstat s;
	char text[96];
	ssize_t n = a->schedstat >= 0 ? pread(a->schedstat, text, sizeof text, 0) : -1;
	bool known = n > 0 && proc_parse_schedstat(text, (size_t)n, &s) && s.times;
	bool switched = true;

	*ret_ran = *ret_ready = 0;
	if (known && a->accounts) {
		*ret_ran = s.ran_ns - a->ran_ns;
		*ret_ready = *ret_ran + s.waited_ns - a->waited_ns;
		a->window_ran += *ret_ran;
		switched = s.times != a->times;
		a->credit += bounded(*ret_ran);
		if (a->credit > CREDIT_NS)
			a->credit = CREDIT_NS;
	}
	a->accounts = known;
	if (known) {
		a->ran_ns = s.ran_ns;
		a->waited_ns = s.waited_ns;
		a->times = s.times;
	}
	a->accounted_at = now;
	if (now - a->window_at >= ACCOUNT_NS) {
		a->doubtful = known && a->window_ran * 2 < a->window_seemed;
		a->window_at = now;
		a->window_ran = a->window_seemed = 0;
	}
	return switched;
}

static bool letter_says_ready(struct activity *a)
{
	struct proc_stat s;
	char text[1024];
	ssize_t n;

	if (a->tid) {
		a->stat = open_of(a->pid, a->tid, "stat");
		a->tid = 0;
	}
	n = a->stat >= 0 ? pread(a->stat, text, sizeof text, 0) : -1;
	return n > 0 && proc_parse_stat(text, (size_t)n, &s) && s.state == 'R';
}

/* Was it given a CPU, and was hardly ever ready all the same? Then it hardly is now. */
static bool was_seldom_ready(const struct activity *a, uint64_t ready, uint64_t span)
{
	return !a->ready && ready < span / SELDOM;
}

static void ask(struct activity *a, const struct activity_sample *x)
{
	uint64_t since = a->accounted_at, ran, ready;
	bool was = a->ready, knew = a->accounts;
	bool switched = account(a, x->now, &ran, &ready);

	knew &= a->accounts;
	if (x->traced) {
		/* It is off the CPU for our sake, and so its time is exact. */
		a->ready = knew && ran * 2 >= x->now - since;
		a->blocked = !a->ready;
	} else if (x->still && knew && switched && was_seldom_ready(a, ready, x->now - since)) {
		a->owed += bounded(ready);
		a->blocked = false;
	} else if (!a->blocked || switched) {
		a->ready = letter_says_ready(a);
		a->blocked = !a->ready;
	}
	a->asked_at = x->now;
	if (x->moved)
		a->owed = 0; /* to where it stood, and it has left there */
	if (x->moved || a->ready != was)
		a->interval = ASK_MIN_NS;
	else if (a->interval < ASK_MAX_NS)
		a->interval *= 2;
	a->ask_next = x->now + a->interval;
}

/* It executes Python and has moved: no need to ask. */
static void presume(struct activity *a, const struct activity_sample *x)
{
	uint64_t ran, ready;

	if (x->now - a->accounted_at >= ACCOUNT_NS)
		account(a, x->now, &ran, &ready);
	a->ready = true;
	a->blocked = false;
	a->interval = ASK_MIN_NS;
	a->ask_next = x->now + ASK_MIN_NS;
}

/* Is it this sample that makes up for the time in which it was ready and nobody looked? */
static bool is_owed(struct activity *a, const struct activity_sample *x, uint64_t stands_for)
{
	if (!x->still || !stands_for || a->owed < bounded(stands_for))
		return false;
	a->owed -= bounded(stands_for);
	return true;
}

unsigned activity_judge(struct activity *a, const struct activity_sample *x)
{
	uint64_t stands_for = a->seen_at ? x->now - a->seen_at : 0;

	a->seen_at = x->now;
	/* In doubt, it may be blocked for part of the time, GIL and all. */
	if (x->attached && x->moved && (x->traced || !a->doubtful))
		presume(a, x);
	else if (x->now >= a->ask_next ||
		 (x->moved && x->now - a->asked_at >= (x->attached ? ASK_MIN_NS : ASK_MOVED_NS)))
		ask(a, x);
	if (a->ready || (x->attached && x->moved))
		a->window_seemed += stands_for;
	if (!a->ready && !is_owed(a, x, stands_for))
		return 0;
	if (x->traced || !a->accounts)
		return ACTIVITY_READY | ACTIVITY_CPU;
	if (a->credit < -CREDIT_NS)
		return ACTIVITY_READY;
	a->credit -= bounded(stands_for);
	return ACTIVITY_READY | ACTIVITY_CPU;
}

unsigned activity_of(struct activity **a, int pid, int tid, const struct activity_sample *x)
{
	if (!*a && tid) {
		*a = activity_create(open_of(pid, tid, "schedstat"), -1);
		if (*a) {
			(*a)->pid = pid;
			(*a)->tid = tid;
		}
	}
	if (!*a)
		return x->attached ? ACTIVITY_READY | ACTIVITY_CPU : 0;
	return activity_judge(*a, x);
}
