/* SPDX-License-Identifier: MIT */
/* profiler/facts.h - what is known of a recording besides its stacks.
 *
 * Filled by the recording command, shown by the summary and by the outputs. */
#ifndef PROFILER_FACTS_H
#define PROFILER_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* Why a sample is not simply "consistent". Order and words are those of the summary. */
enum repair_reason {
	REPAIR_WINDOW,  /* the stack had outgrown the bytes that were fetched: fetched again */
	REPAIR_MOVED,   /* the thread's memory had moved: found and fetched again */
	REPAIR_FOREIGN, /* a generator's or C call's frame was fetched by a second read */
	REPAIR_TOLD, /* generators were told by the code around them, or as other samples had them */
	REPAIR_ENDED, /* the top frame ended before it was copied: told by what is left of it */
	REPAIR_CUT,   /* the top contradicted itself and was cut to its last certain frame */
	REPAIR_NREASONS
};
enum lost_reason {
	LOST_FAULT,  /* the memory was gone */
	LOST_TORN,   /* no closed stack could be rebuilt from the bytes */
	LOST_REUSED, /* a code object's address was taken by another meanwhile */
	LOST_FULL,   /* the profile's memory bound was reached */
	LOST_EXEC,   /* the target was replacing its program */
	LOST_NREASONS
};

struct sample_counts {
	uint64_t consistent; /* thread samples; without idle threads' empty stacks */
	uint64_t repaired[REPAIR_NREASONS];
	uint64_t lost[LOST_NREASONS];
	uint64_t truncated; /* of the above: so deep that the middle was left out */
	uint64_t ticks;     /* rounds over all threads */
	uint64_t skipped;   /* deadlines passed over because we were late */
	uint64_t late_max_ns;
	uint64_t late_sum_ns; /* over ticks: how long after its deadline each began */
};

/* A heap dump that was taken meanwhile. */
struct recording_moment {
	uint64_t at_ns; /* into the recording */
	const char *file;
	bool failed; /* there is no such file */
};

struct recording_facts {
	const char *command; /* the target's command line, made printable UTF-8 */
	const char *program; /* its short name */
	int pid;
	const char *python;   /* e.g. "CPython 3.15.2", "CPython 3.14.0 free-threaded" */
	int64_t started_ns;   /* since the epoch */
	uint64_t duration_ns; /* wall clock */
	uint64_t period_ns;   /* time that a count of 1 stands for */
	double rate_asked;    /* samples a second for each thread; 0 for "max" */
	double rate_achieved; /* ticks a second, skipped ones not counted */
	bool blocking;        /* the target was stopped for each sample */
	bool bytes;           /* no recording but a heap: counts are bytes, not samples */
	const char *ended;    /* why: "after its duration", "interrupted", "the target ended" */
	struct sample_counts counts;
	const struct recording_moment *moments;
	unsigned nmoments;
};

/* In a few words each; static. */
const char *repair_reason_text(enum repair_reason r);
const char *lost_reason_text(enum lost_reason r);

#endif
