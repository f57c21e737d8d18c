/* SPDX-License-Identifier: MIT */
/* tests/fuzz/frames.h - a target's memory as a fuzzer's input.
 *
 *   byte     table_id
 *   byte     the read that fails; 0: none
 *   u32 x 3  addresses: thread state, interpreter, runtime
 *   records  u16 words to pass over, u16 words that follow, the words
 *
 * Memory begins at FAKE_BASE with zeros. A record that passes over FRAMES_LATER words
 * begins what the memory is at the second sample, again from FAKE_BASE on. */
#ifndef TESTS_FUZZ_FRAMES_H
#define TESTS_FUZZ_FRAMES_H

enum { FRAMES_HEADER = 14, FRAMES_LATER = 0xffff, FRAMES_BYTES_MAX = 256 << 10 };

#endif
