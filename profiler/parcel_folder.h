/* SPDX-License-Identifier: MIT */
/* profiler/parcel_folder.h - is that the folder that we have made?
 *
 * Between making a folder and opening it, and whenever it is looked for by its name again, whoever
 * owns the folder around it, or may mount in the target's namespace, can have put another one in
 * its place: somebody else's, which we would then fill, give away, or remove files from. */
#ifndef PROFILER_PARCEL_FOLDER_H
#define PROFILER_PARCEL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Can parcel_folder_open() tell of a folder in parent that it lies in the same mount? Not: errno. */
bool parcel_folder_can_be_told(int parent);
/* Opens the folder of that name in parent, if it is one (no link) and lies in the same mount.
 * -1: not, with errno (EXDEV: another mount). */
int parcel_folder_open(int parent, const char *name);
/* Is it as mkdirat(…, 0700) leaves it: ours alone, and empty? Not: errno says what has failed, 0:
 * nothing has, it is another. */
bool parcel_folder_is_fresh(int folder);
/* Can only those users rename what lies in it, and that itself, up to root (a descriptor of a
 * folder that it lies in)? Not, if that cannot be told. */
bool parcel_folder_is_kept(int folder, int root, const uint32_t *uids, size_t n);
/* Is it of a file system where one that we make may not come out like that: without owners or
 * modes, with others than ours, or with files of its own? */
bool parcel_folder_is_doubtful(int folder);

#endif
