/* SPDX-License-Identifier: MIT */
/* profiler/capture.h - the bytes of one sample: copied by few calls, then looked at.
 *
 * A system call costs as much as copying some kilobytes, so a thread's sample is one
 * vectored read: its thread state, the frames outside the data stack that it had lately,
 * and the live part of its data stack. Many threads share a call.
 */
#ifndef PROFILER_CAPTURE_H
#define PROFILER_CAPTURE_H

#include "profiler/target.h"
#include "profiler/thread.h"

struct region {
	raddr at;
	uint32_t len;    /* that came; less than asked: the rest could not be read */
	uint32_t asked;  /* the part from its start that was asked for ... */
	uint32_t size;   /* ... of so many bytes that there are */
	uint32_t before; /* so many bytes lie readable before these, too: foreign frames only */
	const unsigned char *bytes;
};

enum { REGIONS_MAX = 512 };

struct capture {
	const unsigned char *state; /* of the thread; NULL: not readable */
	/* current_frame as it was before the data stack was copied, of a thread that is looked at
	 * first (then nothing above that frame was copied), or, after a pause, in which all is called
	 * by bytecode; 3.14+ with a GIL. Else 0. */
	raddr began;
	/* Copied right after the data stack and the thread state, in whichever order; generators a
	 * second time a little later (others are empty there). */
	struct region foreign[FOREIGN_MAX], foreign_again[FOREIGN_MAX];
	unsigned nforeign, nforeign_again;
	struct region data[REGIONS_MAX]; /* the oldest chunk first */
	unsigned ndata;
	/* Parts of the data stack once more after the first copy of the foreign frames: what is
	 * the same in both was so while the foreign frames were copied. */
	struct region again[HINGES_MAX];
	unsigned nagain;
	bool slow;    /* the call took so long that "was so" does not follow */
	unsigned gap; /* data[gap] is not the chunk after data[gap - 1]; 0: there is no gap */
};

struct capture_batch;

enum ps_status capture_create(struct target *t, const struct layout *l,
			      struct capture_batch **ret) PS_MUST_USE;
void capture_destroy(struct capture_batch *b);
/* The layout may change with an exec. */
void capture_set_layout(struct capture_batch *b, const struct layout *l);

/* Empties the batch: what capture_get() gave before is void. paused: so long after the read before
 * that the target has fetched back what it has been writing to since. */
void capture_reset(struct capture_batch *b, bool paused);
/* Adds eight-byte-aligned memory beside threads (len a multiple of 8), to be copied before those
 * that are added behind it, or after all of them; its bytes are at capture_extra() after the read.
 * False: the batch is full.
 * What the target writes to it has to fetch back when it has been read, and stands still for that:
 * with what is counted at each allocation read before the threads, a tenth to a fifth of the samples
 * had another stack (classes 15 % from the truth for 5, generators 33 for 14; Intel Xeon, 3.15). */
bool capture_add_extra(struct capture_batch *b, raddr at, uint32_t len, bool after);
/* Adds a thread by its plan, which must not change before capture_get(); false: the batch
 * is full, read it and reset first. A thread always fits an empty batch. */
bool capture_add(struct capture_batch *b, const struct thread *t);
/* A page is copied in one moment, or nearly, but the data stack of this thread takes several. So
 * what is current is read before all else: it tells of which moment the sample is to be (see
 * unwind_moment.c), and what there is to copy. 3.14+, and not where generators are about. */
bool capture_looks_first(const struct capture_batch *b, const struct thread *t);

/* One call, and another before it for threads that are looked at first; or a few where something
 * could not be read. What could not is not an error: its region is empty. PS_GONE, PS_DENIED. */
enum ps_status capture_read(struct capture_batch *b) PS_MUST_USE;
/* The i-th extra's bytes, NULL if not readable. */
const unsigned char *capture_extra(const struct capture_batch *b, unsigned i);
/* What was read for the i-th thread that was added. */
void capture_get(const struct capture_batch *b, unsigned i, struct capture *ret);
unsigned capture_nthreads(const struct capture_batch *b);

#endif
