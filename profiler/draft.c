/* SPDX-License-Identifier: MIT */
#include "profiler/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

char *draft_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int link_as(int fd, const char *name)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

/* "FILE.1a2b3c", no longer than a name may be: beside the final name, so that rename() does not
 * cross file systems. */
static char *make_name(const char *path)
{
	enum { SUFFIX = 7 };
	const char *slash = strrchr(path, '/');
	size_t last = strlen(slash ? slash + 1 : path), len = strlen(path);
	uint32_t random;
	char *name;

	if (last > NAME_MAX - SUFFIX)
		len -= last - (NAME_MAX - SUFFIX);
	if (getrandom(&random, sizeof random, 0) != sizeof random ||
	    asprintf(&name, "%.*s.%06x", (int)len, path, random & 0xffffff) < 0)
		return NULL;
	return name;
}

/* Gives fd such a name; -1: it is opened by that. */
static bool take_name(const char *path, int *fd, char **ret)
{
	enum { TRIES = 100, FLAGS = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC };

	for (unsigned i = 0; i < TRIES; i++) {
		char *name = make_name(path);
		int got, why;

		if (!name)
			return false;
		got = *fd < 0 ? open(name, FLAGS, 0600) : link_as(*fd, name);
		if (got >= 0) {
			*fd = *fd < 0 ? got : *fd;
			*ret = name;
			return true;
		}
		why = errno;
		free(name);
		errno = why;
		if (why != EEXIST)
			return false;
	}
	return false;
}

static bool open_draft(const char *path, struct draft *ret)
{
	char *folder = draft_folder(path);
	struct draft d = { .fd = -1 };

	if (folder)
		d.fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	free(folder);
	if (d.fd < 0 && !take_name(path, &d.fd, &d.name))
		return false;
	*ret = d;
	return true;
}

enum ps_status draft_open(const char *path, struct draft *ret, struct ps_err *err)
{
	return open_draft(path, ret) ? PS_OK : ps_fail(err, PS_IO, "%s", strerror(errno));
}

int draft_open_nameless(const char *path)
{
	struct draft d;

	if (!open_draft(path, &d))
		return -1;
	if (d.name)
		unlink(d.name);
	free(d.name);
	return d.fd;
}

void draft_close(struct draft *d)
{
	close(d->fd);
	free(d->name);
}

void draft_drop(struct draft *d)
{
	if (d->name)
		unlink(d->name);
	draft_close(d);
}

enum ps_status draft_sync(const struct draft *d, struct ps_err *err)
{
	if (fsync(d->fd) == 0 || (errno != EIO && errno != ENOSPC && errno != EDQUOT))
		return PS_OK;
	return ps_fail(err, PS_IO, "%s", strerror(errno));
}

/* Where links are forbidden, by a security module say, and files are not. */
static enum ps_status copy_beside(struct draft *d, const char *path, struct ps_err *err)
{
	enum { AT_ONCE = 1 << 30 };
	struct draft copy = { .fd = -1 };
	off_t at = 0;
	ssize_t n;

	if (!take_name(path, &copy.fd, &copy.name))
		return ps_fail(err, PS_IO, "%s", strerror(errno));
	do {
		n = sendfile(copy.fd, d->fd, &at, AT_ONCE);
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0) {
		ps_fail(err, PS_IO, "%s", strerror(errno));
		draft_drop(&copy);
		return PS_IO;
	}
	draft_drop(d);
	*d = copy;
	return draft_sync(d, err);
}

bool draft_link(const struct draft *d, const char *path)
{
	return !d->name && link_as(d->fd, path) == 0;
}

enum ps_status draft_name(struct draft *d, const char *path, struct ps_err *err)
{
	if (d->name || take_name(path, &d->fd, &d->name))
		return PS_OK;
	return copy_beside(d, path, err);
}
