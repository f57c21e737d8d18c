/* SPDX-License-Identifier: MIT */
/* profiler/request.h - asks a thread of the target to run a script, and takes it back.
 *
 * One request at a time, in memory that a guard process shares (guard.h), so that it can be
 * taken back whatever becomes of us. The words of it are written while all threads of the
 * target stand (blocking.h): the word of events is changed by any of them, and a change of
 * theirs must not be lost under ours.
 *
 * CPython 3.14 and later, by its own door (PEP 768; Python/ceval_gil.c, run_remote_debugger_-
 * script() and _Py_HandlePending()): the flag and the path lie in the thread state, and the
 * thread looks at them whenever a bit of its event word is set. It clears the flag, fires the
 * audit event, and then reads the script.
 */
#ifndef PROFILER_REQUEST_H
#define PROFILER_REQUEST_H

#include "profiler/parcel.h"
#include "profiler/poke.h"

#include <stdbool.h>
#include <stdint.h>

struct request {
	int pid;
	struct poker poker;
	struct layout_door door;
	uint32_t threads_at; /* in an interpreter, the head of its list of thread states */
	uint32_t next_at;    /* in a thread state, the next of that list, ... */
	uint32_t ident_at;   /* ... and which thread it is */
	raddr thread;        /* the thread state that was asked; 0: none is */
	uint64_t ident;
	char path[PARCEL_PATH_MAX + 8];
	uint64_t held_ns; /* how long the target stood in all */
};

enum request_state {
	REQUEST_NONE,
	REQUEST_WAITS, /* not picked up yet */
	REQUEST_TAKEN, /* the thread has picked it up; whether it ran is another matter */
	REQUEST_LOST,  /* another tool has put its own in its place */
};

/* A thread state, its ident and its interpreter, as they were read. */
struct request_thread {
	raddr at, interpreter;
	uint64_t ident;
};

/* What a request needs of the target; r is zeroed memory that the guard shares. */
enum ps_status request_open(struct request *r, int pid, int tid, const struct layout *l,
			    struct ps_err *err) PS_MUST_USE;
void request_close(struct request *r);

/* Asks that thread, if it is still in its interpreter's list, to run the script at path.
 * PS_NOT_READY: another tool's request waits there. PS_TORN: a thread did not come to a
 * stand, or the thread is not there any more. PS_GONE, PS_DENIED. */
enum ps_status request_ask(struct request *r, const struct request_thread *t, const char *path,
			   struct ps_err *err) PS_MUST_USE;
/* Without stopping anything. *ret_signalled: the thread's event word says so too; where it
 * does not, request_renew(). PS_FAULT: the program is gone. */
enum ps_status request_state(const struct request *r, enum request_state *ret,
			     bool *ret_signalled) PS_MUST_USE;
/* Sets the bit in the event word again: another event has used it up. */
enum ps_status request_renew(struct request *r) PS_MUST_USE;
/* Takes it back if it waits. *ret is what it was: REQUEST_WAITS means that it was in time. */
enum ps_status request_withdraw(struct request *r, enum request_state *ret) PS_MUST_USE;

#endif
