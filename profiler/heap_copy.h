/* SPDX-License-Identifier: MIT */
/* profiler/heap_copy.h - the forked copy of a process, from outside.
 *
 * It ends by itself when there is nobody who reads what it tells; but not if it hangs before
 * it tells anything, in a fork handler of the program. So we keep hold of it.
 */
#ifndef PROFILER_HEAP_COPY_H
#define PROFILER_HEAP_COPY_H

/* A pidfd of the child of pid that has this id in its own pid namespace; -1: there is none,
 * or it is of another user than pid: which child it is, the target says. If
 * memory runs out, the kernel ends it before others. */
int heap_copy_open(int pid, int inner);
/* Ends it, if it is there, and closes fd, if there is one; only closes it. */
void heap_copy_end(int fd);
void heap_copy_let_go(int fd);

#endif
