/* SPDX-License-Identifier: MIT */
#include "profiler/parcel.h"

#include "profiler/parcel_folder.h"
#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char *const names[] = { PARCEL_SCRIPT, PARCEL_PROBE, PARCEL_CHANNEL, PARCEL_STREAM,
				     PARCEL_SOCKET };

static enum ps_status failed(const struct parcel *p, const char *what, struct ps_err *err)
{
	return ps_fail(err, PS_IO, "%s %s in the target's view: %s", what, p->inside,
		       strerror(errno));
}

static bool give(const struct parcel *p, int fd)
{
	return p->uid == geteuid() || fchownat(fd, "", p->uid, p->gid, AT_EMPTY_PATH) == 0;
}

enum ps_status parcel_add_pipe(struct parcel *p, const char *name, int *ret, struct ps_err *err)
{
	SCOPE_CLOSE int pipe = -1;

	if (mkfifoat(p->folder, name, 0600))
		return failed(p, "make a pipe in", err);
	pipe = openat(p->folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (pipe < 0 || !give(p, pipe))
		return failed(p, "open the pipe in", err);
	*ret = pipe;
	pipe = -1;
	return PS_OK;
}

/* Whatever it is that has its name now: only an empty folder is removed, and nothing from within. */
static enum ps_status is_not_ours(struct parcel *p, struct ps_err *err)
{
	int why = errno;

	unlinkat(p->parent, p->name, AT_REMOVEDIR);
	parcel_close(p);
	errno = why;
	if (why)
		return failed(p, "open the folder", err);
	ps_fail(err, PS_IO,
		"the folder %s in the target's view has not come out as it was made: ours alone, "
		"and empty",
		p->inside);
	ps_hint(err, "that is so where a file system keeps no owners and modes, or others than "
		     "those it is given; start the program with TMPDIR set to a folder elsewhere");
	return PS_IO;
}

static bool note(const struct parcel *p)
{
	struct stat st;

	if (fstat(p->folder, &st))
		return false;
	if (p->id) {
		p->id->device = st.st_dev;
		__atomic_store_n(&p->id->inode, st.st_ino, __ATOMIC_SEQ_CST);
	}
	return true;
}

enum ps_status parcel_make(struct parcel *p, int *ret_channel, struct ps_err *err)
{
	if (mkdirat(p->parent, p->name, 0700))
		return failed(p, "make the folder", err);
	p->folder = parcel_folder_open(p->parent, p->name);
	if (p->folder >= 0 && parcel_folder_is_fresh(p->folder) && note(p))
		return parcel_add_pipe(p, PARCEL_CHANNEL, ret_channel, err);
	return is_not_ours(p, err);
}

enum ps_status parcel_listen(struct parcel *p, int *ret_socket, struct ps_err *err)
{
	SCOPE_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	/* The folder's own path may be too long for an address, and lies in another root. */
	snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/" PARCEL_SOCKET, p->folder);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) ||
	    fchmodat(p->folder, PARCEL_SOCKET, 0600, 0) || listen(fd, 4) ||
	    (p->uid != geteuid() &&
	     fchownat(p->folder, PARCEL_SOCKET, p->uid, p->gid, AT_SYMLINK_NOFOLLOW)))
		return failed(p, "make a socket in", err);
	*ret_socket = fd;
	fd = -1;
	return PS_OK;
}

enum ps_status parcel_add(struct parcel *p, const char *name, const void *bytes, size_t len,
			  struct ps_err *err)
{
	SCOPE_CLOSE int fd =
		openat(p->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	const char *at = bytes;

	if (fd < 0)
		return failed(p, "make a file in", err);
	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(p, "write a file in", err);
		at += n;
		len -= (size_t)n;
	}
	return give(p, fd) ? PS_OK : failed(p, "give away a file in", err);
}

enum ps_status parcel_hand_over(struct parcel *p, struct ps_err *err)
{
	return give(p, p->folder) ? PS_OK : failed(p, "give away the folder", err);
}

