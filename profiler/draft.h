/* SPDX-License-Identifier: MIT */
/* profiler/draft.h - a file that is being written.
 *
 * It has no name until it is whole, where the file system has such files: then nothing is left
 * of it, however we end. Elsewhere (NFS, overlayfs before Linux 6.3) it has one from the
 * beginning, beside that which it is to get.
 */
#ifndef PROFILER_DRAFT_H
#define PROFILER_DRAFT_H

#include "profiler/error.h"

#include <stdbool.h>

struct draft {
	int fd;     /* to read as well; its mode is 0600 */
	char *name; /* NULL: none */
};

/* To become the file of that path. PS_IO: the message is why, and no more. */
enum ps_status draft_open(const char *path, struct draft *ret, struct ps_err *err) PS_MUST_USE;
/* On the disk, as far as a lack of room goes, which some file systems tell only then. */
enum ps_status draft_sync(const struct draft *d, struct ps_err *err) PS_MUST_USE;
/* Its final name, if that is nobody's; false: it has no name, or has one beside that. */
bool draft_link(const struct draft *d, const char *path) PS_MUST_USE;
/* A name beside the path, by which it can be renamed. d->fd may become another. */
enum ps_status draft_name(struct draft *d, const char *path, struct ps_err *err) PS_MUST_USE;
/* Leaves it where it is; removes it. */
void draft_close(struct draft *d);
void draft_drop(struct draft *d);

/* In the folder of that path, a file that is never to have a name; -1: see errno. */
int draft_open_nameless(const char *path);
/* That folder, malloc'd; NULL if memory runs out. */
char *draft_folder(const char *path);

#endif
