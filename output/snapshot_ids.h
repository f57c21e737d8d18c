/* SPDX-License-Identifier: MIT */
/* output/snapshot_ids.h - the ids of a .heapsnapshot's nodes, made from addresses.
 *
 * Numbers from 1 to 2^31 - 1: the id is twice that, and 1. The same addresses in the same order
 * get the same numbers in any process, and most an own one that depends on nothing else.
 */
#ifndef OUTPUT_SNAPSHOT_IDS_H
#define OUTPUT_SNAPSHOT_IDS_H

#include "profiler/mem.h"

struct snapshot_ids {
	uint32_t *slot; /* numbers that are taken; 0: free */
	uint32_t mask;
	uint32_t next;   /* all numbers below are taken, but for 0 */
	uint64_t secret; /* hash_secret() */
	uint64_t looks;  /* how often a number was looked up: the work so far */
};

/* For n addresses, fewer than 2^30. Lives as long as the arena. */
enum ps_status snapshot_ids_init(struct snapshot_ids *ids, struct arena *a, uint32_t n) PS_MUST_USE;
/* The number of the next address: its own, or another if that is taken. Whatever the addresses
 * are, n of them take no more than 18 * n looks. */
uint32_t snapshot_ids_take(struct snapshot_ids *ids, uint64_t address);

#endif
