/* SPDX-License-Identifier: MIT */
/* profiler/ring_site.h - the ring of pending calls (offsets/ring.h) in one target: is it there,
 * whose is it, and may a call be added? Reads only.
 *
 * The target's memory is read through a function, for it is read by two: while it runs
 * (host_ring.c), and while it stands, before something is written (request_ring.c).
 */
#ifndef PROFILER_RING_SITE_H
#define PROFILER_RING_SITE_H

#include "offsets/ring.h"
#include "profiler/error.h"

/* PS_OK: all of it. */
typedef enum ps_status ring_read_fn(void *from, raddr at, void *into, size_t len);

struct ring_memory {
	ring_read_fn *read;
	void *from;
};

struct ring_site {
	struct ring_layout layout;
	raddr base[RING_NBASES]; /* of RING_THREAD: 0 */
	raddr function;          /* PyRun_SimpleString */
	raddr mark;              /* PyCallable_Check, which says no to 0; 0: not needed */
};

/* The main thread's state in the main interpreter. */
struct ring_main {
	raddr at;
	uint64_t ident;
	uint64_t native; /* 0: the version does not say */
};

/* From the address of the runtime (.base[RING_RUNTIME]) and the layout of its minor version to
 * a site whose parts hang together: interpreters, threads, and a ring that is one.
 * PS_NOT_READY: no interpreter yet. PS_FORMAT, PS_FAULT: not so. */
enum ps_status ring_site_find(struct ring_site *s, const struct ring_memory *m,
			      struct ps_err *err) PS_MUST_USE;

/* One word, widened; thread: what RING_THREAD counts from. PS_UNSUPPORTED: it has none. */
enum ps_status ring_site_read(const struct ring_site *s, const struct ring_memory *m,
			      enum ring_word w, raddr thread, uint64_t *ret) PS_MUST_USE;
raddr ring_site_at(const struct ring_site *s, enum ring_word w, raddr thread);
raddr ring_site_ring(const struct ring_site *s);
/* The bytes of the ring. PS_FORMAT: they are no ring. */
enum ps_status ring_site_bytes(const struct ring_site *s, const struct ring_memory *m,
			       unsigned char ret[static RING_BYTES_MAX],
			       int *ret_count) PS_MUST_USE;
/* PS_NOT_PYTHON: the main thread has no state in the main interpreter. */
enum ps_status ring_site_main(const struct ring_site *s, const struct ring_memory *m,
			      struct ring_main *ret) PS_MUST_USE;
/* Does that thread have the GIL? */
bool ring_site_holds(const struct ring_site *s, const struct ring_memory *m, raddr thread);

/* May a call be added at this moment? The target stands. PS_NOT_READY: later maybe, and the
 * message says what is in the way. PS_DENIED: audit hooks. PS_TORN: that is not the main thread
 * any more. */
enum ps_status ring_site_ready(const struct ring_site *s, const struct ring_memory *m, raddr thread,
			       struct ps_err *err) PS_MUST_USE;
/* Has the program audit hooks, in Python or in C? */
bool ring_site_has_hooks(const struct ring_site *s, const struct ring_memory *m);
/* Is the lock of the ring free? */
bool ring_site_unlocked(const struct ring_site *s, const struct ring_memory *m);

#endif
