/* SPDX-License-Identifier: MIT */
/* profiler/locate.h - where in a process the interpreter is, and which one it is.
 *
 * In this order: section .PyRuntime of a mapped file, symbol _PyRuntime, then a scan of
 * writable memory for the debug-offsets cookie. Never by name: names only say where to
 * look first. What is found must pass the round-trip checks (locate_check) before it is
 * believed, for a file can be mapped twice or its bytes be lying about.
 */
#ifndef PROFILER_LOCATE_H
#define PROFILER_LOCATE_H

#include "offsets/layout.h"
#include "profiler/elf_cache.h"
#include "profiler/identity.h"
#include "profiler/target.h"

struct site {
	raddr runtime; /* of _PyRuntime, which begins with the table */
	struct layout layout;
	const char *found_by; /* "section", "symbol" or "memory scan"; static */
};

/* PS_NOT_READY: an interpreter that has not started yet (try again soon).
 * PS_NOT_PYTHON: none is there. PS_UNSUPPORTED: one that we do not read; the message
 * names it. PS_GONE, PS_DENIED. */
enum ps_status locate(struct target *t, struct site *ret, struct ps_err *err) PS_MUST_USE;

enum locate_step { LOCATE_FILE, LOCATE_SECTION, LOCATE_SYMBOL, LOCATE_SCAN };

/* One thing that was tried; borrowed for the call. */
struct locate_try {
	enum locate_step step;
	const struct map *file; /* NULL: the scan as a whole */
	raddr at;               /* where a runtime was looked for; 0: nowhere */
	uint64_t scanned;       /* bytes of memory so far */
	enum ps_status result;  /* PS_OK: the interpreter was found */
	const char *why;        /* in words if not */
};

/* The file that an interpreter is in; its map's path is not kept. */
struct locate_file {
	bool known;
	struct map map;
	struct elf_python elf;
};

/* For those who want it otherwise, or want to know how. */
struct locate_how {
	bool files_only;         /* no scan of memory */
	struct elf_cache *files; /* what is known of files already; NULL: nothing */
	void (*tried)(const struct locate_try *t, void *ctx); /* NULL: nobody listens */
	void *ctx;
	struct locate_file
		*file; /* filled in with CPython's, if it is found by a file; may be NULL */
};

/* The same; *ret_who says which Python it is, as far as that became known, whatever is
 * returned but for PS_GONE, PS_DENIED and PS_NOMEM. */
enum ps_status locate_with(struct target *t, const struct locate_how *how, struct site *ret,
			   struct identity *ret_who, struct ps_err *err) PS_MUST_USE;

/* Do interpreters and threads hang together from this runtime on? PS_NOT_READY if there
 * are none yet, PS_FORMAT if they contradict themselves. */
enum ps_status locate_check(struct target *t, const struct site *s, struct ps_err *err) PS_MUST_USE;

#endif
