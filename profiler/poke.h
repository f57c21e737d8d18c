/* SPDX-License-Identifier: MIT */
/* profiler/poke.h - writes into a target: the only module that does.
 *
 * Through a file /proc/PID/mem that is opened once, beforehand: it belongs to the memory of
 * the program that ran then, so what is meant for a program that has been replaced since
 * (exec) goes nowhere, instead of into its successor.
 */
#ifndef PROFILER_POKE_H
#define PROFILER_POKE_H

#include "offsets/layout.h"
#include "profiler/error.h"

struct poker {
	int fd;
};

/* PS_DENIED, with what is in the way; PS_GONE. tid is a living thread of the process pid. */
enum ps_status poke_open(int pid, int tid, struct poker *ret, struct ps_err *err) PS_MUST_USE;
void poke_close(struct poker *p);

/* All of it, or it cannot be known how much: PS_FAULT. Memory that the target itself may not
 * write is refused too, unless it is a private mapping (the kernel's rule for this file): ask
 * for addresses in data only. */
enum ps_status poke(const struct poker *p, raddr at, const void *bytes, size_t len) PS_MUST_USE;
/* Reads from the same program. PS_FAULT. */
enum ps_status poke_read(const struct poker *p, raddr at, void *into, size_t len) PS_MUST_USE;

#endif
