/* SPDX-License-Identifier: MIT */
#include "profiler/reuse.h"

enum { ATTEMPTS = 8 }; /* for each, the frames that are left are asked for once more */

static uint32_t older(const struct code_cache *codes, const uint32_t *code, uint32_t n,
		      uint32_t reads)
{
	uint32_t i = 0;

	while (i < n && codes->codes[code[i]].read <= reads)
		i++;
	return i;
}

enum ps_status reuse_certain(struct code_cache *codes, const uint32_t *code, uint32_t n,
			     uint32_t reads, uint32_t *ret)
{
	*ret = 0;
	n = older(codes, code, n, reads);
	for (int attempt = 0; attempt < ATTEMPTS && n; attempt++) {
		bool changed;
		enum ps_status st = code_verify(codes, code, n, &changed);
		uint32_t left = older(codes, code, n, reads);

		if (st == PS_NOMEM || st == PS_GONE || st == PS_DENIED || st == PS_LIMIT)
			return st;
		if (!st && left == n) {
			*ret = n;
			return PS_OK;
		}
		/* One that cannot be read does not say which it is; most likely the last. */
		n = left < n ? left : n - 1;
	}
	return PS_OK;
}
