/* SPDX-License-Identifier: MIT */
/* tests/support/image.h - the memory of a CPython that never was: made from a layout.
 *
 * runtime, interpreters, threads, data stack, frames, code objects, strings, dicts. Each
 * lies in a fake target where and as the layout says, so that what walks them can be
 * tested for every version, free-threaded ones included. Functions abort when memory
 * runs out; they never fail. */
#ifndef TESTS_SUPPORT_IMAGE_H
#define TESTS_SUPPORT_IMAGE_H

#include "tests/support/fake_target.h"
#include "tests/support/tables.h"

struct image {
	struct fake_target fake;
	struct layout layout;
	raddr next;                 /* where the next object goes */
	raddr runtime, interpreter; /* the newest interpreter; its id is interpreters - 1 */
	unsigned interpreters;
	raddr code_type, none;
};

void image_init(struct image *im, enum table_id id);
void image_deinit(struct image *im);

/* Memory for an object, 16-byte aligned, zeroed. */
raddr image_take(struct image *im, size_t len);
/* The same with a hole of unmapped memory before and behind its pages. */
raddr image_take_apart(struct image *im, size_t len);
void image_set(struct image *im, raddr object, enum layout_field f, uint64_t v);
uint64_t image_get(const struct image *im, raddr object, enum layout_field f);

/* --- objects --- */

raddr image_type(struct image *im, const char *name);
raddr image_str(struct image *im, const char *ascii);
/* chars characters of width bytes; a wide str or Latin-1. */
raddr image_wide_str(struct image *im, const void *data, size_t chars, unsigned width,
		     bool compact);
raddr image_bytes(struct image *im, const void *data, size_t len);
raddr image_int(struct image *im, uint64_t v);

struct image_pair {
	raddr key, value;
};
/* general: with a hash before each key, as dicts have whose keys are not all str. */
raddr image_dict(struct image *im, const struct image_pair *pairs, size_t n, bool general);

enum {
	IMAGE_RESUMES = 16, /* at this unit a code resumes a generator, ... */
	IMAGE_WORKS = 28,   /* ... at this one it calls nothing, at all others it may call */
};

struct image_code {
	const char *name, *file; /* file NULL: "t.py" */
	unsigned first_line;
	unsigned locals, stack; /* slots; both 0: 2 and 4 */
	unsigned units;         /* 0: 32. Unit i is of line first_line + i, the last returns */
	unsigned flags;         /* co_flags */
	unsigned copies;        /* of the bytecode, one a thread: free-threaded 3.14+ */
	const void *table;      /* another line table */
	size_t table_len;
};
raddr image_code(struct image *im, const struct image_code *c);
/* The same, written over the code object at that address: as after it was freed. */
void image_code_at(struct image *im, raddr at, const struct image_code *c);

/* --- threads and their stacks --- */

struct image_frame {
	raddr at, code;
	uint32_t bytes; /* on the data stack; 0: not on it */
	bool shim;
};

struct image_thread {
	struct image *im;
	raddr at;
	uint32_t chunk_bytes; /* of new chunks; 16 KiB */
	raddr chunk, top, limit;
	raddr base;                /* 3.15: the sentinel at the bottom; else 0 */
	struct image_frame *frame; /* the oldest first */
	unsigned nframes, cap;
};

void image_interpreter(struct image *im);
/* A thread of the newest interpreter, at the head of its list. */
void image_thread(struct image *im, struct image_thread *t, uint64_t tid, uint64_t ident);
void image_thread_deinit(struct image_thread *t);

/* A call: a frame on the data stack that stands at that unit of its code. */
raddr image_push(struct image_thread *t, raddr code, unsigned unit);
/* A resumed generator, whose frame is in its object. A Python frame that resumes it is
 * moved to where its code does that. */
raddr image_push_generator(struct image_thread *t, raddr code, unsigned unit);
/* C code that is about to call Python: an entry frame, on the C stack. The very first
 * call gets one unasked. */
raddr image_push_shim(struct image_thread *t);
/* Return, as the version does it: what is left in memory stays there. To C, if that
 * called: its entry frame ends too. */
void image_pop(struct image_thread *t);
/* What the thread raises, and what is handled where it is; 0: nothing. Generators that are
 * resumed later handle things of their own. */
void image_raise(struct image_thread *t, raddr exception);
void image_handle(struct image_thread *t, raddr exception);
/* The thread takes the GIL from whoever of the main interpreter has it, and is attached. */
void image_take_gil(struct image_thread *t);
/* It lets go of it; as the words of the GIL have it, it still is the last holder. */
void image_drop_gil(struct image_thread *t);
/* Begins a collection of the newest interpreter that stands on that frame; 0 ends it. */
void image_collect(struct image *im, raddr frame);
/* Moves the top frame to another unit. */
void image_step(struct image_thread *t, unsigned unit);
/* Lets a frame use a thread's copy of the bytecode. */
void image_use_copy(struct image *im, raddr frame, raddr code, unsigned copy, unsigned unit);

/* --- threading._active --- */

struct image_name {
	uint64_t ident;
	const char *name;
};
/* Thread objects with that _name; as inline values, or in a dict of their own. */
void image_names(struct image *im, const struct image_name *names, size_t n, bool in_dict);

#endif
