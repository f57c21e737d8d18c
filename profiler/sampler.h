/* SPDX-License-Identifier: MIT */
/* profiler/sampler.h - all threads of a process, sampled again and again.
 *
 * sampler_tick() is the journey of a sample; the order of its stages is written in
 * sampler.c and nowhere else. docs/ARCHITECTURE.md tells it in words.
 */
#ifndef PROFILER_SAMPLER_H
#define PROFILER_SAMPLER_H

#include "profiler/capture.h"
#include "profiler/code.h"
#include "profiler/collection.h"
#include "profiler/exceptions.h"
#include "profiler/facts.h"
#include "profiler/gil.h"
#include "profiler/locate.h"
#include "profiler/profile.h"
#include "profiler/target.h"
#include "profiler/thread.h"
#include "profiler/tids.h"
#include "profiler/unwind.h"

struct interpreter {
	raddr at;
	uint32_t id;
	raddr threads_head;  /* as listed */
	uint64_t generation; /* of its code objects, at the last look; 3.14+ */
	bool looked_at;
	raddr names_dict;
	struct collection collection;
};

struct blocking;

/* The part of an interpreter that is looked at: bytes [from, to). */
struct look_span {
	uint32_t from, to;
};

struct sampler {
	struct target *target;
	struct site site;
	struct profile *profile;
	struct code_cache codes;
	struct unwinder unwinder;
	struct capture_batch *batch, *again; /* again: one thread, read a second time */
	struct capture capture;
	uint32_t *codes_seen;
	uint32_t codes_seen_cap;
	func_id no_python;  /* what a thread without Python frames is shown as */
	func_id collecting; /* and a garbage collection */
	struct exceptions exceptions;
	struct gil gil;
	bool keeps_still;    /* see sampler_keep_still() */
	uint32_t keep_epoch; /* of the code objects, when it was looked who stood still */

	struct interpreter *interpreters;
	uint32_t ninterpreters, first_looked;
	struct look_span look_span;
	struct thread *threads; /* in the order of the target's lists */
	uint32_t nthreads, threads_cap;
	bool any_collection; /* runs, in any of the interpreters */
	raddr listed_head;

	struct sample_counts counts;
	struct blocking *blocking; /* NULL: never stop the target */
	uint64_t now;              /* of the tick under way */
	uint32_t weight;
	uint32_t carried; /* of looks that were dropped, for the next tick */
	uint64_t next_refresh, next_names, next_look, epoch_until;
	uint32_t changes;       /* code objects that were found replaced in the second that ... */
	uint64_t changes_until; /* ... ends here */
	uint64_t churn_until;   /* code objects were reused of late: look closely until then */
	uint64_t freeing_until; /* some were freed of late: until then look before all is copied */
	uint64_t read_at;       /* when the last read ended */
	bool paused;            /* long before this tick */
	bool looks_after;       /* this time all else was copied first, ... */
	bool freed_meanwhile;   /* ... and some were freed since the look before */
	uint64_t replanned_at;  /* the tick at which a thread's chunks were last found anew */
	bool relist;
	uint32_t unnamed_rounds; /* that names were looked for in vain */
	bool same_pid_namespace;
	struct tids tids; /* where it is not */
};

/* Locates the interpreter and lists its threads. PS_NOT_READY and the errors of locate().
 * The target and the profile must outlive the sampler. */
enum ps_status sampler_open(struct target *t, struct profile *p, struct sampler *ret,
			    struct ps_err *err) PS_MUST_USE;
void sampler_close(struct sampler *s);

/* From now on stop the target for each sample, see blocking.h. */
enum ps_status sampler_use_blocking(struct sampler *s, struct ps_err *err) PS_MUST_USE;

/* From now on a thread that has certainly stood still since its last sample (gil.h) is not
 * read again: that sample counts once more. Only its activity is asked for; whether it
 * waits for the GIL is as of when it was read. */
void sampler_keep_still(struct sampler *s);

/* One sample of each thread, which stands for weight periods. Samples that are lost are
 * counted. PS_GONE, PS_EXEC, PS_DENIED and PS_NOMEM end the ticking; nothing else does. */
enum ps_status sampler_tick(struct sampler *s, uint64_t now, uint32_t weight) PS_MUST_USE;

/* The same as fast as it goes, where the weight is ns. Where the only thread has been steady
 * for a while, one call copies it several times over: these are as many ticks, a microsecond or
 * two apart, which share the weight. A system call costs as much as two or three of the copies
 * that it makes. */
enum ps_status sampler_burst(struct sampler *s, uint64_t now, uint32_t weight) PS_MUST_USE;

/* After PS_EXEC: finds the new program's interpreter. PS_NOT_READY: try again soon. */
enum ps_status sampler_follow_exec(struct sampler *s, struct ps_err *err) PS_MUST_USE;

/* Reads the names of threads now. */
void sampler_name_threads(struct sampler *s);

#endif
