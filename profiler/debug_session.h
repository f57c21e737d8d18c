/* SPDX-License-Identifier: MIT */
/* profiler/debug_session.h - pdb in a thread of a target, and a connection to it.
 *
 * debug_open() stops one thread of the target where it is, and pdb asks for its first line
 * there. From then on pdb decides what the thread does: it runs on, until pdb asks again.
 * When the connection ends, however that comes about, pdb leaves and the program goes on. */
#ifndef PROFILER_DEBUG_SESSION_H
#define PROFILER_DEBUG_SESSION_H

#include "profiler/debug_wire.h"
#include "profiler/inject.h"

struct debug_session;

struct debug_order {
	enum inject_thread thread;
	int tid;
	bool wake;
	uint64_t patience_ns;           /* for the thread to be stopped */
	bool (*interrupted)(void *ctx); /* asked while waiting */
	void *ctx;
};

/* Fails as inject_open() and inject_next() do; then nothing is left behind. */
enum ps_status debug_open(int pid, const struct debug_order *o, struct debug_session **ret,
			  struct ps_err *err) PS_MUST_USE;
/* Hangs up. */
void debug_close(struct debug_session *s);

/* "CPython 3.14.10"; the thread that is debugged, as our /proc has it. */
const char *debug_python(const struct debug_session *s);
int debug_tid(const struct debug_session *s);

/* Readable when something may have come; when the process has ended. */
int debug_fd(const struct debug_session *s);
int debug_pidfd(const struct debug_session *s);

/* The next message, without waiting. PS_NOT_READY: nothing yet. PS_GONE: the process has ended,
 * or replaced its program; PS_IO: the connection has ended; PS_FORMAT: what came is not ours. */
enum ps_status debug_next(struct debug_session *s, struct debug_message *ret,
			  struct ps_err *err) PS_MUST_USE;
enum ps_status debug_tell(struct debug_session *s, enum debug_told told, const char *text,
			  size_t len, struct ps_err *err) PS_MUST_USE;

/* Makes the thread stop where it is, by a second injection; it is for it to pick that up:
 * o->patience_ns and o->interrupted count. PS_OK: it did, and pdb will ask, or has asked
 * meanwhile; a line that was told just before is broken off or is done. PS_NOT_READY: not
 * yet, and what was asked is taken back. Else as inject_open(). */
enum ps_status debug_interrupt(struct debug_session *s, const struct debug_order *o,
			       struct ps_err *err) PS_MUST_USE;

#endif
