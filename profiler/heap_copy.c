/* SPDX-License-Identifier: MIT */
#include "profiler/heap_copy.h"

#include "profiler/proc.h"
#include "profiler/scope.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHILDREN_MAX = 1 << 20 };

struct search {
	int pid, inner, found;
	struct proc_status parent;
};

static bool is_it(const struct search *s, int child)
{
	struct proc_status status;

	return proc_read_status(child, child, &status) == PS_OK && status.ppid == s->pid &&
	       status.inner_tid == s->inner && status.pid_depth == s->parent.pid_depth &&
	       memcmp(status.uid, s->parent.uid, sizeof status.uid) == 0;
}

/* Where memory runs out, the kernel is to end the copy, not the program. As long as it is there,
 * if only to be waited for, what was opened by its number is its own. */
static void let_go_first(int child, int pidfd)
{
	char path[64];
	SCOPE_CLOSE int fd = -1;

	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", child);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0)
		(void)!write(fd, "1000", 4);
}

/* Asked again once it is held: the number cannot be another's then. */
static int hold(const struct search *s, int child)
{
	int fd;

	if (!is_it(s, child))
		return -1;
	fd = (int)syscall(SYS_pidfd_open, child, 0);
	if (fd >= 0 && !is_it(s, child)) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		let_go_first(child, fd);
	return fd;
}

static bool look_among(int tid, void *ctx)
{
	struct search *s = ctx;
	SCOPE_FREE char *text = NULL;
	char name[64], *at, *end;
	size_t len;

	snprintf(name, sizeof name, "task/%d/children", tid);
	if (proc_read_file(s->pid, name, CHILDREN_MAX, &text, &len, NULL))
		return true;
	for (at = text; s->found < 0; at = end) {
		long child = strtol(at, &end, 10);

		if (end == at)
			break;
		s->found = hold(s, (int)child);
	}
	return s->found < 0;
}

int heap_copy_open(int pid, int inner)
{
	struct search s = { .pid = pid, .inner = inner, .found = -1 };

	if (inner <= 0 || proc_read_status(pid, pid, &s.parent) ||
	    proc_each_thread(pid, look_among, &s))
		return s.found;
	return s.found;
}

void heap_copy_end(int fd)
{
	if (fd < 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	close(fd);
}

void heap_copy_let_go(int fd)
{
	if (fd >= 0)
		close(fd);
}
