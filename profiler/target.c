/* SPDX-License-Identifier: MIT */
#include "profiler/target.h"

#include "profiler/denied.h"
#include "profiler/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum ps_status open_memory(struct target *t, struct ps_err *err)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/mem", t->pid, t->read_tid);
	t->memfd = open(path, O_RDONLY | O_CLOEXEC);
	if (t->memfd >= 0)
		return PS_OK;
	if (errno == ENOENT || errno == ESRCH)
		return ps_fail(err, PS_GONE, "process %d ended", t->pid);
	if (errno == EACCES || errno == EPERM)
		return denied_explain(t->pid, err);
	return ps_fail(err, PS_IO, "open %s: %s", path, strerror(errno));
}

static bool first_living(int tid, void *ctx)
{
	struct target *t = ctx;
	struct proc_stat stat;

	if (proc_read_stat(t->pid, tid, &stat) == PS_OK && stat.state != 'Z' && stat.state != 'X') {
		t->read_tid = tid;
		return false;
	}
	return true;
}

/* A main thread that has ended leaves a zombie that has no memory of its own; the
 * process lives on in its other threads. */
static enum ps_status choose_reader(struct target *t, struct ps_err *err)
{
	t->read_tid = 0;
	if (proc_each_thread(t->pid, first_living, t) == PS_GONE)
		return ps_fail(err, PS_GONE, "there is no process %d", t->pid);
	if (!t->read_tid)
		return ps_fail(err, PS_GONE, "process %d has ended (a zombie is left)", t->pid);
	return PS_OK;
}

/* /proc can be mounted so that it hides others' processes (hidepid). Signal 0 is none: it
 * only asks whether there is somebody. */
static enum ps_status not_shown(int pid, struct ps_err *err)
{
	if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
		return denied_explain(pid, err);
	return ps_fail(err, PS_GONE, "there is no process %d", pid);
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
	if (errno == EFAULT)
		return PS_FAULT;
	if (errno == ESRCH) {
		if (t->read_tid != t->pid || target_ended(t))
			return choose_reader(t, NULL) ? PS_GONE : PS_FAULT;
		return choose_reader(t, NULL) ? PS_GONE : PS_FAULT;
	}
	if (errno == ENOSYS || errno == EPERM) {
		t->by_file = true;
		return read_by_file(t, local, nlocal, remote, nremote, got);
	}
	return errno == EINVAL ? PS_LIMIT : PS_FAULT;
}

enum ps_status target_read(struct target *t, raddr at, void *into, size_t len)
{
	struct iovec local = { into, len }, remote = { (void *)(uintptr_t)at, len };
	size_t got;

	return target_readv(t, &local, 1, &remote, 1, &got);
}

bool target_ended(struct target *t)
{
	struct proc_stat stat;

	if (t->pidfd >= 0) {
		struct pollfd p = { .fd = t->pidfd, .events = POLLIN };

		if (poll(&p, 1, 0) == 1)
			return true;
	}
	if (proc_read_stat(t->pid, t->pid, &stat) != PS_OK || stat.starttime != t->starttime)
		return true;
	return (stat.state == 'Z' || stat.state == 'X') && choose_reader(t, NULL) != PS_OK;
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
