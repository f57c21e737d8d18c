/* SPDX-License-Identifier: MIT */
/* tests/support/unwind_world.h - an image with one thread and functions to call, and what is
 * expected of its stack; for the tests of unwinding. */
#ifndef TESTS_SUPPORT_UNWIND_WORLD_H
#define TESTS_SUPPORT_UNWIND_WORLD_H

#include "tests/support/rig.h"

/* main is of line 1, f of 100, g of 200, h of 300, and gen, which is a generator, of 400. */
struct world {
	struct image im;
	struct image_thread t;
	struct rig rig;
	raddr main, f, g, h, gen;
	const char *version;
};

/* Never NULL; world_end() it. */
struct world *world_make(enum table_id id);
void world_end(struct world *w);

/* The stack of the running thread: soon, and until then cut, but never wrong. */
void expect_live(struct world *w, const char *stack);
/* ... of the thread as it stands still: at once. */
void expect_stopped(struct world *w, const char *stack);
void expect_both(struct world *w, const char *stack);

#define EACH_VERSION(w)                         \
	for (int id_ = 0; id_ < NTABLES; id_++) \
		for (struct world *w = world_make(id_); w; world_end(w), w = NULL)

#endif
