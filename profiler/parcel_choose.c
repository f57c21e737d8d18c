/* SPDX-License-Identifier: MIT */
/* Where a parcel goes. */
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
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

enum { ENVIRONMENT_MAX = 1 << 20, STATUS_MAX = 1 << 20 };
enum { FOLDER_MAX = PARCEL_PATH_MAX - PARCEL_NAME_MAX - 8 };

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

static enum ps_status no_folder(const struct parcel *p, int pid, const char *own, int why,
				struct ps_err *err)
{
	ps_fail(err, PS_IO,
		"process %d has no temporary folder that a script could be put into (%s): tried "
		"%s%s/tmp, /var/tmp, /dev/shm, as it sees them",
		pid, why == EPERM ? "others may rename what is in it" : strerror(why),
		own ? own : "", own ? ", " : "");
	if (why == EPERM)
		ps_hint(err, "chmod +t one of them that is root's, or start the program with "
			     "TMPDIR set to a folder that only its user and root may write to");
	else
		ps_hint(err,
			"make one of them writable for %s, or start the program with TMPDIR set to "
			"a folder that is",
			p->uid == geteuid()
				? "it"
				: "its user or one of its groups, by the folder's mode");
	return PS_IO;
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
	return no_folder(&p, pid, tried[0], why, err);
}
