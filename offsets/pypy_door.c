/* SPDX-License-Identifier: MIT */
#include "offsets/pypy_door.h"

#include <stddef.h>
#include <string.h>

_Static_assert(offsetof(struct pypy_door, cookie) == 8 &&
		       offsetof(struct pypy_door, pending) == 16 && sizeof(struct pypy_door) == 24,
	       "as the target has it");

uint32_t pypy_door_path_room(uint64_t symbol_size)
{
	enum { LEAST = 64 }; /* less is none */

	if (symbol_size < PYPY_DOOR_PATH + LEAST)
		return 0;
	symbol_size -= PYPY_DOOR_PATH;
	return symbol_size < PYPY_DOOR_PATH_MAX ? (uint32_t)symbol_size : PYPY_DOOR_PATH_MAX;
}

bool pypy_door_recognize(const struct pypy_door *d)
{
	return memcmp(d->cookie, "pypysigs", sizeof d->cookie) == 0;
}
