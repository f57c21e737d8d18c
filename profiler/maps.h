/* SPDX-License-Identifier: MIT */
/* profiler/maps.h - the text of /proc/PID/maps as rows. Pure. */
#ifndef PROFILER_MAPS_H
#define PROFILER_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
	uint64_t start, end;
	uint64_t offset; /* of start in the file */
	uint32_t dev_major, dev_minor;
	uint64_t inode; /* 0: not of a file */
	bool readable, writable, executable;
	const char *path; /* borrowed from the text, not terminated; as the kernel writes it: */
	size_t path_len;  /* newline as \012, and " (deleted)" after an unlinked file's */
};

/* The first row at or after *pos, which moves behind it; false at the end. Lines that
 * are no row are passed over. Start with *pos = 0. */
bool maps_next(const char *text, size_t len, size_t *pos, struct map *ret);

/* The part of the path behind the last slash, without " (deleted)". */
void map_basename(const struct map *m, const char **ret, size_t *ret_len);

#endif
