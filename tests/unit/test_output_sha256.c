/* SPDX-License-Identifier: MIT */
#include "output/sha256.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_base64(const void *bytes, size_t n, const char *expected)
{
	unsigned char digest[SHA256_BYTES];
	char got[SHA256_BASE64];
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, bytes, n / 2);
	sha256_add(&s, (const char *)bytes + n / 2, n - n / 2);
	sha256_finish(&s, digest);
	sha256_base64(digest, got);
	cr_expect_str_eq(got, expected, "of %zu bytes: %s", n, got);
}

/* Expected by Python's hashlib; the lengths are around the padding's edges. */
Test(sha256, is_that_of_others)
{
	char a[1000];

	memset(a, 'a', sizeof a);
	expect_base64(a, 0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
	expect_base64(a, 1, "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=");
	expect_base64(a, 55, "n0OQ+NMMLdkuyfCVtl4rmumwqSWlJY4kHJ8ekQ9zQxg=");
	expect_base64(a, 56, "s1Q5pKxvCUi21vnjxq8PX1kM4g8b3nCQ73lwaG7Gc4o=");
	expect_base64(a, 63, "fT50oF19sVvOStnsBljqmOPwbu7PFrTG//LaRX3cLzQ=");
	expect_base64(a, 64, "/+BU/nrgy23GXDr5th1SCfQ5hR20PQulmXM33xVGaOs=");
	expect_base64(a, 65, "Y1NhxIu56rFBmOduqKt/GkFoXWrWKqkUbTAdTxfrCuA=");
	expect_base64(a, 119, "MeulHDE6XAgiat8Y1KNZz9/Y0ugWsT9K+VL36mWE3Ps=");
	expect_base64(a, 120, "Lz0zVDLHC1gK8Ojhs2dKfAINaDql9zqq7f3FWvkEwhw=");
	expect_base64(a, 1000, "Qe3s5C1j6Nm/UVqbppMuHCDLyfWl0TRkWttdsblzfqM=");
}
