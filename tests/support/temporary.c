/* SPDX-License-Identifier: MIT */
#include "tests/support/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void name_it(char path[static TEMPORARY_PATH], unsigned n)
{
	snprintf(path, TEMPORARY_PATH, "/tmp/pysample-unit-%d-%u", (int)getpid(), n);
}

void temporary_folder(char ret_path[static TEMPORARY_PATH])
{
	for (unsigned n = 0;; n++) {
		name_it(ret_path, n);
		if (mkdir(ret_path, 0700) == 0)
			return;
		if (errno != EEXIST)
			abort();
	}
}

int temporary_file(char ret_path[static TEMPORARY_PATH])
{
	for (unsigned n = 0;; n++) {
		int fd;

		name_it(ret_path, n);
		fd = open(ret_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			abort();
	}
}
