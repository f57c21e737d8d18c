/* SPDX-License-Identifier: MIT */
#include "profiler/parcel_folder.h"

#include "profiler/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As fdinfo has it (proc(5)): unlike openat2's RESOLVE_NO_XDEV, that is there in every kernel and
 * under every filter. */
static bool mount_of(int fd, int *ret)
{
	char path[64], text[256];
	SCOPE_CLOSE int info = -1;
	const char *at;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	n = info < 0 ? -1 : read(info, text, sizeof text - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	at = strstr(text, "mnt_id:");
	return at && sscanf(at, "mnt_id: %d", ret) == 1;
}

int parcel_folder_open(int parent, const char *name)
{
	int fd = openat(parent, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	int around, there;

	if (fd >= 0 && (!mount_of(parent, &around) || !mount_of(fd, &there) || around != there)) {
		close(fd);
		fd = -1;
		errno = EXDEV;
	}
	return fd;
}

static bool is_empty(int folder)
{
	int copy = openat(folder, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	while ((e = readdir(dir)) && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0))
		;
	closedir(dir);
	return !e;
}

bool parcel_folder_is_fresh(int folder)
{
	struct stat st;

	return fstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 077) == 0 && is_empty(folder);
}
