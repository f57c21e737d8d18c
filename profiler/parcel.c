/* SPDX-License-Identifier: MIT */
#include "profiler/parcel.h"

#include "profiler/parcel_folder.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>

enum { ENVIRONMENT_MAX = 1 << 20, STATUS_MAX = 1 << 20 };
enum { FOLDER_MAX = PARCEL_PATH_MAX - PARCEL_NAME_MAX - 8 };

static const char *const names[] = { PARCEL_SCRIPT, PARCEL_PROBE, PARCEL_CHANNEL, PARCEL_STREAM,
				     PARCEL_SOCKET };

/* --- where --- */

/* A main thread that has ended has neither root nor environment; the others have them still. */
struct view {
	int pid, tid, root;
};

/* Without openat2 (before 5.6, or filtered): one step after the other, and no links at all. */
static int open_step_by_step(int root, const char *path)
{
	int at = dup(root);

	while (at >= 0 && *path) {
		char step[256];
		size_t n = strcspn(path, "/");
		int next;

		if (n >= sizeof step || (n == 2 && memcmp(path, "..", 2) == 0)) {
			close(at);
			errno = ENAMETOOLONG;
			return -1;
		}
		if (n) {
			memcpy(step, path, n);
			step[n] = '\0';
			next = openat(at, step, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
			close(at);
			at = next;
		}
		path += n + (path[n] == '/');
	}
	return at;
}

/* Without links: the target goes by the path, and whoever has made one could let it lead elsewhere
 * by then. */
static int open_in_root(int root, const char *path)
{
	struct open_how how = { .flags = O_DIRECTORY | O_RDONLY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);

	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == E2BIG))
		return open_step_by_step(root, path);
	return fd;
}

/* What is not plain could not stand in a path that is passed on as bytes. */
static bool is_plain_path(const char *path)
{
	size_t n = strlen(path);

	if (path[0] != '/' || n > FOLDER_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (path[i] < 0x21 || path[i] > 0x7e || strchr("\"'\\", path[i]))
			return false;
	}
	return true;
}

/* TMPDIR as it was when the program started; NULL: none that is of use. Points into text. */
static const char *find_variable(const char *text, size_t len)
{
	static const char name[] = "TMPDIR=";

	for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
		if (strncmp(text + at, name, sizeof name - 1) == 0) {
			const char *value = text + at + sizeof name - 1;

			return is_plain_path(value) ? value : NULL;
		}
	}
	return NULL;
}

static bool make_name(char ret[static PARCEL_NAME_MAX])
{
	uint64_t random;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return false;
	snprintf(ret, PARCEL_NAME_MAX, ".pysample-%016" PRIx64, random);
	return true;
}

/* Is it in that group beside its first one? As its status lists them; a number in there that cannot
 * be a group is none. */
static bool has_group(int pid, uint32_t gid)
{
	SCOPE_FREE char *status = NULL;
	const char *at;
	char *end;
	size_t len;

	if (proc_read_file(pid, "status", STATUS_MAX, &status, &len, NULL))
		return false;
	at = strstr(status, "\nGroups:");
	at = at ? at + strlen("\nGroups:") : "";
	for (;; at = end) {
		unsigned long long group;

		at += strspn(at, " \t");
		group = strtoull(at, &end, 10);
		if (end == at)
			return false;
		if (group == gid)
			return true;
	}
}

/* We may be allowed more than the target: it, which says where its folder is, must not be given one
 * where it could not make one itself. (What access control lists allow it is not looked at: then
 * it is another folder.) */
static bool is_open_to(const struct parcel *p, int pid, int folder)
{
	enum { ENTER_AND_WRITE = 3 };
	struct stat st;
	unsigned shift = 0;

	if (p->uid == geteuid())
		return true;
	if (fstat(folder, &st))
		return false;
	if (st.st_uid == p->uid)
		shift = 6;
	else if (st.st_gid == p->gid || has_group(pid, st.st_gid))
		shift = 3;
	errno = EACCES;
	return (st.st_mode >> shift & ENTER_AND_WRITE) == ENTER_AND_WRITE;
}

/* Can a folder be made here? Not tried: what is made before the guard is there, nobody removes
 * for us. */
static bool has_room(const struct parcel *p, int pid, int folder)
{
	struct statvfs fs;

	if (faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) || !is_open_to(p, pid, folder) ||
	    !parcel_folder_can_be_told(folder) || fstatvfs(folder, &fs))
		return false;
	errno = fs.f_flag & ST_RDONLY ? EROFS : ENOSPC;
	return !(fs.f_flag & ST_RDONLY) && (!fs.f_blocks || fs.f_bavail) &&
	       (!fs.f_files || fs.f_favail);
}

