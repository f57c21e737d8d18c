/* SPDX-License-Identifier: MIT */
/* profiler/place.h - where a file is to lie.
 *
 * Written without a name, and given one when it is whole (where a file system cannot do that:
 * beside its final name, and renamed), so that there is the old file, the new one or none, never
 * half of one. Into standard output, pipes and devices is written as they are. A place is tested
 * when it is opened, so that the work for it is not done in vain.
 */
#ifndef PROFILER_PLACE_H
#define PROFILER_PLACE_H

#include "profiler/error.h"

#include <stdbool.h>

struct place {
	char *path;  /* final name, symbolic links followed; "-" is standard output */
	bool direct; /* standard output, a pipe or a device: written as it is */
};

/* Writes all of a file and closes fd, on failure too. */
typedef enum ps_status place_fn(int fd, void *ctx, struct ps_err *err);

/* The name that a pattern stands for: %p is pid, %t the time, %n the program, %% a percent
 * sign. malloc'd; NULL if memory runs out. */
char *place_name(const char *pattern, int pid, const char *program);

/* PS_IO, with the reason, if nothing can be written there. */
enum ps_status place_open(const char *path, struct place *ret, struct ps_err *err) PS_MUST_USE;
void place_close(struct place *p);

/* A regular file that is replaced gives its mode to the new one, and its owner where the
 * kernel allows it. */
enum ps_status place_write(const struct place *p, place_fn *write, void *ctx,
			   struct ps_err *err) PS_MUST_USE;
/* Where that has become impossible: into the temporary folder instead, under the same name
 * (or `name`, if the place has none), or one like it: no file is ever overwritten. True:
 * p->path says where. */
bool place_rescue(struct place *p, const char *name, place_fn *write, void *ctx) PS_MUST_USE;

/* What to call it in words: its path, or "standard output". */
const char *place_words(const struct place *p);

#endif
