/* SPDX-License-Identifier: MIT */
#include "profiler/situation.h"

#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { PATH_ROOM = 512, FILE_ROOM = 8192, NAMESPACES_MAX = 33, ANCESTORS_MAX = 4096 };

/* --- files --- */

static void path_of(char ret[static PATH_ROOM], const char *root, const char *fmt, ...)
	PS_PRINTF(3, 4);

static void path_of(char ret[static PATH_ROOM], const char *root, const char *fmt, ...)
{
	int n = snprintf(ret, PATH_ROOM, "%s", root);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && n < PATH_ROOM)
		vsnprintf(ret + n, (size_t)(PATH_ROOM - n), fmt, ap);
	va_end(ap);
}

/* The beginning of a small file, terminated; false: not to be read. */
static bool read_text(const char *path, char *into, size_t room, size_t *ret_len)
{
	SCOPE_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, into, room - 1);

	if (n < 0)
		return false;
	into[n] = '\0';
	if (ret_len)
		*ret_len = (size_t)n;
	return true;
}

/* One line of text without its end, printable; empty if there is none. */
static void read_line(const char *path, char ret[static SITUATION_TEXT_MAX])
{
	if (!read_text(path, ret, SITUATION_TEXT_MAX, NULL))
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	proc_make_printable(ret);
}

static bool read_status(const char *root, const char *who, struct proc_status *ret)
{
	char path[PATH_ROOM], text[FILE_ROOM];
	size_t len;

	path_of(path, root, "/proc/%s/status", who);
	return read_text(path, text, sizeof text, &len) && proc_parse_status(text, len, ret);
}

static bool read_stat(const char *root, const char *who, struct proc_stat *ret)
{
	char path[PATH_ROOM], text[1024];
	size_t len;

	path_of(path, root, "/proc/%s/stat", who);
	return read_text(path, text, sizeof text, &len) && proc_parse_stat(text, len, ret);
}

static bool read_link(const char *path, char *ret, size_t room)
{
	ssize_t n = readlink(path, ret, room - 1);

	if (n < 0)
		return false;
	ret[n] = '\0';
	return true;
}

/* --- namespaces --- */

static enum relation compare_links(const char *root, const char *who, const char *ns)
{
	char path[PATH_ROOM], ours[64], theirs[64];

	path_of(path, root, "/proc/self/ns/%s", ns);
	if (!read_link(path, ours, sizeof ours))
		return RELATION_UNKNOWN;
	path_of(path, root, "/proc/%s/ns/%s", who, ns);
	if (!read_link(path, theirs, sizeof theirs))
		return RELATION_UNKNOWN;
	return strcmp(ours, theirs) == 0 ? RELATION_SAME : RELATION_OTHER;
}

/* The link to a user namespace needs permission, the map of its ids does not. Two maps that
 * differ belong to two namespaces; two that are equal say nothing. */
static enum relation compare_maps(const char *root, const char *who)
{
	char path[PATH_ROOM], ours[FILE_ROOM], theirs[FILE_ROOM];

	path_of(path, root, "/proc/self/uid_map");
	if (!read_text(path, ours, sizeof ours, NULL))
		return RELATION_UNKNOWN;
	path_of(path, root, "/proc/%s/uid_map", who);
	if (!read_text(path, theirs, sizeof theirs, NULL))
		return RELATION_UNKNOWN;
	return strcmp(ours, theirs) == 0 ? RELATION_UNKNOWN : RELATION_OTHER;
}

static void read_namespaces(const char *root, const char *who, struct situation *s)
{
	s->user_ns = compare_links(root, who, "user");
	if (s->user_ns == RELATION_UNKNOWN)
		s->user_ns = compare_maps(root, who);
	s->mount_ns = compare_links(root, who, "mnt");
	s->pid_ns = compare_links(root, who, "pid");
	/* /proc only shows processes of its own namespace and of those inside it. */
	if (s->target.pid_depth > s->self.pid_depth)
		s->pid_ns = RELATION_INSIDE;
}

/* Is the target's user namespace inside ours, and is it ours by having made it? As
 * cap_capable() of the kernel (security/commoncap.c): whoever made the namespace that is
 * next inside the caller's own has all capabilities in it. */
static void place_user_namespace(struct situation *s)
{
	char path[64];
	struct stat ours, at;
	uid_t owner = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/ns/user", s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Into one inside ours, the capability would let us look. */
	if (fd < 0 && s->self.cap_effective >> CAP_SYS_PTRACE & 1)
		s->user_ns = RELATION_OUTSIDE;
	if (fd < 0 || stat("/proc/self/ns/user", &ours)) {
		scope_close_(&fd);
		return;
	}
	for (int i = 0; i < NAMESPACES_MAX && fd >= 0; i++) {
		int parent = ioctl(fd, NS_GET_PARENT);

		if (parent < 0 && errno == EPERM)
			s->user_ns = RELATION_OUTSIDE;
		if (parent >= 0 && fstat(parent, &at) == 0 && at.st_ino == ours.st_ino &&
		    at.st_dev == ours.st_dev) {
			s->user_ns = RELATION_INSIDE;
			s->owns_user_ns =
				ioctl(fd, NS_GET_OWNER_UID, &owner) == 0 && owner == s->self.uid[1];
			close(parent);
			break;
		}
		close(fd);
		fd = parent;
	}
	scope_close_(&fd);
}

/* --- the rest --- */

/* Files of a process that is not dumpable belong to root (proc(5), "/proc/PID"): to that of
 * the user namespace that its program was started in. */
