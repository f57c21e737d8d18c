/* SPDX-License-Identifier: MIT */
/* profiler/scope.h - resources that end with their scope. */
#ifndef PROFILER_SCOPE_H
#define PROFILER_SCOPE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void scope_free_(void *p)
{
	free(*(void **)p);
}

static inline void scope_close_(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void scope_closedir_(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define SCOPE_FREE     __attribute__((cleanup(scope_free_)))
#define SCOPE_CLOSE    __attribute__((cleanup(scope_close_)))
#define SCOPE_CLOSEDIR __attribute__((cleanup(scope_closedir_)))

#endif
