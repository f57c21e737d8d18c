/* SPDX-License-Identifier: MIT */
/* profiler/profile.h - what was seen: stacks as a tree, and how often each was met.
 *
 * A stack is a node of a calling-context tree: (parent stack, function, line). The
 * empty stack is STACK_EMPTY, and a parent's id is always lower than its children's, so
 * that one pass upwards meets parents first. What was met is counted by thread, stack
 * and state. Memory grows with distinct strings, functions, stacks and totals, never
 * with samples or time.
 *
 * Adding: profile_function/push/thread/add may run inside a tick. They allocate only
 * when something new is met; PS_LIMIT says that max_bytes would be exceeded, PS_NOMEM
 * that the system has no more, and in both cases the profile is as it was before.
 * Reading: the rest. Pointers that reading gives live as long as the profile does and
 * nothing is added to it.
 */
#ifndef PROFILER_PROFILE_H
#define PROFILER_PROFILE_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids are distinct types, so that one does not pass for another. */
typedef struct {
	uint32_t v;
} func_id;
typedef struct {
	uint32_t v;
} stack_id;
typedef struct {
	uint32_t v;
} thread_id;

#define STACK_EMPTY ((stack_id){ 0 })

/* A piece of text of the target, made valid UTF-8 by whoever read it. Not terminated;
 * may hold any character, newlines and NUL included. */
struct profile_text {
	const char *at;
	uint32_t len;
};

enum function_kind {
	FUNCTION_PYTHON,
	FUNCTION_OMITTED, /* stands for frames left out in the middle of a very deep stack */
	FUNCTION_GC,      /* a garbage collection; what is above it are finalizers */
};

struct profile_function {
	struct profile_text name; /* qualified name, e.g. "Server.handle.<locals>.inner" */
	struct profile_text file; /* co_filename: absolute, relative, or "<string>" */
	uint32_t line;            /* where the function starts; 0 if unknown */
	enum function_kind kind;
};

struct profile_stack {
	stack_id parent;
	func_id function;
	uint32_t line; /* being executed in that function; 0 if unknown */
};

struct profile_thread {
	struct profile_text name; /* as the program or the system calls it; may be empty */
	uint64_t tid;             /* as the reader's /proc shows it; 0 if unknown */
	uint64_t target_tid;      /* the same as the target itself sees it (pid namespaces) */
	uint32_t interpreter;     /* interpreter id; 0 is the main one */
};

/* What a thread was doing when a sample was taken. */
enum sample_state {
	STATE_GIL = 1,  /* was executing Python: it held the GIL, or was attached (free-threaded) */
	STATE_WORK = 2, /* was executing Python, or ready to run; without it, it was idle */
	STATE_CPU = 4,  /* was on a CPU: such samples add up to CPU time */
	STATE_EXCEPTION = 8, /* an exception propagated, or was being handled */
	STATE_NCOMBINATIONS = 16,
};

struct profile_total {
	thread_id thread;
	stack_id stack;
	unsigned state; /* of enum sample_state */
	uint64_t count; /* sampling periods that it stands for; without a period, ns */
};

struct profile;

enum ps_status profile_create(size_t max_bytes, struct profile **ret) PS_MUST_USE;
void profile_destroy(struct profile *p); /* NULL is fine */

/* The same function (name, file, line, kind) always has the same id. Text is copied. */
enum ps_status profile_function(struct profile *p, const struct profile_function *f,
				func_id *ret) PS_MUST_USE;
/* Is there the stack that has one more frame than parent? */
bool profile_find(const struct profile *p, stack_id parent, func_id f, uint32_t line,
		  stack_id *ret);
/* The stack that has one more frame than parent. */
enum ps_status profile_push(struct profile *p, stack_id parent, func_id f, uint32_t line,
			    stack_id *ret) PS_MUST_USE;
/* Always a new thread; profile_rename() when its name is learnt or changes. The old name
 * is given back: what profile_thread_at() gave is void then. */
enum ps_status profile_thread(struct profile *p, const struct profile_thread *t,
			      thread_id *ret) PS_MUST_USE;
enum ps_status profile_rename(struct profile *p, thread_id t, struct profile_text name) PS_MUST_USE;
enum ps_status profile_add(struct profile *p, thread_id t, stack_id stack, unsigned state,
			   uint32_t count) PS_MUST_USE;

/* Functions are 0 .. n-1, stacks 1 .. n-1 (0 is the empty one), threads 0 .. n-1. */
uint32_t profile_nfunctions(const struct profile *p);
uint32_t profile_nstacks(const struct profile *p);
uint32_t profile_nthreads(const struct profile *p);
struct profile_function profile_function_at(const struct profile *p, func_id f);
struct profile_stack profile_stack_at(const struct profile *p, stack_id s);
struct profile_thread profile_thread_at(const struct profile *p, thread_id t);
/* Start with *pos = 0; false when there are no more. The order is that of first meeting. */
bool profile_next_total(const struct profile *p, size_t *pos, struct profile_total *ret);

/* Bytes held, for the summary and the bench. */
size_t profile_bytes(const struct profile *p);

#endif
