/* SPDX-License-Identifier: MIT */
/* profiler/target.h - one process that is looked into.
 *
 * Read only: nothing here writes to the target, stops it or signals it. Reading needs
 * what a debugger needs (ptrace access, man 2 process_vm_readv), but does not attach, so
 * it works beside another tracer and on a stopped target.
 */
#ifndef PROFILER_TARGET_H
#define PROFILER_TARGET_H

#include "offsets/layout.h"
#include "profiler/error.h"

#include <stdbool.h>
#include <sys/uio.h>

struct target {
	int pid;
	int pidfd;          /* readable once the target has ended; -1 on old kernels */
	int memfd;          /* /proc/PID/mem: of the program that was open, also after exec */
	int read_tid;       /* whose memory is asked for: another thread's if the leader is dead */
	uint64_t starttime; /* tells a reused pid */
	bool by_file;       /* process_vm_readv is refused here: memfd is read instead */
};

/* Fails with PS_GONE (no such process, a zombie), PS_DENIED (with what is in the way and
 * its remedy), PS_IO. */
enum ps_status target_open(int pid, struct target *ret, struct ps_err *err) PS_MUST_USE;
void target_close(struct target *t);

/* Reads all of remote into local (which must be as long in sum). *got are the bytes that
 * came, in order: the kernel stops at the first unreadable page, also in the midst of an
 * element. PS_OK only if everything came; PS_FAULT if not; PS_GONE, PS_DENIED. At most
 * IOV_MAX elements. */
enum ps_status target_readv(struct target *t, const struct iovec *local, unsigned nlocal,
			    const struct iovec *remote, unsigned nremote, size_t *got) PS_MUST_USE;
enum ps_status target_read(struct target *t, raddr at, void *into, size_t len) PS_MUST_USE;

/* A whole file of /proc/PID/task/TID of a thread that lives, as proc_read_file() does it. */
enum ps_status target_read_proc(struct target *t, const char *name, size_t max, char **ret,
				size_t *ret_len, struct ps_err *err) PS_MUST_USE;

/* Is the process that was opened over (a zombie without threads counts as over)? */
bool target_ended(struct target *t);
/* Has it replaced its program since it was opened or followed? */
bool target_execed(struct target *t);
/* Go on with the program that it runs now. */
enum ps_status target_follow_exec(struct target *t, struct ps_err *err) PS_MUST_USE;

#endif
