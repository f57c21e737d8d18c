/* SPDX-License-Identifier: MIT */
/* profiler/inject_text.h - the text of the script that a target is given. */
#ifndef PROFILER_INJECT_TEXT_H
#define PROFILER_INJECT_TEXT_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct inject_text {
	int inner_pid;      /* of the target, as it sees itself */
	const char *folder; /* of the parcel, as the target sees it */
	const char *source; /* of what the user wants to run */
	size_t len;
	const char *name; /* what that is called */
	char **args;      /* ends with NULL; NULL: none */
	bool detach, stream;
	bool pypy; /* the target is */
};

/* PS_NOMEM. *ret is to be freed. */
enum ps_status inject_text_make(const struct inject_text *t, char **ret, size_t *ret_len,
				struct ps_err *err) PS_MUST_USE;

/* Any bytes as a literal of Python, in ASCII alone. */
void inject_text_put_bytes(FILE *out, const char *bytes, size_t len);

#endif