bool parcel_claim(struct parcel *p)
{
	if (!p->claimed && p->folder >= 0)
		p->claimed = unlinkat(p->folder, PARCEL_SCRIPT, 0) == 0;
	return p->claimed;
}

bool parcel_has_script(const struct parcel *p)
{
	return p->folder >= 0 &&
	       faccessat(p->folder, PARCEL_SCRIPT, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- has it been read? --- */

/* Where a read moves the script's time of access, that tells: what has been put back to this is
 * moved by the first read, under relatime as well. */
static const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_nsec = UTIME_OMIT } };

static bool is_long_ago(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_atim.tv_sec == long_ago[0].tv_sec;
}

/* Tried, for it depends on the file system, its mount and the folder. */
static bool watch_by_time(const struct parcel *p)
{
	SCOPE_CLOSE int fd = openat(p->folder, PARCEL_SCRIPT, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char byte;

	return fd >= 0 && futimens(fd, long_ago) == 0 && is_long_ago(fd) &&
	       read(fd, &byte, 1) == 1 && !is_long_ago(fd) && futimens(fd, long_ago) == 0 &&
	       is_long_ago(fd);
}

/* Only where the other way is not: a process that has had one waits, when it closes it, for all
 * processors to have rested (synchronize_srcu() in fs/notify/mark.c), which takes 10 ms and more. */
bool parcel_watch_events(struct parcel *p)
{
	char path[64];
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	snprintf(path, sizeof path, "/proc/self/fd/%d/" PARCEL_SCRIPT, p->folder);
	if (fd >= 0 && inotify_add_watch(fd, path, IN_ACCESS | IN_DONT_FOLLOW) < 0) {
		close(fd);
		fd = -1;
	}
	p->watch = fd;
	return fd >= 0;
}

void parcel_watch(struct parcel *p)
{
	p->timed = watch_by_time(p);
	if (!p->timed)
		(void)parcel_watch_events(p);
}

bool parcel_was_read(struct parcel *p)
{
	char events[256];
	struct stat st;

	if (p->was_read)
		return true;
	if (p->timed)
		p->was_read = fstatat(p->folder, PARCEL_SCRIPT, &st, AT_SYMLINK_NOFOLLOW) ||
			      st.st_atim.tv_sec != long_ago[0].tv_sec;
	else
		p->was_read = p->watch < 0 || read(p->watch, events, sizeof events) > 0;
	return p->was_read;
}

/* Before it is noted which one it is, it is like those that we make, and still our own. */
static bool is_ours(const struct parcel *p, int folder)
{
	struct stat st;

	if (fstat(folder, &st))
		return false;
	if (p->id && __atomic_load_n(&p->id->inode, __ATOMIC_SEQ_CST))
		return st.st_ino == p->id->inode && st.st_dev == p->id->device;
	return (st.st_uid == p->uid || st.st_uid == geteuid()) && (st.st_mode & 077) == 0;
}

void parcel_find(struct parcel *p)
{
	if (p->folder >= 0)
		return;
	p->folder = parcel_folder_open(p->parent, p->name);
	if (p->folder >= 0 && !is_ours(p, p->folder)) {
		close(p->folder);
		p->folder = -1;
	}
}

void parcel_remove(struct parcel *p)
{
	if (p->parent < 0)
		return;
	parcel_find(p);
	for (size_t i = 0; p->folder >= 0 && i < sizeof names / sizeof *names; i++)
		unlinkat(p->folder, names[i], 0);
	unlinkat(p->parent, p->name, AT_REMOVEDIR);
	parcel_close(p);
}

void parcel_close(struct parcel *p)
{
	if (p->folder >= 0)
		close(p->folder);
	if (p->parent >= 0)
		close(p->parent);
	if (p->watch >= 0)
		close(p->watch);
	p->folder = p->parent = p->watch = -1;
}
