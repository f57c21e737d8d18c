/* SPDX-License-Identifier: MIT */
/* profiler/heap_path.h - why objects are alive: ways from a root, in words. */
#ifndef PROFILER_HEAP_PATH_H
#define PROFILER_HEAP_PATH_H

#include "profiler/heap_dump.h"
#include "profiler/heap_routes.h"

#include <stdio.h>

struct heap_path {
	struct heap_dump *dump;
	const struct heap_dominators *dominators;
	const struct heap_routes *shortest;
	uint32_t limit; /* ways to show */
};

/* What the user names: an id in decimal or after 0x, or a type by its whole name or what
 * follows its last dots. PS_USAGE, with what there is instead, if there is none. */
struct heap_named {
	uint32_t object; /* HEAP_NONE: a type */
	uint32_t type;   /* a text: its name */
};
enum ps_status heap_path_find(const struct heap_graph *g, const char *named, struct heap_named *ret,
			      struct ps_err *err) PS_MUST_USE;

/* The shortest way to an object, and such that come to it by other objects. */
void heap_path_write_object(const struct heap_path *p, uint32_t object, FILE *out);
/* The ways to objects of a type, those that look alike as one, with an example of each. */
enum ps_status heap_path_write_type(const struct heap_path *p, uint32_t type,
				    FILE *out) PS_MUST_USE;

/* One way, a line for each step. `last` NULL, or an edge by which it ends at `to` instead. */
void heap_path_write_steps(const struct heap_path *p, uint32_t to, FILE *out);

#endif
