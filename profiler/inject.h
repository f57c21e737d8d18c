/* SPDX-License-Identifier: MIT */
/* profiler/inject.h - runs a script inside a target, and knows what became of it.
 *
 *   inject_open()   finds the interpreter, lays the script down, asks a thread to run it
 *   inject_next()   what came of it, one message after the other
 *   inject_close()  takes back what was not picked up, and removes every trace
 *
 * The script runs at most once. It runs in a thread of the target, between two bytecodes of
 * it, holding the GIL, and the thread goes on afterwards. What becomes of this process
 * meanwhile does not matter to the target: see guard.h.
 */
#ifndef PROFILER_INJECT_H
#define PROFILER_INJECT_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inject;

enum inject_thread {
	INJECT_ANY, /* one that executes bytecode, else the main thread; it may change until picked up */
	INJECT_MAIN, /* the main thread of the main interpreter */
	INJECT_TID,
};

enum { INJECT_SOURCE_MAX = 4 << 20, INJECT_ARGS_MAX = 1 << 20 };

struct inject_order {
	const char *source; /* of the script, in its own encoding */
	size_t len;
	const char *name; /* its __file__, and what tracebacks call it */
	char **args;      /* its __args__; ends with NULL; NULL: none */
	enum inject_thread thread;
	int tid;              /* of INJECT_TID, as our /proc has it */
	int pidfd;            /* the process that is meant, whose number may be another's by now; 0:
	                       * whichever has the number */
	bool socket;          /* the parcel has one, see inject_take_socket() */
	bool detach;          /* nothing is to come back but that it was picked up */
	bool stream;          /* it gets a second pipe, by the name __stream__: inject_stream() */
	bool wake;            /* stop and continue the target now and then, see inject_next() */
	uint64_t patience_ns; /* to be picked up */
	uint64_t run_ns;      /* to run to its end, from then on; 0: as long as it takes */
	bool (*interrupted)(void *ctx);      /* asked while waiting */
	void (*pump)(int stream, void *ctx); /* with stream: called when there is something in it */
	void *ctx;
};

enum inject_kind {
	INJECT_BEGAN,  /* picked up by thread .tid; it runs */
	INJECT_OUT,    /* it wrote this to sys.stdout, */
	INJECT_ERRORS, /* ... this to sys.stderr */
	INJECT_RAISED, /* it ended with an exception: a piece of its traceback as text */
	INJECT_DONE,   /* it ended. The last message */
};

struct inject_message {
	enum inject_kind kind;
	const char *bytes; /* until the next call; not terminated */
	size_t len;
	int tid;
	uint64_t waited_ns; /* INJECT_BEGAN: from the request on */
};

/* The strings of o must outlive *ret. PS_GONE, PS_DENIED, PS_NOT_PYTHON, PS_UNSUPPORTED,
 * PS_NOT_READY (another tool's request waits; the interpreter has not started), PS_USAGE (no
 * such thread), PS_IO. Nothing is left behind in these cases. */
enum ps_status inject_open(int pid, const struct inject_order *o, struct inject **ret,
			   struct ps_err *err) PS_MUST_USE;

/* Waits for the next message.
 *
 * A thread that is blocked in a system call picks nothing up until it returns. With wake, the
 * target is stopped and continued ten times a second until then: epoll_wait and the like then
 * return early (EINTR), and CPython 3.14 and later looks at requests; other calls just go on.
 *
 * Before INJECT_BEGAN: PS_NOT_READY, it was not picked up in time or we were interrupted, and
 * it has been withdrawn: it did not run and will not. PS_DENIED: it was picked up, and the
 * interpreter refused to run it (an audit hook). PS_GONE: the target ended. PS_LIMIT: it is gone
 * without a word, and nobody knows whether it ran.
 * After it: PS_LIMIT, run_ns is over or we were interrupted, and it goes on without us;
 * PS_GONE: the target ended while it ran; PS_FORMAT: what came is not ours. */
enum ps_status inject_next(struct inject *in, struct inject_message *ret,
			   struct ps_err *err) PS_MUST_USE;

/* The listening end (non-blocking) of the socket that lies beside the script, which finds it by
 * the name "k" in its folder; the caller's from now on. -1: none was ordered, or it was taken. */
int inject_take_socket(struct inject *in);
/* How long the target stood, in all. */
uint64_t inject_held_ns(const struct inject *in);
/* "CPython 3.14.10"; valid as long as in. */
const char *inject_python(const struct inject *in);

/* The reading end of the second pipe, non-blocking; in's. At its end when the script, and what
 * it forked, have closed it. -1: none was ordered. */
int inject_stream(const struct inject *in);

/* A child of the target (a pidfd, which stays the caller's) that is to be ended if we are killed
 * before inject_close(). */
void inject_take_charge(const struct inject *in, int pidfd);

void inject_close(struct inject *in);

#endif
