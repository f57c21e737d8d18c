/* SPDX-License-Identifier: MIT */
#include "offsets/pypy_door.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>

Test(pypy_door, has_room_for_a_path_as_its_symbol_says)
{
	cr_expect_eq(pypy_door_path_room(4120), 4096, "7.3.18 to 8.0.1");
	cr_expect_eq(pypy_door_path_room(8), 0, "a ticker alone, before that");
	cr_expect_eq(pypy_door_path_room(0), 0);
	cr_expect_eq(pypy_door_path_room(24), 0);
	cr_expect_eq(pypy_door_path_room(87), 0, "too little to be of use");
	cr_expect_eq(pypy_door_path_room(88), 64);
	cr_expect_eq(pypy_door_path_room(280), 256);
	cr_expect_eq(pypy_door_path_room(UINT64_MAX), 4096, "what is absurd is cut");
}

Test(pypy_door, is_known_by_its_cookie)
{
	struct pypy_door d = { .ticker = -1, .cookie = "pypysigs", .pending = 7 };

	cr_expect(pypy_door_recognize(&d));
	for (size_t i = 0; i < sizeof d.cookie; i++) {
		d.cookie[i] ^= 1;
		cr_expect_not(pypy_door_recognize(&d), "byte %zu", i);
		d.cookie[i] ^= 1;
	}
}
