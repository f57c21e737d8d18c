/* SPDX-License-Identifier: MIT */
/* profiler/heap_patterns.h - ways from the root that look alike are one.
 *
 * A pattern is a tree's node: what an object is, and how the pattern above leads to it. What
 * an object is: the name of its type, and of modules, types, functions, frames their own
 * name. How: ".items", "local x", but "[*]" for any index or key. The dict of a module, a class
 * or an instance is a part of that: whether there is one is a whim of the interpreter. A run of objects that look
 * alike (a linked list) is one node; what is deeper than HEAP_PATTERN_DEPTH is counted there.
 *
 * Objects are counted on two sides, so that two dumps can be compared: their texts differ,
 * but patterns do not. A parent's number is lower than its children's.
 */
#ifndef PROFILER_HEAP_PATTERNS_H
#define PROFILER_HEAP_PATTERNS_H

#include "profiler/heap_routes.h"

enum { HEAP_PATTERN_DEPTH = 256, HEAP_SIDES = 2 };

struct heap_pattern {
	uint32_t parent;
	uint32_t what, how; /* texts of the patterns */
	uint32_t depth;
	bool vague; /* no edge leads right to it from the pattern above, and it has no name */
	struct heap_pattern_sum {
		uint64_t count, size; /* of the objects that are there */
		uint64_t below;       /* bytes of these and of all patterns below */
	} side[HEAP_SIDES];
};

struct heap_patterns {
	struct heap_pattern *v; /* 0 is the root */
	struct heap_texts texts;
	uint32_t n;

	uint32_t cap;    /* the rest is their own business */
	uint64_t secret; /* hash_secret() */
	struct mem mem;
	struct table table;
};

/* heap_patterns_deinit() is to be called after failure, too. */
enum ps_status heap_patterns_init(struct heap_patterns *p, size_t max_bytes) PS_MUST_USE;
void heap_patterns_deinit(struct heap_patterns *p);

/* Counts all objects of a graph on that side. pattern_of, if not NULL, has room for as many,
 * and gets each one's pattern. Once for a side. */
enum ps_status heap_patterns_add(struct heap_patterns *p, const struct heap_graph *g,
				 const struct heap_routes *r, unsigned side,
				 uint32_t *pattern_of) PS_MUST_USE;

static inline struct profile_text heap_pattern_what(const struct heap_patterns *p, uint32_t i)
{
	return p->texts.v[p->v[i].what];
}

static inline struct profile_text heap_pattern_how(const struct heap_patterns *p, uint32_t i)
{
	return p->texts.v[p->v[i].how];
}

#endif
