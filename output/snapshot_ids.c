/* SPDX-License-Identifier: MIT */
#include "output/snapshot_ids.h"

#include <stdbool.h>
#include <string.h>

enum { NUMBER_MASK = 0x7fffffff, TRIES = 16 };

enum ps_status snapshot_ids_init(struct snapshot_ids *ids, struct arena *a, uint32_t n)
{
	uint64_t slots = 64;

	while (slots < 2ul * n)
		slots *= 2;
	*ids = (struct snapshot_ids){ .mask = (uint32_t)(slots - 1),
				      .next = 1,
				      .secret = hash_secret() };
	PS_TRY(arena_take(a, slots * sizeof *ids->slot, (void **)&ids->slot));
	memset(ids->slot, 0, slots * sizeof *ids->slot);
	return PS_OK;
}

/* Objects are aligned to 16 bytes, so within 32 GiB this tells all apart. What lies further
 * away is laid over it, moved by what its upper bits say. */
static uint32_t fold(uint64_t address)
{
	uint32_t low = (uint32_t)(address >> 4) & NUMBER_MASK;
	uint32_t high = (uint32_t)(hash_mix(address >> 35) >> 20) & NUMBER_MASK;

	return address >> 35 ? low ^ high : low;
}

/* False if it is taken already. */
static bool take(struct snapshot_ids *ids, uint32_t number)
{
	uint32_t at = (uint32_t)(hash_mix(number * ids->secret) >> 16) & ids->mask;

	ids->looks++;
	while (ids->slot[at] && ids->slot[at] != number)
		at = (at + 1) & ids->mask;
	if (ids->slot[at])
		return false;
	ids->slot[at] = number;
	return true;
}

/* The next ones are tried in steps of the address's own: addresses that were chosen to have the
 * same number don't try the same ones after it. The steps can be chosen, too, so not for long:
 * the lowest number that is free is never searched for below where the last one was. */
uint32_t snapshot_ids_take(struct snapshot_ids *ids, uint64_t address)
{
	uint32_t number = fold(address), step = (uint32_t)(hash_mix(~address) >> 24) | 1;

	for (unsigned i = 0; i < TRIES; i++, number = (number + step) & NUMBER_MASK) {
		if (number && take(ids, number))
			return number;
	}
	while (!take(ids, ids->next))
		ids->next++;
	return ids->next++;
}