static enum answer read_dumpable(const char *root, const char *who, const struct situation *s)
{
	char path[PATH_ROOM];
	struct stat st;

	path_of(path, root, "/proc/%s/mem", who);
	if (stat(path, &st))
		return ANSWER_UNKNOWN;
	if (st.st_uid != s->target.uid[1])
		return ANSWER_NO;
	return s->target.uid[1] == 0 || s->user_ns == RELATION_OTHER ? ANSWER_UNKNOWN : ANSWER_YES;
}

static bool read_descent(const char *root, const struct situation *s)
{
	struct proc_status at = s->target;
	char who[16];

	for (int i = 0; i < ANCESTORS_MAX && at.ppid > 0; i++) {
		if (at.ppid == s->self.tgid)
			return true;
		snprintf(who, sizeof who, "%d", at.ppid);
		if (!read_status(root, who, &at))
			break;
	}
	return false;
}

static void read_modules(const char *root, const char *who, struct situation *s)
{
	char path[PATH_ROOM], line[SITUATION_TEXT_MAX];

	path_of(path, root, "/sys/kernel/security/lsm");
	read_line(path, s->modules);
	/* "active value, value to come" */
	path_of(path, root, "/sys/fs/selinux/booleans/deny_ptrace");
	read_line(path, line);
	s->selinux_denies = line[0] == '1';
	path_of(path, root, "/sys/module/apparmor/parameters/enabled");
	read_line(path, line);
	if (line[0] != 'Y')
		return;
	path_of(path, root, "/proc/self/attr/current");
	read_line(path, s->own_profile);
	path_of(path, root, "/proc/%s/attr/current", who);
	read_line(path, s->profile);
}

static int read_yama(const char *root)
{
	char path[PATH_ROOM], line[SITUATION_TEXT_MAX];

	path_of(path, root, "/proc/sys/kernel/yama/ptrace_scope");
	read_line(path, line);
	return line[0] >= '0' && line[0] <= '9' ? line[0] - '0' : NO_YAMA;
}

void situation_read(const char *root, int pid, struct situation *ret)
{
	struct situation s = { .pid = pid,
			       .open_error = NOT_TRIED,
			       .open_rw_error = NOT_TRIED,
			       .read_error = NOT_TRIED,
			       .own_read_error = NOT_TRIED,
			       .own_write_error = NOT_TRIED,
			       .ptrace_error = NOT_TRIED };
	char path[PATH_ROOM], who[16], self[64];

	snprintf(who, sizeof who, "%d", pid);
	path_of(path, root, "/proc/self");
	s.own_proc = read_link(path, self, sizeof self) && atoi(self) == getpid() &&
		     read_status(root, "self", &s.self);
	s.yama_scope = read_yama(root);
	s.seen = read_stat(root, who, &s.stat) && read_status(root, who, &s.target);
	s.exists = s.seen;
	if (s.seen) {
		read_namespaces(root, who, &s);
		s.dumpable = read_dumpable(root, who, &s);
		s.descends = read_descent(root, &s);
		path_of(path, root, "/proc/%s/root", who);
		if (!read_link(path, s.root, sizeof s.root))
			s.root[0] = '\0';
		proc_make_printable(s.root);
	}
	read_modules(root, who, &s);
	*ret = s;
}

/* --- asking --- */

struct opening {
	int pid, flags, error;
};

/* A thread that has ended has no memory: any other's will do. */
static bool open_memory(int tid, void *ctx)
{
	struct opening *o = ctx;
	char path[64];
	SCOPE_CLOSE int fd = -1;

	snprintf(path, sizeof path, "/proc/%d/task/%d/mem", o->pid, tid);
	fd = open(path, o->flags | O_CLOEXEC);
	o->error = fd < 0 ? errno : 0;
	return fd < 0 && o->error != EACCES && o->error != EPERM;
}

static int try_open(int pid, int flags)
{
	struct opening o = { pid, flags, ESRCH };

	/* Before this no thread was asked; a folder that is refused is an answer, too. */
	if (proc_each_thread(pid, open_memory, &o) == PS_DENIED)
		return EACCES;
	return o.error;
}

static int error_of(long result)
{
	return result < 0 ? errno : 0;
}

void situation_try(struct situation *s)
{
	char a = 1, b = 2;
	struct iovec here = { &a, 1 }, there = { &b, 1 }, low = { (void *)4096, 1 };

	if (!s->seen)
		s->exists = kill(s->pid, 0) == 0 || errno == EPERM;
	else if (s->user_ns == RELATION_OTHER)
		place_user_namespace(s);
	s->open_error = try_open(s->pid, O_RDONLY);
	s->open_rw_error = try_open(s->pid, O_RDWR);
	s->read_error = error_of(process_vm_readv(s->pid, &here, 1, &low, 1, 0));
	s->own_read_error = error_of(process_vm_readv(getpid(), &here, 1, &there, 1, 0));
	s->own_write_error = error_of(process_vm_writev(getpid(), &here, 1, &there, 1, 0));
	/* No process has this id (PID_MAX_LIMIT is 2^22), so nobody is traced. */
	s->ptrace_error = error_of(ptrace(PTRACE_SEIZE, INT_MAX, NULL, NULL));
}

bool situation_privileged(const struct situation *s, unsigned capability)
{
	bool held = s->self.cap_effective >> capability & 1;

	switch (s->user_ns) {
	case RELATION_INSIDE:
		return held || s->owns_user_ns;
	case RELATION_SAME:
	case RELATION_UNKNOWN: /* who holds it could have looked whose it is */
		return held;
	default:
		return false;
	}
}
