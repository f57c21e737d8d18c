/* SPDX-License-Identifier: MIT */
/* profiler/host.h - an interpreter as a place where code can be run: which threads of it can be
 * asked, and by which way. One file for each way: host_door.c,
 * host_ring.c, host_pypy.c. */
#ifndef PROFILER_HOST_H
#define PROFILER_HOST_H

#include "profiler/attach.h"
#include "profiler/inside.h"
#include "profiler/request.h"

struct host_thread {
	struct request_thread state;
	uint64_t inner_tid;
	int tid;      /* as our /proc has it */
	bool main;    /* the main thread of the main interpreter */
	bool running; /* it executes bytecode at this moment */
};

struct host {
	enum exec_way way;
	struct target target;
	bool main_only;              /* no other thread than the main one can be asked */
	char python[64];             /* "CPython 3.14.10" */
	struct host_thread *threads; /* that can be asked, as of host_look() */
	unsigned nthreads;
	bool any_takes; /* whichever comes first takes a request: none can be chosen */
	void *own;      /* what the way keeps */
};

/* Opens the process and finds out which way leads into its interpreter. Waits for one that
 * starts up, as attach() does. PS_GONE, PS_DENIED, PS_NOT_PYTHON, PS_NOT_READY, PS_UNSUPPORTED:
 * there is no way yet into this one. */
enum ps_status host_open(int pid, const struct patience *p, struct host *ret,
			 struct ps_err *err) PS_MUST_USE;
void host_close(struct host *h);

/* Brings h->threads up to date. PS_GONE, PS_NOMEM, PS_DENIED. */
enum ps_status host_look(struct host *h, struct ps_err *err) PS_MUST_USE;
/* Had the interpreter, at that look, the thread that r has asked? True where that is not known. */
bool host_lists(struct host *h, const struct request *r);
/* Does the interpreter of that thread take requests? PS_DENIED, with why not and what helps;
 * PS_NOT_READY: not now. */
enum ps_status host_admits(struct host *h, const struct host_thread *t,
			   struct ps_err *err) PS_MUST_USE;
/* Is that thread in code of the program's that is asked before a script is run (an audit hook)?
 * False as well where that is not to be seen. */
bool host_in_hook(struct host *h, const struct host_thread *t);
/* Makes r, which is zeroed, ready for requests to this host. */
enum ps_status host_prepare(struct host *h, struct request *r, struct ps_err *err) PS_MUST_USE;

/* Fails with PS_GONE, and whether it has ended or replaced its program: the memory that was looked
 * into is not there any more. Takes up to a second. */
enum ps_status host_gone(struct host *h, struct ps_err *err);
/* Fails with PS_DENIED and what that may be: it took the request for the script in that folder
 * and did not run it. */
enum ps_status host_refused(const struct host *h, const char *folder, struct ps_err *err);

/* --- for the ways --- */

struct host_ops {
	uint64_t room; /* bytes of memory that the process has to be allowed beside what it has, for
			* without them a request could end it; 0: it could not */
	enum ps_status (*look)(struct host *h, struct ps_err *err);
	bool (*lists)(struct host *h, const struct request *r); /* NULL: that is not known */
	/* NULL: it does. */
	enum ps_status (*admits)(struct host *h, const struct host_thread *t, struct ps_err *err);
	bool (*in_hook)(struct host *h, const struct host_thread *t); /* NULL: never */
	enum ps_status (*prepare)(struct host *h, struct request *r, struct ps_err *err);
	enum ps_status (*refused)(const struct host *h, const char *folder, struct ps_err *err);
	void (*close)(struct host *h);
};

extern const struct host_ops host_door, host_ring, host_pypy;
/* A host whose target is not opened yet; PS_UNSUPPORTED: not one for this way. */
enum ps_status host_door_open(int pid, const struct patience *p, struct host *ret,
			      struct ps_err *err) PS_MUST_USE;
enum ps_status host_ring_open(int pid, const struct patience *p, struct host *ret,
			      struct ps_err *err) PS_MUST_USE;
/* Those of an interpreter that was looked into: h is zeroed but for its target, which stays the
 * caller's to close where it fails. */
enum ps_status host_pypy_open(const struct inside *in, const struct patience *p, struct host *h,
			      struct ps_err *err) PS_MUST_USE;

#endif
