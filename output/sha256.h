/* SPDX-License-Identifier: MIT */
/* output/sha256.h - SHA-256 (FIPS 180-4), for the page to name the one script that it runs. */
#ifndef OUTPUT_SHA256_H
#define OUTPUT_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BASE64 = 45 };

struct sha256 {
	uint32_t state[8];
	uint64_t len;
	unsigned char block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t n);
void sha256_finish(struct sha256 *s, unsigned char ret[SHA256_BYTES]);

/* In base64, with its terminating NUL. */
void sha256_base64(const unsigned char digest[SHA256_BYTES], char ret[SHA256_BASE64]);

#endif
