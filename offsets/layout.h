/* SPDX-License-Identifier: MIT */
/* offsets/layout.h - where things are inside one target's interpreter.
 *
 * One row for each field that is read from a struct of the target. The table is the
 * trust boundary: the offsets of 3.13+ come from the target's own memory, and a target
 * may be corrupt or hostile. layout_validate() checks every row once, at attach; after
 * that a tick pays for no such check. What has no row has no name to be read by.
 *
 * To read one more field: add its row here, fill it in debug_offsets.c, and it is
 * validated, printed and tested like the others.
 */
#ifndef OFFSETS_LAYOUT_H
#define OFFSETS_LAYOUT_H

#include "profiler/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t raddr; /* an address in the target; never a pointer here */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "layout_get() widens in place");

/*      struct      largest span that is copied; structs with 0 are read field by field */
#define LAYOUT_STRUCTS(X)   \
	X(S_RUNTIME, 0)     \
	X(S_INTERP, 0)      \
	X(S_THREAD, 1024)   \
	X(S_FRAME, 256)     \
	X(S_EXC, 64)        \
	X(S_CODE, 512)      \
	X(S_TYPE, 1024)     \
	X(S_HEAPTYPE, 2048) \
	X(S_UNICODE, 128)   \
	X(S_BYTES, 128)     \
	X(S_DICT, 128)      \
	X(S_LONG, 128)

enum layout_struct {
#define X(id, most) id,
	LAYOUT_STRUCTS(X)
#undef X
		LAYOUT_NSTRUCTS
};

/*      field               inside      bytes  */
#define LAYOUT_FIELDS(X)                                                               \
	X(F_RUNTIME_INTERPRETERS_HEAD, S_RUNTIME, 8)                                   \
	X(F_RUNTIME_INTERPRETERS_MAIN, S_RUNTIME, 8)                                   \
	X(F_INTERP_ID, S_INTERP, 8)                                                    \
	X(F_INTERP_NEXT, S_INTERP, 8)                                                  \
	X(F_INTERP_THREADS_HEAD, S_INTERP, 8)                                          \
	X(F_INTERP_GC_COLLECTING, S_INTERP, 4)                                         \
	X(F_INTERP_GC_FRAME, S_INTERP, 8) /* below the collection; 3.15+ */            \
	X(F_INTERP_MODULES, S_INTERP, 8)                                               \
	X(F_INTERP_GIL_HOLDER, S_INTERP, 8)   /* the last one; with a GIL only */      \
	X(F_INTERP_GIL_SWITCHES, S_INTERP, 8) /* how often that was another */         \
	X(F_INTERP_GENERATION, S_INTERP, 8)   /* code objects freed; 3.14+ */          \
	X(F_INTERP_REMOTE_DEBUG, S_INTERP, 4) /* 1: may be asked to run code; 3.14+ */ \
	X(F_THREAD_NEXT, S_THREAD, 8)                                                  \
	X(F_THREAD_INTERP, S_THREAD, 8)                                                \
	X(F_THREAD_FRAME, S_THREAD, 8)                                                 \
	X(F_THREAD_BASE_FRAME, S_THREAD, 8) /* sentinel at the bottom; 3.15+ */        \
	X(F_THREAD_STATUS, S_THREAD, 4)                                                \
	X(F_THREAD_GIL_REQUESTED, S_THREAD, 4) /* waits for the GIL; 3.15+ */          \
	X(F_THREAD_RAISED, S_THREAD, 8)        /* an exception that propagates */      \
	X(F_THREAD_EXC_INFO, S_THREAD, 8)      /* the topmost S_EXC */                 \
	X(F_THREAD_EXC_STATE, S_THREAD, 8)     /* its own S_EXC, the lowest */         \
	X(F_THREAD_EXC_VALUE, S_THREAD, 8)     /* F_EXC_VALUE of that */               \
	X(F_THREAD_IDENT, S_THREAD, 8)                                                 \
	X(F_THREAD_TID, S_THREAD, 8)                                                   \
	X(F_THREAD_CHUNK, S_THREAD, 8)                                                 \
	X(F_THREAD_TOP, S_THREAD, 8)                                                   \
	X(F_FRAME_EXECUTABLE, S_FRAME, 8)                                              \
	X(F_FRAME_PREVIOUS, S_FRAME, 8)                                                \
	X(F_FRAME_INSTR, S_FRAME, 8)                                                   \
	X(F_FRAME_STACKTOP, S_FRAME, 4)     /* 3.13 only */                            \
	X(F_FRAME_STACKPOINTER, S_FRAME, 8) /* as last saved; 3.14+ */                 \
	X(F_FRAME_OWNER, S_FRAME, 1)                                                   \
	X(F_FRAME_TLBC_INDEX, S_FRAME, 4) /* free-threaded 3.14+ */                    \
	X(F_EXC_VALUE, S_EXC, 8)          /* an exception that is being handled */     \
	X(F_EXC_PREVIOUS, S_EXC, 8)                                                    \
	X(F_CODE_TYPE, S_CODE, 8)                                                      \
	X(F_CODE_UNITS, S_CODE, 8)                                                     \
	X(F_CODE_FLAGS, S_CODE, 4)                                                     \
	X(F_CODE_STACKSIZE, S_CODE, 4)                                                 \
	X(F_CODE_FIRSTLINE, S_CODE, 4)                                                 \
	X(F_CODE_NLOCALSPLUS, S_CODE, 4)                                               \
	X(F_CODE_FRAMESIZE, S_CODE, 4)                                                 \
	X(F_CODE_VERSION, S_CODE, 4)                                                   \
	X(F_CODE_FILENAME, S_CODE, 8)                                                  \
	X(F_CODE_QUALNAME, S_CODE, 8)                                                  \
	X(F_CODE_LINETABLE, S_CODE, 8)                                                 \
	X(F_CODE_TLBC, S_CODE, 8) /* free-threaded 3.14+ */                            \
	X(F_TYPE_NAME, S_TYPE, 8)                                                      \
	X(F_TYPE_BASICSIZE, S_TYPE, 8)                                                 \
	X(F_TYPE_FLAGS, S_TYPE, 8)                                                     \
	X(F_HEAPTYPE_CACHED_KEYS, S_HEAPTYPE, 8)                                       \
	X(F_UNICODE_LENGTH, S_UNICODE, 8)                                              \
	X(F_UNICODE_HASH, S_UNICODE, 8)                                                \
	X(F_UNICODE_STATE, S_UNICODE, 4)                                               \
	X(F_BYTES_SIZE, S_BYTES, 8)                                                    \
	X(F_DICT_KEYS, S_DICT, 8)                                                      \
	X(F_DICT_VALUES, S_DICT, 8)                                                    \
	X(F_LONG_TAG, S_LONG, 8)                                                       \
	X(F_LONG_DIGITS, S_LONG, 8)

