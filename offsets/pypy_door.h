/* SPDX-License-Identifier: MIT */
/* offsets/pypy_door.h - PyPy's own door for remote debuggers: one exported variable. Pure.
 *
 * struct pypysig_long_struct, rpython/translator/c/src/signals.h of PyPy; the same in 7.3.18,
 * where it appeared, to 8.0.1. It begins with the ticker, which every thread that executes
 * bytecode or compiled loops counts down, and which a signal sets to -1. Whoever finds it below
 * zero looks for signals, and before that at the flag here (_poll_for_signals_unlocked() in
 * pypy/module/signal/interp_signal.py): it copies the path, clears the flag, and runs the file.
 */
#ifndef OFFSETS_PYPY_DOOR_H
#define OFFSETS_PYPY_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#define PYPY_DOOR_SYMBOL "pypysig_counter"

/* As it begins; words are of the target's size, and only targets of 64 bits are met. */
struct pypy_door {
	int64_t ticker;
	char cookie[8]; /* "pypysigs", not terminated */
	int64_t pending;
};

enum {
	PYPY_DOOR_PATH = sizeof(struct pypy_door), /* where the path begins, which is terminated */
	PYPY_DOOR_PATH_MAX = 4096,                 /* PATH_MAX of Linux */
};

/* How long a path may be, its end included, by the symbol's size; 0: an older PyPy, whose
 * variable is the ticker alone, or no PyPy. */
uint32_t pypy_door_path_room(uint64_t symbol_size);

bool pypy_door_recognize(const struct pypy_door *d);

#endif
