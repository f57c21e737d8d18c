/* SPDX-License-Identifier: MIT */
#include "profiler/parcel_folder.h"

#include "profiler/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Unlike openat2's RESOLVE_NO_XDEV, one of the two is there in every kernel and under every filter:
 * statx(2) says it from 5.8 on; fdinfo (proc(5)) always has, but is root's before 5.14 if this
 * program has capabilities of its own. false: errno. */
static bool mount_of(int fd, uint64_t *ret)
{
	char path[64], text[256];
	SCOPE_CLOSE int info = -1;
	const char *at;
	ssize_t n;

#ifdef STATX_MNT_ID
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) == 0 && st.stx_mask & STATX_MNT_ID) {
		*ret = st.stx_mnt_id;
		return true;
	}
#endif
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	n = info < 0 ? -1 : read(info, text, sizeof text - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	at = strstr(text, "mnt_id:");
	errno = ENOSYS;
	return at && sscanf(at, "mnt_id: %" SCNu64, ret) == 1;
}

bool parcel_folder_can_be_told(int parent)
{
	uint64_t mount;

	return mount_of(parent, &mount);
}

int parcel_folder_open(int parent, const char *name)
{
	int fd = openat(parent, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC), why;
	uint64_t around, there;

	if (fd < 0)
		return -1;
	errno = EXDEV;
	if (mount_of(parent, &around) && mount_of(fd, &there)) {
		if (around == there)
			return fd;
		errno = EXDEV;
	}
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

/* Not: errno, 0 for "it has something in it". */
static bool is_empty(int folder)
{
	int copy = openat(folder, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (!dir) {
		int why = errno;

		if (copy >= 0)
			close(copy);
		errno = why;
		return false;
	}
	while ((e = readdir(dir)) && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0))
		;
	closedir(dir);
	errno = 0;
	return !e;
}

bool parcel_folder_is_fresh(int folder)
{
	struct stat st;

	if (fstat(folder, &st))
		return false;
	errno = 0;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
	       is_empty(folder);
}

static bool is_one_of(uint32_t uid, const uint32_t *uids, size_t n)
{
	while (n && uids[n - 1] != uid)
		n--;
	return n != 0;
}

/* With the sticky bit, who may write to a folder may rename only what is his own. (An access
 * control list that allows somebody to write shows in the group's bits.) */
static bool is_kept_by(const struct stat *folder, const uint32_t *uids, size_t n)
{
	return is_one_of(folder->st_uid, uids, n) &&
	       (!(folder->st_mode & 022) || folder->st_mode & S_ISVTX);
}

bool parcel_folder_is_kept(int folder, int root, const uint32_t *uids, size_t n)
{
	enum { DEPTH_MAX = PATH_MAX / 2 };
	struct stat top, here;
	int at = openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool is_top = false;

	if (fstat(root, &top))
		top = (struct stat){ 0 };
	for (unsigned depth = 0; at >= 0 && depth < DEPTH_MAX; depth++) {
		int up;

		if (fstat(at, &here) || !is_kept_by(&here, uids, n))
			break;
		is_top = here.st_dev == top.st_dev && here.st_ino == top.st_ino;
		if (is_top)
			break;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = up;
	}
	if (at >= 0)
		close(at);
	return is_top;
}

bool parcel_folder_is_doubtful(int folder)
{
	static const uint32_t doubtful[] = {
		/* statfs(2), and linux/magic.h, whose older versions lack some */
		0x4d44,     0x2011bab0,                         /* vfat, exfat */
		0x01021997, 0x517b,     0xfe534d42, 0xff534d42, /* 9p, smb, smb2, cifs */
		0x27e0eb,   0x63677270,                         /* cgroup, cgroup2 */
	};
	const uint32_t nfs = 0x6969;
	struct statfs fs;

	if (fstatfs(folder, &fs))
		return false;
	for (size_t i = 0; i < sizeof doubtful / sizeof *doubtful; i++) {
		if ((uint32_t)fs.f_type == doubtful[i])
			return true;
	}
	return (uint32_t)fs.f_type == nfs && geteuid() == 0; /* root is nobody there, most often */
}
