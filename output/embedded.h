/* SPDX-License-Identifier: MIT */
/* output/embedded.h - files of this folder that the build made byte arrays of
 * (cmake/Embed.cmake). Each ends with a NUL that its length does not count. */
#ifndef OUTPUT_EMBEDDED_H
#define OUTPUT_EMBEDDED_H

#include <stddef.h>

extern const unsigned char embedded_flamegraph_html[];
extern const size_t embedded_flamegraph_html_len;
extern const unsigned char embedded_flamegraph_css[];
extern const size_t embedded_flamegraph_css_len;
extern const unsigned char embedded_flamegraph_model_js[];
extern const size_t embedded_flamegraph_model_js_len;
extern const unsigned char embedded_flamegraph_paint_js[];
extern const size_t embedded_flamegraph_paint_js_len;
extern const unsigned char embedded_flamegraph_js[];
extern const size_t embedded_flamegraph_js_len;

#endif
