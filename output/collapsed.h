/* SPDX-License-Identifier: MIT */
/* output/collapsed.h - one line of text for each stack, for other programs to read.
 *
 *   NAME (FILE:LINE);NAME (FILE:LINE);... COUNT
 *
 * Root first, no header, each stack once. LINE is the one being executed, or the
 * function's first if the view merges lines; it is left out with its colon if unknown.
 * FILE is as in the profile, and left out with its brackets if empty or if the frame
 * only stands for others that were left out. If the view tells threads apart, the first
 * frame is "thread (TID): NAME", or "thread (TID)" for a thread without a name.
 *
 * So that a line stays one line, with ";" between frames and nothing else, in names
 *   ";" becomes ":"
 *   control characters, newlines included, U+0085, U+2028 and U+2029 become a blank
 *   what is no valid UTF-8 becomes U+FFFD
 * and an empty name becomes "?". The count is what follows the line's last blank.
 */
#ifndef OUTPUT_COLLAPSED_H
#define OUTPUT_COLLAPSED_H

#include "output/writer.h"

extern const struct writer collapsed_writer;

#endif
