/* SPDX-License-Identifier: MIT */
/* profiler/code_read.h - one code object of the target, read. For code.c alone. */
#ifndef PROFILER_CODE_READ_H
#define PROFILER_CODE_READ_H

#include "profiler/code.h"
#include "profiler/unicode.h"

enum {
	CODE_VERIFY_BATCH = 128,
	CODE_CONTENT_MAX = 96, /* bytes of each that the fingerprint covers */
};

struct code_scratch {
	char name[UNICODE_UTF8_MAX], file[UNICODE_UTF8_MAX];
	unsigned char headers[CODE_VERIFY_BATCH][512];
	unsigned char contents[CODE_VERIFY_BATCH][CODE_CONTENTS][CODE_CONTENT_MAX];
	struct iovec local[CODE_VERIFY_BATCH * (1 + CODE_CONTENTS)];
	struct iovec remote[CODE_VERIFY_BATCH * (1 + CODE_CONTENTS)];
};
_Static_assert(CODE_VERIFY_BATCH *(1 + CODE_CONTENTS) <= 1024, "a batch is one call");

/* Into *ret, which is zeroed; on failure it is to be dropped. PS_TORN: there is no code object, or
 * it was not the same before and after. */
enum ps_status code_read(struct code_cache *c, raddr at, struct code *ret) PS_MUST_USE;
/* Gives back what it has of the cache's memory. */
void code_drop(struct code_cache *c, struct code *code);

/* What tells a code object from another one at its address. */
uint64_t code_fingerprint(const struct layout *l, const void *header, const struct code *code,
			  unsigned char contents[CODE_CONTENTS][CODE_CONTENT_MAX]);

/* Notes a PS_LIMIT, and passes all through. */
enum ps_status code_note_full(struct code_cache *c, enum ps_status st) PS_MUST_USE;
enum ps_status code_resize(struct code_cache *c, void **at, size_t old_bytes,
			   size_t new_bytes) PS_MUST_USE;

#endif
