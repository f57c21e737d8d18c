/* SPDX-License-Identifier: MIT */
#include "profiler/poke.h"

#include "profiler/denied.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum ps_status poke_open(int pid, int tid, struct poker *ret, struct ps_err *err)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/mem", pid, tid);
	ret->fd = open(path, O_RDWR | O_CLOEXEC);
	if (ret->fd >= 0)
		return PS_OK;
	if (errno == ENOENT || errno == ESRCH)
		return ps_fail(err, PS_GONE, "process %d has ended", pid);
	if (errno == EACCES || errno == EPERM)
		return denied_explain(pid, err);
	return ps_fail(err, PS_IO, "open %s: %s", path, strerror(errno));
}

void poke_close(struct poker *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

enum ps_status poke(const struct poker *p, raddr at, const void *bytes, size_t len)
{
	return pwrite(p->fd, bytes, len, (off_t)at) == (ssize_t)len ? PS_OK : PS_FAULT;
}

enum ps_status poke_read(const struct poker *p, raddr at, void *into, size_t len)
{
	return pread(p->fd, into, len, (off_t)at) == (ssize_t)len ? PS_OK : PS_FAULT;
}
