/* SPDX-License-Identifier: MIT */
/* profiler/parcel_folder.h - is that the folder that we have made?
 *
 * Between making a folder and opening it, and whenever it is looked for by its name again, whoever
 * owns the folder around it, or may mount in the target's namespace, can have put another one in
 * its place: somebody else's, which we would then fill, give away, or remove files from. */
#ifndef PROFILER_PARCEL_FOLDER_H
#define PROFILER_PARCEL_FOLDER_H

#include <stdbool.h>

/* Opens the folder of that name in parent, if it is one (no link) and lies in the same mount.
 * -1: not, with errno (EXDEV: another mount). */
int parcel_folder_open(int parent, const char *name);
/* Is it as mkdirat(…, 0700) leaves it: ours alone, and empty? */
bool parcel_folder_is_fresh(int folder);

#endif
