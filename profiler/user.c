/* SPDX-License-Identifier: MIT */
#include "profiler/user.h"

#include "profiler/proc.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

enum { ENTRY_ROOM = 16 << 10 };

void user_name(uint32_t uid, char ret[static USER_NAME_MAX])
{
	char room[ENTRY_ROOM];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(uid, &entry, room, sizeof room, &found) == 0 && found && *found->pw_name) {
		snprintf(ret, USER_NAME_MAX, "%s", found->pw_name);
		proc_make_printable(ret);
	} else {
		snprintf(ret, USER_NAME_MAX, "%" PRIu32, uid);
	}
}
