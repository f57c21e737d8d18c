/* SPDX-License-Identifier: MIT */
#include "profiler/target.h"

#include "profiler/denied.h"
#include "profiler/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READERS_MAX = 64 }; /* threads that end while they are asked, one after another */

static bool is_living(const struct proc_stat *stat)
{
	return stat->state != 'Z' && stat->state != 'X';
}

struct choice {
	int pid, tid;
	uint64_t started;
};

/* The oldest: where threads come and go, a young one may have ended when it is asked. */
static bool oldest_living(int tid, void *ctx)
{
	struct choice *c = ctx;
	struct proc_stat stat;

	if (proc_read_stat(c->pid, tid, &stat) == PS_OK && is_living(&stat) &&
	    (!c->tid || stat.starttime < c->started)) {
		c->tid = tid;
		c->started = stat.starttime;
	}
	return true;
}

/* A main thread that has ended leaves a zombie that has no memory of its own; the
 * process lives on in its other threads. */
static enum ps_status choose_reader(struct target *t, struct ps_err *err)
{
	struct choice c = { .pid = t->pid };
	struct proc_stat stat;

	t->read_tid = t->pid;
	if (proc_read_stat(t->pid, t->pid, &stat) == PS_OK && is_living(&stat))
		return PS_OK;
	if (proc_each_thread(t->pid, oldest_living, &c) == PS_GONE)
		return ps_fail(err, PS_GONE, "there is no process %d", t->pid);
	if (!c.tid)
		return ps_fail(err, PS_GONE, "process %d has ended (a zombie is left)", t->pid);
	t->read_tid = c.tid;
	return PS_OK;
}

/* Another reader, where the last one ended; false: there is none. */
static bool choose_another(struct target *t, int attempts)
{
	int last = t->read_tid;

	return attempts < READERS_MAX && choose_reader(t, NULL) == PS_OK && t->read_tid != last;
}

static enum ps_status open_memory(struct target *t, struct ps_err *err)
{
	char path[64];
	int attempts = 0;

	do {
		snprintf(path, sizeof path, "/proc/%d/task/%d/mem", t->pid, t->read_tid);
		t->memfd = open(path, O_RDONLY | O_CLOEXEC);
	} while (t->memfd < 0 && (errno == ENOENT || errno == ESRCH) &&
		 choose_another(t, attempts++));
	if (t->memfd >= 0)
		return PS_OK;
	if (errno == EACCES || errno == EPERM)
		return denied_explain(t->pid, err);
	if (errno == ENOENT || errno == ESRCH)
		return ps_fail(err, PS_GONE, "process %d ended", t->pid);
	return ps_fail(err, PS_IO, "open %s: %s", path, strerror(errno));
}

enum ps_status target_read_proc(struct target *t, const char *name, size_t max, char **ret,
				size_t *ret_len, struct ps_err *err)
{
	enum ps_status st;
	int attempts = 0;

	do {
		char path[64];

		snprintf(path, sizeof path, "task/%d/%s", t->read_tid, name);
		st = proc_read_file(t->pid, path, max, ret, ret_len, err);
		/* It is ending, and has given up its memory already. */
		if (st == PS_OK && !*ret_len && t->read_tid != t->pid) {
			free(*ret);
			st = ps_fail(err, PS_GONE, "thread %d ended", t->read_tid);
		}
	} while (st == PS_GONE && choose_another(t, attempts++));
	return st;
}

/* /proc can be mounted so that it hides others' processes (hidepid). Signal 0 is none: it
 * only asks whether there is somebody. */
static enum ps_status not_shown(int pid, struct ps_err *err)
{
	if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
		return denied_explain(pid, err);
	return ps_fail(err, PS_GONE, "there is no process %d", pid);
}

/* Of its number. What was opened by that may belong to the next one. */
static bool is_first_user(const struct target *t)
{
	struct proc_stat stat;

	return proc_read_stat(t->pid, t->pid, &stat) == PS_OK && stat.starttime == t->starttime;
}

enum ps_status target_open(int pid, struct target *ret, struct ps_err *err)
{
	struct target t = { .pid = pid, .pidfd = -1, .memfd = -1 };
	struct proc_status status;
	struct proc_stat stat;
	enum ps_status st;

