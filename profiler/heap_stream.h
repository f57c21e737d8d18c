/* SPDX-License-Identifier: MIT */
/* profiler/heap_stream.h - where a heap dump that comes in pieces ends.
 *
 * The end of the pipe is no sign: a child that the target forked in the wrong moment has it
 * open, too, and may live for ever. So the heads of chunks (docs/heap-format.md) are followed
 * up to the one that is the last. What is in the chunks is not looked at.
 */
#ifndef PROFILER_HEAP_STREAM_H
#define PROFILER_HEAP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_stream {
	unsigned char head[16]; /* as much of it as has come */
	unsigned have;
	uint64_t left;       /* bytes of the chunk that are to come */
	bool begun;          /* the file's head has come */
	bool last;           /* this chunk is */
	bool complete, torn; /* the last one has come whole; what came is no dump */
};

/* Takes up to n bytes; how many of them are of the dump. Fewer: it is complete, or torn. */
size_t heap_stream_take(struct heap_stream *s, const void *bytes, size_t n);

#endif