enum layout_field {
#define X(id, owner, width) id,
	LAYOUT_FIELDS(X)
#undef X
		LAYOUT_NFIELDS
};

#define LAYOUT_ABSENT UINT32_MAX /* at[] of a field that this version has not */

/* The interpreter's door for remote debuggers (PEP 768), 3.14 and later: offsets inside a
 * thread state. Not among the fields, which a sample copies: a request needs them once. */
struct layout_door {
	uint32_t breaker;     /* the word of events that bytecode looks at now and then */
	uint32_t pending;     /* int32: 1 asks the thread to run the script */
	uint32_t path;        /* of the script, ends with a NUL */
	uint32_t path_size;   /* bytes; 0: this version has no door */
	uint32_t initialized; /* in the runtime, an int: 0 while it starts up */
	uint32_t tracing;     /* an int: not 0 while it is in an audit hook, or a trace function */
};

struct layout {
	uint32_t version; /* as PY_VERSION_HEX: 0x030f02f0 is 3.15.2 */
	bool free_threaded;
	uint32_t table_bytes;           /* length of the target's own table */
	uint32_t size[LAYOUT_NSTRUCTS]; /* as the target says; fields lie within */
	uint32_t span[LAYOUT_NSTRUCTS]; /* bytes to copy: up to the last field that is read */
	uint32_t at[LAYOUT_NFIELDS];

	/* What is no offset, but differs between versions. */
	raddr tag_mask;              /* low bits of a stack reference that are no address */
	uint32_t object_size;        /* of the header that starts every object: PyObject */
	uint32_t code_units_at;      /* where a code object's bytecode begins */
	uint32_t frame_locals_at;    /* where a frame's localsplus begins */
	uint32_t generator_frame_at; /* in a generator object, its frame */
	uint32_t exc_before_frame;   /* how far before that frame its S_EXC lies */
	uint32_t bytes_data_at;
	uint32_t unicode_ascii_at;   /* data of compact ASCII strings */
	uint32_t unicode_compact_at; /* data of other compact strings */
	uint32_t unicode_kind_shift; /* of the 3-bit kind inside the state word */
	uint32_t status_gone;        /* thread status bits: being torn down */
	bool clears_executable;      /* a popped frame's executable is cleared: 3.14+ */
	uint8_t gil_holder;          /* thread status bit: attached, so holding the GIL if any */
	struct layout_door door;
};

/* Frame owners, pycore_interpframe_structs.h: everything above OBJECT is a C stack's
 * entry frame (3: CSTACK in 3.13, INTERPRETER in 3.14+; 4: CSTACK in 3.14). */
enum frame_owner { OWNER_THREAD = 0, OWNER_GENERATOR = 1, OWNER_OBJECT = 2, OWNER_ENTRY_MAX = 4 };

/* Checks every row and every scalar against the bounds above and fills span[].
 * PS_FORMAT names the first field that is wrong. */
enum ps_status layout_validate(struct layout *l, struct ps_err *err) PS_MUST_USE;

static inline bool layout_has(const struct layout *l, enum layout_field f)
{
	return l->at[f] != LAYOUT_ABSENT;
}

/* A switch, not an array, so that it folds away where f is a constant. */
static inline size_t layout_width(enum layout_field f)
{
	switch (f) {
#define X(id, owner, width) \
	case id:            \
		return width;
		LAYOUT_FIELDS(X)
#undef X
	case LAYOUT_NFIELDS:
		break;
	}
	return 0;
}

/* The only way to read a field: as wide as its row says, so never past what was
 * validated. obj holds span[] bytes of the struct that owns f; absent fields are 0. */
static inline uint64_t layout_get(const struct layout *l, const void *obj, enum layout_field f)
{
	uint64_t v = 0;

	if (__builtin_expect(layout_has(l, f), 1))
		memcpy(&v, (const char *)obj + l->at[f], layout_width(f));
	return v;
}

static inline unsigned layout_minor(const struct layout *l)
{
	return l->version >> 16 & 0xff;
}

/* "CPython 3.15.2", "CPython 3.14.0b1 free-threaded"; at most 63 characters. */
void layout_describe(const struct layout *l, char ret[static 64]);
/* "3.15.2", "3.14.0b1": what a PY_VERSION_HEX means; at most 31 characters. */
void layout_describe_version(uint32_t version, char ret[static 32]);

const char *layout_field_name(enum layout_field f);

#endif