	if (!proc_is_ours())
		return denied_explain(pid, err);
	if (pid <= 0 || proc_read_stat(pid, pid, &stat) != PS_OK)
		return not_shown(pid, err);
	if (stat.kernel)
		return ps_fail(err, PS_NOT_PYTHON, "%d is a thread of the kernel, and no program",
			       pid);
	if (proc_read_status(pid, pid, &status) == PS_OK && status.tgid != pid) {
		ps_fail(err, PS_USAGE, "%d is a thread of process %d", pid, status.tgid);
		ps_hint(err, "give the process: %d", status.tgid);
		return PS_USAGE;
	}
	t.starttime = stat.starttime;
	PS_TRY(choose_reader(&t, err));
	t.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (t.pidfd < 0 && errno == ESRCH)
		return ps_fail(err, PS_GONE, "there is no process %d", pid);
	st = open_memory(&t, err);
	if (!st && !is_first_user(&t))
		st = ps_fail(err, PS_GONE, "process %d ended", pid);
	if (st) {
		target_close(&t);
		return st;
	}
	*ret = t;
	return PS_OK;
}

void target_close(struct target *t)
{
	if (t->pidfd >= 0)
		close(t->pidfd);
	if (t->memfd >= 0)
		close(t->memfd);
	t->pidfd = t->memfd = -1;
}

/* Under some containers' seccomp profiles process_vm_readv is not there, while the file
 * is: slower, one address a call. */
static enum ps_status read_by_file(struct target *t, const struct iovec *local, unsigned nlocal,
				   const struct iovec *remote, unsigned nremote, size_t *got)
{
	unsigned l = 0;
	size_t used = 0;

	*got = 0;
	for (unsigned r = 0; r < nremote; r++) {
		size_t done = 0;

		while (done < remote[r].iov_len && l < nlocal) {
			if (local[l].iov_len == used) {
				l++;
				used = 0;
				continue;
			}
			size_t want = remote[r].iov_len - done, room = local[l].iov_len - used;
			ssize_t n = pread(t->memfd, (char *)local[l].iov_base + used,
					  want < room ? want : room,
					  (off_t)((uintptr_t)remote[r].iov_base + done));

			if (n <= 0)
				return PS_FAULT;
			done += (size_t)n;
			used += (size_t)n;
			*got += (size_t)n;
			if (used == local[l].iov_len) {
				l++;
				used = 0;
			}
		}
	}
	return PS_OK;
}

static size_t total_length(const struct iovec *v, unsigned n)
{
	size_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

enum ps_status target_readv(struct target *t, const struct iovec *local, unsigned nlocal,
			    const struct iovec *remote, unsigned nremote, size_t *got)
{
	ssize_t n;

	*got = 0;
	if (t->by_file)
		return read_by_file(t, local, nlocal, remote, nremote, got);
	n = process_vm_readv(t->read_tid, local, nlocal, remote, nremote, 0);
	if (n >= 0) {
		*got = (size_t)n;
		return *got == total_length(remote, nremote) ? PS_OK : PS_FAULT;
	}
	switch (errno) {
	case EFAULT:
	case ENOMEM:
		return PS_FAULT;
	case EINVAL:
		return PS_LIMIT;
	case ESRCH:
		return choose_reader(t, NULL) ? PS_GONE : PS_FAULT;
	default: /* EPERM and ENOSYS as a rule, but a filter may answer what it likes */
		t->by_file = true;
		return read_by_file(t, local, nlocal, remote, nremote, got);
	}
}

enum ps_status target_read(struct target *t, raddr at, void *into, size_t len)
{
	struct iovec local = { into, len }, remote = { (void *)(uintptr_t)at, len };
	size_t got;

	return target_readv(t, &local, 1, &remote, 1, &got);
}

/* A pidfd tells when the last thread is gone, and is of no other process that gets the number.
 * Of the leader's end alone target_readv() takes notice, if it has to. */
bool target_ended(struct target *t)
{
	if (t->pidfd >= 0) {
		struct pollfd p = { .fd = t->pidfd, .events = POLLIN };

		return poll(&p, 1, 0) == 1;
	}
	return !is_first_user(t) || choose_reader(t, NULL) != PS_OK;
}

/* An open /proc/PID/mem belongs to the memory of the program that ran when it was
 * opened; once that is gone, reading gives end-of-file for any address. */
bool target_execed(struct target *t)
{
	char byte;

	return pread(t->memfd, &byte, 1, 4096) == 0;
}

enum ps_status target_follow_exec(struct target *t, struct ps_err *err)
{
	if (t->memfd >= 0)
		close(t->memfd);
	t->memfd = -1;
	PS_TRY(choose_reader(t, err));
	return open_memory(t, err);
}
