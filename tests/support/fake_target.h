/* SPDX-License-Identifier: MIT */
/* tests/support/fake_target.h - a target that is bytes at addresses, without a process.
 *
 * fake_target.c defines the functions of profiler/target.h and is linked in place of
 * profiler/target.c, so that what reads a target runs on memory that a test has made.
 * It behaves as the kernel does: memory is pages of 4 KiB, a call stops at the first page
 * that is not there, also in the midst of an element, and says how many bytes came.
 * A call that breaks the contract of target_readv() aborts. */
#ifndef TESTS_SUPPORT_FAKE_TARGET_H
#define TESTS_SUPPORT_FAKE_TARGET_H

#include "profiler/target.h"

enum {
	FAKE_PAGE = 4096,
	FAKE_BASE = 0x10000, /* the lowest address that can be there */
	FAKE_PAGES = 8192,
};

struct fake_target {
	struct target target; /* first: this is what the engine is given */
	unsigned char *page[FAKE_PAGES];

	uint64_t reads;   /* calls so far */
	uint64_t fail_at; /* the call, counted from 1, that fails; 0: none */
	bool fail_on;     /* and all after it */
	enum ps_status fail_with;
	bool ended, execed;
	const char *maps; /* what target_read_proc() gives; NULL: the file of this process */
	bool no_maps;     /* it gives PS_GONE */

	/* Called before each read: here the target can move on under its reader. */
	void (*before_read)(struct fake_target *f, uint64_t nth, void *ctx);
	/* The same before each element of a read, of which this is the address. */
	void (*before_element)(struct fake_target *f, raddr at, void *ctx);
	void *ctx;
};

/* Nanoseconds that pass with each clock_now(): whether a copy was quick is for the test to
 * say, not for the machine. 100 at first. */
void fake_clock_step(uint64_t ns);

/* pid is this process, so that /proc has an answer. */
void fake_init(struct fake_target *f);
void fake_deinit(struct fake_target *f);

/* Pages of zeros wherever [at, at + len) had none. */
void fake_map(struct fake_target *f, raddr at, size_t len);
/* Takes away the pages that lie in it, the first and last in part or whole. */
void fake_unmap(struct fake_target *f, raddr at, size_t len);

/* Memory must be there. */
void fake_put(struct fake_target *f, raddr at, const void *bytes, size_t len);
void fake_get(const struct fake_target *f, raddr at, void *ret, size_t len);
void fake_put64(struct fake_target *f, raddr at, uint64_t v);
uint64_t fake_get64(const struct fake_target *f, raddr at);

#endif
