/* SPDX-License-Identifier: MIT */
#include "profiler/debug_other.h"

#include "profiler/proc.h"
#include "profiler/scope.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A warden's arguments are those of the pysample that it comes from: debug, and the process. Where
 * its parent has others, that one is not there any more. */
static bool is_about(int warden, int pid)
{
	enum { ARGUMENTS_MAX = 4096 };
	SCOPE_FREE char *text = NULL;
	char digits[16];
	size_t len;

	if (proc_read_file(warden, "cmdline", ARGUMENTS_MAX, &text, &len, NULL))
		return false;
	snprintf(digits, sizeof digits, "%d", pid);
	for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
		if (strcmp(text + at, digits) == 0)
			return true;
	}
	return false;
}

static bool is_ours(const struct proc_status *status)
{
	return status->uid[1] == 0 || status->uid[1] == geteuid();
}

bool debug_find_other(int pid, int *ret)
{
	SCOPE_CLOSEDIR DIR *all = opendir("/proc");
	const struct dirent *e;

	while (all && (e = readdir(all))) {
		int warden = atoi(e->d_name);
		struct proc_status status;
		char name[32];

		if (warden <= 0)
			continue;
		proc_comm(warden, warden, name);
		if (strcmp(name, DEBUG_WARDEN_NAME) == 0 && is_about(warden, pid) &&
		    proc_read_status(warden, warden, &status) == PS_OK && is_ours(&status)) {
			*ret = status.ppid > 0 ? status.ppid : warden;
			if (!is_about(*ret, pid))
				*ret = 0;
			return true;
		}
	}
	return false;
}
