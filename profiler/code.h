/* SPDX-License-Identifier: MIT */
/* profiler/code.h - the code objects of a target, read once and watched for reuse.
 *
 * A code object never changes its name or lines, but it can be freed and its address
 * given to another. So each record has an epoch: what was verified in the present epoch
 * is believed, the rest must pass code_verify() first. Who notices that code objects
 * were freed (3.14+ counts them), or that time has passed (3.13), starts an epoch.
 */
#ifndef PROFILER_CODE_H
#define PROFILER_CODE_H

#include "offsets/layout.h"
#include "offsets/opcodes.h"
#include "profiler/linetable.h"
#include "profiler/mem.h"
#include "profiler/profile.h"
#include "profiler/target.h"

enum code_flag {
	CODE_GENERATOR = 1, /* a call of it makes a generator, coroutine or async generator */
	CODE_HIDDEN = 2,    /* the interpreter's own, e.g. the shim below __init__; or ours */
	CODE_INJECTED = 4,  /* ours, on a module of ours or of a script */
};

/* What a frame does that stands at a unit. */
enum code_mark {
	MARK_RETURNS = OP_RETURNS,
	MARK_RESUMES = OP_RESUMES,
	MARK_CALLS = OP_CALLS,
	MARK_USES = OP_USES,
	MARK_VERSIONED = OP_VERSIONED, /* calls one function, by its version */
	MARKS = MARK_RETURNS | MARK_RESUMES | MARK_CALLS | MARK_USES | MARK_VERSIONED,
};

enum { CODE_CONTENTS = 3 };

struct code {
	raddr at;
	raddr units_at;       /* of its bytecode */
	uint32_t nunits;      /* of two bytes each */
	uint32_t frame_bytes; /* that a frame of it takes on the data stack */
	uint32_t nlocalsplus;
	uint32_t first_line;
	uint32_t flags;
	uint32_t epoch; /* in which it was last verified */
	uint32_t read;  /* the count of the cache's reads with it */
	func_id function;
	uint32_t nruns;
	struct line_run *runs;
	uint32_t version; /* that its functions have, by which call sites know them; 0: none */
	uint8_t *marks;   /* one a unit, of enum code_mark */
	raddr *tlbc;      /* free-threaded 3.14+: where each thread's copy of the bytecode is */
	uint32_t ntlbc;
	uint64_t fingerprint;
	/* What the fingerprint covers beside the header: beginnings of the qualified name's
	 * and the file name's characters and of the line table. */
	struct {
		raddr at;
		uint32_t len;
	} content[CODE_CONTENTS];
};

struct code_cache {
	struct target *target;
	const struct layout *layout;
	struct profile *profile;
	struct mem mem;
	struct code *codes;
	uint32_t ncodes, codes_cap;
	struct table by_address;
	raddr code_type; /* the type object of code objects; 0 until the first is seen */
	uint32_t epoch;
	uint32_t reads;    /* code objects that were read so far */
	uint32_t replaced; /* records that were found to be of another object, and renewed */
	/* Grows when records are thrown away, or become another object's: what was told by
	 * them is void, and in the first case their indices are, too. */
	uint32_t generation;
	bool full; /* the bound was met: code_make_room() has something to do */
	struct code_scratch *scratch;
};

/* target, layout and profile must outlive the cache. */
enum ps_status code_cache_init(struct code_cache *c, struct target *t, const struct layout *l,
			       struct profile *p) PS_MUST_USE;
void code_cache_deinit(struct code_cache *c);
/* The target has become another program. */
void code_cache_forget(struct code_cache *c, const struct layout *l);

/* The record of the code object at that address, as an index into codes[], reading the
 * target if it is new. PS_TORN: there is no code object. PS_LIMIT: of the profile, or the
 * cache is full until code_make_room(). */
enum ps_status code_find(struct code_cache *c, raddr at, uint32_t *ret) PS_MUST_USE;

/* The same of an object that has a record; reads nothing. */
bool code_known(const struct code_cache *c, raddr at, uint32_t *ret);

/* The code whose bytecode that is, of those that have a record and are not long; of copies of it,
 * which each thread has where there is no GIL, it is not told. Reads nothing. */
bool code_of_instr(const struct code_cache *c, raddr instr, uint32_t *ret);

/* Throws all records away if there was no room for another one: what a program still runs
 * is read again, and what it has long dropped is forgotten. Between samples only, for
 * indices are void then; true says that they are. */
bool code_make_room(struct code_cache *c);

static inline void code_next_epoch(struct code_cache *c)
{
	c->epoch++;
}

/* Brings those records into this epoch, most of them by one read. *ret_changed says
 * whether one of them had become another code object. */
enum ps_status code_verify(struct code_cache *c, const uint32_t *which, uint32_t n,
			   bool *ret_changed) PS_MUST_USE;

/* Brings one record into this epoch by which a frame cannot be. *ret_renewed says whether it
 * was of another object. PS_TORN, PS_FAULT: there is none any more; the record stays, and in
 * its old epoch. */
enum ps_status code_renew(struct code_cache *c, uint32_t which, bool *ret_renewed) PS_MUST_USE;

/* The code unit that instr (a frame's instruction pointer) points to. tlbc_index is that
 * of the frame, 0 where there is none. False: the two do not belong together. */
bool code_unit(struct code_cache *c, uint32_t code, raddr instr, uint32_t tlbc_index,
	       uint32_t *ret) PS_MUST_USE;

static inline uint32_t code_line(const struct code *code, uint32_t unit)
{
	return linetable_find(code->runs, code->nruns, unit, code->first_line);
}

static inline unsigned code_marks(const struct code *code, uint32_t unit)
{
	return code->marks[unit];
}

static inline void code_set_marks(struct code *code, uint32_t unit, unsigned marks)
{
	code->marks[unit] = (uint8_t)marks;
}

#endif
