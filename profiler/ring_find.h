/* SPDX-License-Identifier: MIT */
/* profiler/ring_find.h - the ring of pending calls (ring_site.h) of a target that was found to
 * run CPython 3.8 to 3.13. Reads only. */
#ifndef PROFILER_RING_FIND_H
#define PROFILER_RING_FIND_H

#include "profiler/locate.h"
#include "profiler/ring_site.h"

/* For ring_site.h: from is the struct target, which runs. */
enum ps_status ring_find_read(void *from, raddr at, void *into, size_t len) PS_MUST_USE;

/* file: where the interpreter was found. PS_UNSUPPORTED: not this build of it, or its file does
 * not say where PyRun_SimpleString is, or what else is called. Else as ring_site_find(). */
enum ps_status ring_find(struct target *t, const struct locate_file *file,
			 const struct identity *identity, struct ring_site *ret,
			 struct ps_err *err) PS_MUST_USE;

#endif