/* Whoever may rename our folder can put another one in its place, and the target would run the
 * script in that. So nobody may who could not do as much to the target anyway: its own user, we,
 * root, and whoever owns its root folder (root, where that is another number, in a container). */
static bool is_kept(const struct parcel *p, int root, int folder)
{
	struct stat st;
	bool kept = fstat(root, &st) == 0 &&
		    parcel_folder_is_kept(folder, root,
					  (uint32_t[]){ 0, geteuid(), p->uid, st.st_uid }, 4);

	errno = EPERM;
	return kept;
}

static bool try_folder(const struct view *v, const char *path, bool doubtful, struct parcel *p)
{
	size_t n = strlen(path);
	int why;

	p->parent = open_in_root(v->root, path);
	if (p->parent < 0)
		return false;
	errno = 0; /* it is not its turn */
	if (parcel_folder_is_doubtful(p->parent) == doubtful && has_room(p, v->pid, p->parent) &&
	    is_kept(p, v->root, p->parent)) {
		while (n > 1 && path[n - 1] == '/')
			n--;
		snprintf(p->inside, sizeof p->inside, "%.*s/%s", (int)n, path, p->name);
		return true;
	}
	why = errno;
	close(p->parent);
	p->parent = -1;
	errno = why;
	return false;
}

static enum ps_status read_owner(int pid, struct parcel *p, struct ps_err *err)
{
	struct proc_status status;

	if (proc_read_status(pid, pid, &status))
		return ps_fail(err, PS_GONE, "process %d has ended", pid);
	p->uid = status.uid[3];
	p->gid = status.gid[3];
	return PS_OK;
}

static bool open_root(int tid, void *ctx)
{
	struct view *v = ctx;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/root", v->pid, tid);
	v->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	v->tid = tid;
	return v->root < 0 && errno == ENOENT;
}

enum ps_status parcel_choose(int pid, struct parcel *ret, struct ps_err *err)
{
	struct parcel p = { .parent = -1, .folder = -1, .watch = -1 };
	enum { COUNT = 4 };
	const char *tried[COUNT] = { NULL, "/tmp", "/var/tmp", "/dev/shm" };
	struct view view = { .pid = pid, .root = -1 };
	SCOPE_CLOSE int root = -1;
	SCOPE_FREE char *environment = NULL;
	char name[64];
	size_t len = 0;
	int why = ENOENT;

	PS_TRY(read_owner(pid, &p, err));
	if (!make_name(p.name))
		return ps_fail(err, PS_IO, "no random numbers: %s", strerror(errno));
	if (proc_each_thread(pid, open_root, &view) == PS_GONE)
		return ps_fail(err, PS_GONE, "process %d has ended", pid);
	root = view.root;
	if (root < 0)
		return ps_fail(err, errno == ENOENT ? PS_GONE : PS_DENIED,
			       "open the root folder of process %d: %s", pid, strerror(errno));
	snprintf(name, sizeof name, "task/%d/environ", view.tid);
	if (proc_read_file(pid, name, ENVIRONMENT_MAX, &environment, &len, NULL) == PS_OK)
		tried[0] = find_variable(environment, len);
	/* First those of which all is known, then the others: a few of them will do. */
	for (size_t i = 0; i < 2 * COUNT; i++) {
		const char *folder = tried[i % COUNT];

		if (folder && try_folder(&view, folder, i >= COUNT, &p)) {
			*ret = p;
			return PS_OK;
		}
		if (folder && errno != ENOENT && errno != 0)
			why = errno;
	}
	ps_fail(err, PS_IO,
		"process %d has no temporary folder that a script could be put into (%s): tried "
		"%s%s/tmp, /var/tmp, /dev/shm, as it sees them",
		pid, why == EPERM ? "others may rename what is in it" : strerror(why),
		tried[0] ? tried[0] : "", tried[0] ? ", " : "");
	if (why == EPERM)
		ps_hint(err, "chmod +t one of them that is root's, or start the program with "
			     "TMPDIR set to a folder that only its user and root may write to");
	else
		ps_hint(err,
			"make one of them writable for %s, or start the program with TMPDIR set to "
			"a folder that is",
			p.uid == geteuid() ? "it"
					   : "its user or one of its groups, by the folder's mode");
	return PS_IO;
}

/* --- what --- */

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
