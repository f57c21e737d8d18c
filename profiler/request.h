/* SPDX-License-Identifier: MIT */
/* profiler/request.h - asks a thread of the target to run a script, and takes it back.
 *
 * One request at a time, in memory that a guard process shares (guard.h), so that it can be
 * taken back whatever becomes of us. The words of it are written while all threads of the
 * target stand (blocking.h): the word of events is changed by any of them, and a change of
 * theirs must not be lost under ours.
 *
 * What is asked where differs between interpreters: one file for each way, request_door.c,
 * request_pypy.c, ...
 */
#ifndef PROFILER_REQUEST_H
#define PROFILER_REQUEST_H

#include "offsets/pypy_door.h"
#include "profiler/identity.h"
#include "profiler/parcel.h"
#include "profiler/poke.h"
#include "profiler/ring_site.h"

#include <stdbool.h>
#include <stdint.h>

/* What the door (EXEC_DOOR) needs to know. */
struct request_door {
	struct layout_door words;
	uint32_t threads_at; /* in an interpreter, the head of its list of thread states */
	uint32_t next_at;    /* in a thread state, the next of that list, ... */
	uint32_t ident_at;   /* ... and which thread it is */
};

/* What PyPy's (EXEC_PYPY) does; its thread states are all the same one variable. */
struct request_pypy {
	raddr door; /* that was asked; 0: none was */
	uint32_t path_room;
};

/* What the ring (EXEC_PENDING_CALL) needs to know. */
struct request_ring {
	struct ring_site site;
	raddr text; /* of the call that was added last */
};

struct request {
	int pid;
	enum exec_way way;
	struct poker poker;
	union {
		struct request_door door;
		struct request_pypy pypy;
		struct request_ring ring;
	};
	raddr thread; /* the thread state that was asked; 0: none is */
	raddr interpreter;
	uint64_t ident;
	char path[PARCEL_PATH_MAX + 8];
	uint64_t held_ns; /* how long the target stood in all */
	int tid;          /* the thread that was asked or, once that is known, that ran it */
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

void request_close(struct request *r); /* its poker */

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
/* Some interpreters are deaf to other things while they are busy with a request, and have to be
 * told once it is over that they may have missed some: request_settles(). Stops nothing, and
 * takes some milliseconds. over: the script has ended or was not run; else it is about to end,
 * and no more than other threads are made to let it. */
bool request_settles(const struct request *r);
void request_settle(const struct request *r, bool over);

/* --- for the ways --- */

/* All are called while the target stands, but for state(). */
struct request_ops {
	/* Notes r->thread, r->ident and r->path before the first word is written. */
	enum ps_status (*put)(struct request *r, const struct request_thread *t, const char *path,
			      struct ps_err *err);
	enum ps_status (*state)(const struct request *r, enum request_state *ret,
				bool *ret_signalled);
	enum ps_status (*signal)(struct request *r);        /* what is asked already, once more */
	enum ps_status (*clear)(struct request *r);         /* what waits */
	void (*settle)(const struct request *r, bool over); /* NULL: need not be */
};

extern const struct request_ops request_door_ops, request_ring_ops, request_pypy_ops;

#endif
