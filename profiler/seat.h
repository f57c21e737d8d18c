/* SPDX-License-Identifier: MIT */
/* profiler/seat.h - the CPU of the thread that is to be stopped, taken for ourselves.
 *
 * A thread that is asked from another CPU to stop runs on until that is told to its CPU, and if
 * it enters the kernel first, it stops at the end of that system call or page fault. So it is met
 * too often where it calls the kernel: of a program that has two mmap(), two munmap() and two
 * page faults in 49 us, which take 23 % of its time, at the frames of these in 37 % of the stops
 * instead of 27. Who takes the CPU away from it stops it where it is.
 */
#ifndef PROFILER_SEAT_H
#define PROFILER_SEAT_H

#include <sched.h>
#include <stdbool.h>

struct seat {
	bool taken;
	bool refused; /* for good */
	int cpu;
	/* How the calling thread was scheduled before, and where it was allowed to run. */
	int policy;
	cpu_set_t before;
};

/* Moves the calling thread to the CPU on which that thread of pid ran last, and has it come first
 * there, by realtime scheduling. Who has taken a seat must sleep often, for what runs there.
 * False: that is not allowed (CAP_SYS_NICE; the CPU is not one of ours), the caller or the thread
 * is of a realtime class itself, or there is no such thread; a seat that was taken is left then. */
bool seat_take(struct seat *s, int pid, int tid);
/* As it was before. */
void seat_leave(struct seat *s);

#endif
