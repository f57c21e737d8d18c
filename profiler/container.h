/* SPDX-License-Identifier: MIT */
/* profiler/container.h - which container a process is in, as its control group tells. Pure.
 *
 * There are no containers in the kernel, only what engines name: a group whose name has the
 * engine's pattern. One that is seen from within its own cgroup namespace has no name. */
#ifndef PROFILER_CONTAINER_H
#define PROFILER_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

enum { CONTAINER_ID_MAX = 65 };

struct container {
	const char *engine;        /* "docker", "podman", "kubernetes", ...; static */
	char id[CONTAINER_ID_MAX]; /* all of it, or a name; letters, digits, "-_." only */
};

/* The text of /proc/PID/cgroup. */
bool container_parse(const char *text, size_t len, struct container *ret);

/* "docker 3f2a91c04c1e": the engine and what it shows of an id. */
void container_describe(const struct container *c, char ret[static 64]);

#endif
