/* SPDX-License-Identifier: MIT */
/* profiler/stillness.h - at which places of the code a frame usually stands still.
 *
 * Generators' frames lie outside the data stack and are copied some hundred nanoseconds
 * after it; then the top of the data stack is copied once more. What stands on a frame
 * that is the same in both copies stood on it meanwhile - unless the frame had gone and
 * an equal one had come, as in a loop that takes less time than the copies do. At such a
 * place a frame is rarely still, and by chance only. So it is counted how often each
 * place was seen and how often it was still, and stillness is believed where it is usual.
 */
#ifndef PROFILER_STILLNESS_H
#define PROFILER_STILLNESS_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stdint.h>

struct stillness {
	struct still_place *v;
	uint32_t used;
	uint32_t seen, still; /* at all places */
};

enum ps_status stillness_init(struct stillness *s) PS_MUST_USE;
void stillness_deinit(struct stillness *s);
/* Code objects were replaced: nothing that was learnt holds. */
void stillness_clear(struct stillness *s);

/* A frame of that code (an index in the code cache) at that unit was, or was not, still:
 * notes it, and says whether it is to be believed that it stood still. */
bool stillness_judge(struct stillness *s, uint32_t code, uint32_t unit, bool still);
/* Is it usual there to be still, as far as is known? Notes nothing. */
bool stillness_is_usual(struct stillness *s, uint32_t code, uint32_t unit);
/* Do frames there stand still in fifteen of sixteen samples, so that hardly ever the one has gone and
 * an equal one has come? */
bool stillness_is_certain(const struct stillness *s, uint32_t code, uint32_t unit);

#endif
