/* SPDX-License-Identifier: MIT */
/* output/flamegraph.h - one HTML file that needs nothing else, to look at in a browser. */
#ifndef OUTPUT_FLAMEGRAPH_H
#define OUTPUT_FLAMEGRAPH_H

#include "output/writer.h"

extern const struct writer flamegraph_writer;

#endif
