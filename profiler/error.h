/* SPDX-License-Identifier: MIT */
/* profiler/error.h - how anything in pysample says no.
 *
 * The signature tells the temperature of a function:
 *
 *   hot   enum ps_status f(...)                      may run inside a tick: formats nothing
 *   cold  enum ps_status f(..., struct ps_err *err)  may also say why, in words
 *
 * Every err parameter may be NULL. Nothing below cmd_*.c prints or exits.
 */
#ifndef PROFILER_ERROR_H
#define PROFILER_ERROR_H

enum ps_status {
	PS_OK = 0,
	PS_FAULT,       /* that address cannot be read now */
	PS_TORN,        /* it was read, and contradicts itself: the target moved under us */
	PS_GONE,        /* the target has ended */
	PS_EXEC,        /* the target has replaced its program */
	PS_DENIED,      /* the kernel will not let us look */
	PS_NOT_PYTHON,  /* no interpreter was found in the target */
	PS_UNSUPPORTED, /* an interpreter that we do not read */
	PS_NOT_READY,   /* an interpreter that has not started yet, or no longer runs */
	PS_FORMAT,      /* a file or a table is malformed */
	PS_LIMIT,       /* a bound of ours was reached */
	PS_NOMEM,
	PS_IO,
	PS_USAGE, /* the command line asks for something that cannot be */
	PS_NSTATUS
};

enum { PS_MSG_MAX = 480 };

/* Lives on the caller's stack, so that reporting needs no memory and frees nothing. */
struct ps_err {
	char msg[PS_MSG_MAX];  /* one sentence without its full stop */
	char hint[PS_MSG_MAX]; /* what the user can do about it; empty if nothing */
};

#define PS_MUST_USE     __attribute__((warn_unused_result))
#define PS_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* The one macro of the project that hides control flow. */
#define PS_TRY(call)                          \
	do {                                  \
		enum ps_status try_ = (call); \
		if (try_ != PS_OK)            \
			return try_;          \
	} while (0)

/* Writes why (and drops an earlier hint), returns code: a failing path is one statement. */
enum ps_status ps_fail(struct ps_err *err, enum ps_status code, const char *fmt, ...)
	PS_PRINTF(3, 4);

/* Adds what the user can do; keeps the message. */
void ps_hint(struct ps_err *err, const char *fmt, ...) PS_PRINTF(2, 3);

/* Puts what was being done in front of why it failed, and passes PS_OK through, so
 * that it can wrap a call: return ps_while(err, f(x, err), "read the maps of %d", pid); */
enum ps_status ps_while(struct ps_err *err, enum ps_status code, const char *fmt, ...)
	PS_PRINTF(3, 4);

/* The name of a status in a few lower-case words; static. */
const char *ps_status_name(enum ps_status code);

#endif
