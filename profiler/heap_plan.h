/* SPDX-License-Identifier: MIT */
/* profiler/heap_plan.h - heap dumps in the middle of a recording: when, and what became of them.
 *
 * Each is taken by a process of its own, `pysample heap dump`, so that sampling goes on at its
 * rate. What is written down here is the moment at which it was begun.
 */
#ifndef PROFILER_HEAP_PLAN_H
#define PROFILER_HEAP_PLAN_H

#include "profiler/error.h"
#include "profiler/facts.h"

#include <stdbool.h>
#include <stdint.h>

/* Of a recording: what dumps are asked for in advance; all dumps. Those beyond are told at its end. */
enum { HEAP_WHENS_MAX = 16, HEAP_MOMENTS_MAX = 256 };

enum heap_when_kind { HEAP_AT_START, HEAP_AT_END, HEAP_AT_TIME, HEAP_AT_RSS };

struct heap_when {
	enum heap_when_kind kind;
	uint64_t value;   /* ns into the recording; bytes */
	const char *text; /* as it was asked for; the caller's */
	bool due, done;   /* its moment has come; its dump was begun */
};

/* "start", "end", a time as options_parse_duration() takes it, "rss>2G", "rss>500M". */
bool heap_when_parse(const char *text, struct heap_when *ret) PS_MUST_USE;

struct heap_plan {
	struct heap_when when[HEAP_WHENS_MAX];
	unsigned n;
	int pid;            /* of the target */
	char *base;         /* of the files' names */
	const char *suffix; /* of them; the caller's */
	uint64_t began;     /* of the recording */
	uint64_t next;      /* when to look again, so that a tick costs a comparison */
	unsigned asked;     /* signals that were answered */
	bool any_rss;
	struct moment {
		uint64_t at_ns;
		int child; /* that takes it; 0: it has ended */
		bool failed;
		char *file;
	} moments[HEAP_MOMENTS_MAX];
	unsigned nmoments;
};

/* From the texts of --heap-dump. PS_USAGE names the one that cannot be. */
enum ps_status heap_plan_parse(const char *const *texts, unsigned n, struct heap_plan *ret,
			       struct ps_err *err) PS_MUST_USE;
/* output: the recording's file, whose name begins those of the dumps: without the one of suffixes
 * (ends with NULL) that it has, and without ".gz", but with all other dots, which may be all that
 * tells it from another recording's. dump_suffix, the caller's, is what those of the dumps end
 * with. PS_NOMEM. */
enum ps_status heap_plan_begin(struct heap_plan *p, int pid, const char *output,
			       const char *const *suffixes, const char *dump_suffix, uint64_t began,
			       struct ps_err *err) PS_MUST_USE;

/* Begins what is due, or notes that it is while another is taken. asked: how many signals have
 * asked for one so far. Cheap if there is nothing to do. */
void heap_plan_step(struct heap_plan *p, uint64_t now, unsigned asked);

struct heap_plan_ending {
	bool alive; /* the target is */
	/* Called once, before the first waiting, with the number of the dump that is taken. */
	void (*waiting)(unsigned n);
	/* Called for each that is not begun: what was asked for, in the user's words, and why. */
	void (*missed)(const char *what, const char *why);
	bool (*interrupted)(void *ctx); /* asked meanwhile; true ends them */
	void *ctx;
};
/* Begins what fell due and had to wait for another, and those for the end, if the target still
 * lives, and waits for all. None is left out without a word. */
void heap_plan_end(struct heap_plan *p, uint64_t now, unsigned asked,
		   const struct heap_plan_ending *e);
/* For the facts of the recording. Returns how many; the files are the plan's. */
unsigned heap_plan_moments(const struct heap_plan *p, struct recording_moment *ret, unsigned max);
void heap_plan_deinit(struct heap_plan *p);

#endif
