/* SPDX-License-Identifier: MIT */
/* profiler/heap_stream.h - where a heap dump that comes in pieces ends.
 *
 * The end of the pipe is no sign: a child that the target forked in the wrong moment has it
 * open, too, and may live for ever. So the heads of chunks (docs/heap-format.md) are followed
 * up to the one that is the last. What is in the chunks is not looked at. A PyPy's dump stands
 * behind what RPython knows (heap_rpy.h), which is followed in the same way.
 */
#ifndef PROFILER_HEAP_STREAM_H
#define PROFILER_HEAP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What comes next. */
enum heap_stream_part {
	HEAP_STREAM_FILE,  /* the head of a file */
	HEAP_STREAM_NAMES, /* RPython: how long the names of its types are, and behind them ... */
	HEAP_STREAM_OWN,   /* ... how many ids of our own objects come, ... */
	HEAP_STREAM_WORDS, /* ... and objects in words, up to one that cannot be one of them */
	HEAP_STREAM_CHUNK,
};

struct heap_stream {
	enum heap_stream_part part;
	unsigned char head[16]; /* as much of it as has come */
	unsigned have;
	uint64_t left;       /* bytes before it that are to come */
	bool rpy;            /* RPython has told first */
	bool last;           /* this chunk is */
	bool complete, torn; /* the last one has come whole; what came is no dump */
};

/* Takes up to n bytes; how many of them are of the dump. Fewer: it is complete, or torn. */
size_t heap_stream_take(struct heap_stream *s, const void *bytes, size_t n);

#endif
