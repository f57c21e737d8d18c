/* SPDX-License-Identifier: MIT */
/* profiler/user.h - names of users, as this machine knows them. */
#ifndef PROFILER_USER_H
#define PROFILER_USER_H

#include <stdint.h>

enum { USER_NAME_MAX = 33 };

/* Printable; the number where there is no name. */
void user_name(uint32_t uid, char ret[static USER_NAME_MAX]);

#endif
