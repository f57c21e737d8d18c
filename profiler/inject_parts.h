/* SPDX-License-Identifier: MIT */
/* profiler/inject_parts.h - what the files of inject.h share. Only they include it.
 *
 *   inject.c        lays the script down, hands out messages, undoes it all
 *   inject_ask.c    which thread is asked
 *   inject_begin.c  from the request to the script's first word
 *   inject_read.c   what comes through the pipes
 */
#ifndef PROFILER_INJECT_PARTS_H
#define PROFILER_INJECT_PARTS_H

#include "profiler/channel.h"
#include "profiler/guard.h"
#include "profiler/host.h"
#include "profiler/inject.h"

enum { MS = 1000000 };

struct inject {
	struct inject_order order;
	struct host host;
	struct parcel parcel;
	struct guard guard;
	struct channel channel;
	int stream;
	int listener;      /* of the order's socket; -1: none */
	bool opened;       /* the host is */
	int tid;           /* that was asked */
	int probed;        /* a probe was put behind the script */
	unsigned refusals; /* that it looked like so far, */
	bool again;        /* after which the script is to be asked for again */
	bool began;
	bool finished;
	unsigned missed; /* looks in which the asked thread was not in its list */
	unsigned late;   /* messages that came when its time was over */
	uint64_t asked_at, taken_at, began_at, looked_at, lived_at, listed_at, renewed_at;
};

bool inject_is_interrupted(const struct inject *in);

/* --- inject_ask.c --- */

/* One that executes bytecode, as of the last host_look(), among those that may be asked; NULL. */
const struct host_thread *inject_find_running(const struct inject *in);
/* The main thread of them, else any that has not ended; NULL. */
const struct host_thread *inject_find_any(const struct inject *in);
/* That thread of the target, as the kernel sees it. */
bool inject_has_ended(const struct inject *in, int tid);
/* Asks that thread for the script of that name in the parcel. As request_ask() fails. */
enum ps_status inject_ask(struct inject *in, const struct host_thread *t, const char *name,
			  struct ps_err *err) PS_MUST_USE;
/* Chooses one and asks it, again and again while threads end or others' requests wait. */
enum ps_status inject_ask_somebody(struct inject *in, struct ps_err *err) PS_MUST_USE;

/* --- inject_begin.c --- */

enum ps_status inject_wait_until_begun(struct inject *in, struct inject_message *ret,
				       struct ps_err *err) PS_MUST_USE;

/* --- inject_read.c --- */

/* Waits for something in its pipes, or for its end, at most that long. */
void inject_wait_for_news(const struct inject *in, uint64_t ns);
/* PS_NOT_READY: nothing is there; PS_FORMAT: what is there is not ours. */
enum ps_status inject_read(struct inject *in, struct inject_message *ret,
			   struct ps_err *err) PS_MUST_USE;
/* Says that the target has ended: PS_GONE. */
enum ps_status inject_ended(const struct inject *in, struct ps_err *err);
/* Does it end within a moment? It gives its memory and files back a little before that. */
bool inject_ends_soon(struct inject *in);

#endif
