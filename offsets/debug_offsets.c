/* SPDX-License-Identifier: MIT */
/* Sources: Include/internal/pycore_debug_offsets.h of 3.14 and 3.15, pycore_runtime.h of
 * 3.13; positions checked against 3.13.0, 3.13.18, 3.14.10 and 3.15.2. */
#include "offsets/debug_offsets.h"

#include <inttypes.h>

enum { NVERSIONS = 3, FIRST_MINOR = 13 };

/* Bytes of the whole table, by minor version. */
static const uint32_t table_bytes[NVERSIONS] = { 584, 760, 888 };

/* Where in the table a struct's size stands, by minor version. 0: not in that table. */
static const uint16_t size_rows[LAYOUT_NSTRUCTS][NVERSIONS] = {
	/*		   3.13   3.14   3.15 */
	[S_RUNTIME] = { 0x018, 0x018, 0x018 }, [S_INTERP] = { 0x030, 0x030, 0x030 },
	[S_THREAD] = { 0x098, 0x0b0, 0x0b0 },  [S_FRAME] = { 0x0e0, 0x0f8, 0x138 },
	[S_CODE] = { 0x110, 0x138, 0x178 },    [S_TYPE] = { 0x170, 0x1a0, 0x1e0 },
	[S_HEAPTYPE] = { 0, 0, 0x210 },        [S_UNICODE] = { 0x218, 0x268, 0x2c8 },
	[S_BYTES] = { 0x200, 0x250, 0x2b0 },   [S_DICT] = { 0x1c0, 0x210, 0x270 },
	[S_LONG] = { 0x1e8, 0x238, 0x298 },
};

/* The same for the fields' offsets. What is not here is derived in derive_fields(). */
static const uint16_t field_rows[LAYOUT_NFIELDS][NVERSIONS] = {
	/*				    3.13   3.14   3.15 */
	[F_RUNTIME_INTERPRETERS_HEAD] = { 0x028, 0x028, 0x028 },
	[F_INTERP_ID] = { 0x038, 0x038, 0x038 },
	[F_INTERP_NEXT] = { 0x040, 0x040, 0x040 },
	[F_INTERP_THREADS_HEAD] = { 0x048, 0x048, 0x048 },
	[F_INTERP_MODULES] = { 0x058, 0x060, 0x060 },
	[F_INTERP_GENERATION] = { 0, 0x0a0, 0x0a0 },
	[F_INTERP_REMOTE_DEBUG] = { 0, 0x2d8, 0x358 },
	[F_THREAD_NEXT] = { 0x0a8, 0x0c0, 0x0c0 },
	[F_THREAD_INTERP] = { 0x0b0, 0x0c8, 0x0c8 },
	[F_THREAD_FRAME] = { 0x0b8, 0x0d0, 0x0d0 },
	[F_THREAD_BASE_FRAME] = { 0, 0, 0x0d8 },
	[F_THREAD_STATUS] = { 0x0d8, 0x0f0, 0x108 },
	[F_THREAD_GIL_REQUESTED] = { 0, 0, 0x118 },
	[F_THREAD_RAISED] = { 0, 0, 0x120 },
	[F_THREAD_EXC_STATE] = { 0, 0, 0x128 },
	[F_THREAD_IDENT] = { 0x0c0, 0x0d8, 0x0f0 },
	[F_THREAD_TID] = { 0x0c8, 0x0e0, 0x0f8 },
	[F_THREAD_CHUNK] = { 0x0d0, 0x0e8, 0x100 },
	[F_FRAME_EXECUTABLE] = { 0x0f0, 0x108, 0x148 },
	[F_FRAME_PREVIOUS] = { 0x0e8, 0x100, 0x140 },
	[F_FRAME_INSTR] = { 0x0f8, 0x110, 0x150 },
	[F_FRAME_STACKPOINTER] = { 0, 0x128, 0x168 },
	[F_FRAME_OWNER] = { 0x108, 0x120, 0x160 },
	[F_EXC_VALUE] = { 0, 0, 0x130 },
	[F_CODE_FIRSTLINE] = { 0x138, 0x160, 0x1a0 },
	[F_CODE_FILENAME] = { 0x118, 0x140, 0x180 },
	[F_CODE_QUALNAME] = { 0x128, 0x150, 0x190 },
	[F_CODE_LINETABLE] = { 0x130, 0x158, 0x198 },
	[F_TYPE_NAME] = { 0x178, 0x1a8, 0x1e8 },
	[F_TYPE_FLAGS] = { 0x188, 0x1b8, 0x1f8 },
	[F_TYPE_BASICSIZE] = { 0, 0, 0x200 },
	[F_HEAPTYPE_CACHED_KEYS] = { 0, 0, 0x218 },
	[F_UNICODE_LENGTH] = { 0x228, 0x278, 0x2d8 },
	[F_UNICODE_STATE] = { 0x220, 0x270, 0x2d0 },
	[F_BYTES_SIZE] = { 0x208, 0x258, 0x2b8 },
	[F_DICT_KEYS] = { 0x1c8, 0x218, 0x278 },
	[F_DICT_VALUES] = { 0x1d0, 0x220, 0x280 },
	[F_LONG_TAG] = { 0x1f0, 0x240, 0x2a0 },
	[F_LONG_DIGITS] = { 0x1f8, 0x248, 0x2a8 },
};

/* Words of the table that no field is made of alone. */
enum word {
	W_FREE_THREADED,
	W_INTERP_GC,
	W_GC_COLLECTING,
	W_GC_FRAME,
	W_GIL_LOCKED,
	W_GIL_HOLDER,
	W_OBJECT_SIZE,
	W_OBJECT_TYPE,
	W_FRAME_LOCALS,
	W_CODE_ARGCOUNT,
	W_CODE_ADAPTIVE,
	W_BYTES_DATA,
	W_ASCII_SIZE,
	W_COMPACT_SIZE,
	W_FRAME_TLBC,
	W_CODE_TLBC,
	W_GENERATOR_FRAME,
	W_DOOR_BREAKER,
	W_DOOR,
	W_DOOR_PENDING,
	W_DOOR_PATH,
	W_DOOR_PATH_SIZE,
	W_RUNTIME_FINALIZING,
	NWORDS
};
static const uint16_t word_rows[NWORDS][NVERSIONS] = {
	[W_FREE_THREADED] = { 0x010, 0x010, 0x010 },
	[W_INTERP_GC] = { 0x050, 0x058, 0x058 },
	[W_GC_COLLECTING] = { 0x240, 0x290, 0x2f8 },
	[W_GIL_LOCKED] = { 0x088, 0x090, 0x090 },
	[W_GIL_HOLDER] = { 0x090, 0x098, 0x098 },
	[W_OBJECT_SIZE] = { 0x160, 0x190, 0x1d0 },
	[W_OBJECT_TYPE] = { 0x168, 0x198, 0x1d8 },
	[W_FRAME_LOCALS] = { 0x100, 0x118, 0x158 },
	[W_CODE_ARGCOUNT] = { 0x140, 0x168, 0x1a8 },
	[W_CODE_ADAPTIVE] = { 0x158, 0x180, 0x1c0 },
	[W_BYTES_DATA] = { 0x210, 0x260, 0x2c0 },
	[W_ASCII_SIZE] = { 0x230, 0x280, 0x2e0 },
	[W_COMPACT_SIZE] = { 0, 0, 0x2e8 },
	[W_FRAME_TLBC] = { 0, 0x130, 0x170 },
	[W_CODE_TLBC] = { 0, 0x188, 0x1c8 },
	[W_GENERATOR_FRAME] = { 0, 0x2a8, 0x328 },
	[W_GC_FRAME] = { 0, 0, 0x300 },
	[W_DOOR_BREAKER] = { 0, 0x2c8, 0x348 },
	[W_DOOR] = { 0, 0x2d0, 0x350 },
	[W_DOOR_PENDING] = { 0, 0x2e0, 0x360 },
	[W_DOOR_PATH] = { 0, 0x2e8, 0x368 },
	[W_DOOR_PATH_SIZE] = { 0, 0x2f0, 0x370 },
	[W_RUNTIME_FINALIZING] = { 0, 0x20, 0x20 },
};

struct reader {
	const unsigned char *bytes;
	unsigned column; /* of the rows: minor version - 13 */
	bool too_large;  /* a word did not fit in 31 bits */
};

static uint64_t word_at(const void *bytes, size_t at)
{
	uint64_t v;

	memcpy(&v, (const char *)bytes + at, sizeof v);
	return v;
}

/* No offset or size is near 2 GiB; refusing here lets the sums below not overflow. */
static uint32_t table_word(struct reader *r, uint16_t at)
{
	uint64_t v = at ? word_at(r->bytes, at) : 0;

	if (v > INT32_MAX / 2)
		r->too_large = true;
	return (uint32_t)v;
}

static uint32_t named_word(struct reader *r, enum word w)
{
	return table_word(r, word_rows[w][r->column]);
}

static void read_rows(struct reader *r, struct layout *l)
{
	for (unsigned s = 0; s < LAYOUT_NSTRUCTS; s++)
		l->size[s] = table_word(r, size_rows[s][r->column]);
	for (unsigned f = 0; f < LAYOUT_NFIELDS; f++) {
		uint16_t at = field_rows[f][r->column];

		l->at[f] = at ? table_word(r, at) : LAYOUT_ABSENT;
	}
}

/* Neighbours of fields in the table. Each is the same in 3.13.0, 3.13.18, 3.14.10 and
 * 3.15.2, GIL and free-threaded headers (offsetof against the real headers), and what a
 * sample depends on is checked again on each code object: see code_read.c. */
static void derive_fields(struct reader *r, struct layout *l)
{
	uint32_t type = named_word(r, W_OBJECT_TYPE);
	uint32_t first = l->at[F_CODE_FIRSTLINE], argcount = named_word(r, W_CODE_ARGCOUNT);

	l->object_size = named_word(r, W_OBJECT_SIZE);
	/* struct pyinterpreters: head, main (pycore_runtime_structs.h) */
	l->at[F_RUNTIME_INTERPRETERS_MAIN] = l->at[F_RUNTIME_INTERPRETERS_HEAD] + 8;
	l->at[F_INTERP_GC_COLLECTING] = named_word(r, W_INTERP_GC) + named_word(r, W_GC_COLLECTING);
	/* PyThreadState: datastack_chunk, datastack_top, datastack_limit (cpython/pystate.h) */
	l->at[F_THREAD_TOP] = l->at[F_THREAD_CHUNK] + 8;
	/* PyCodeObject, cpython/code.h: PyObject_VAR_HEAD; co_flags, co_argcount; ...
	 * co_stacksize, co_firstlineno, co_nlocalsplus, co_framesize, co_nlocals,
	 * co_ncellvars, co_nfreevars, co_version */
	l->at[F_CODE_TYPE] = type;
	l->at[F_CODE_UNITS] = l->object_size;
	l->at[F_CODE_FLAGS] = argcount - 4;
	l->at[F_CODE_STACKSIZE] = first - 4;
	l->at[F_CODE_NLOCALSPLUS] = first + 4;
	l->at[F_CODE_FRAMESIZE] = first + 8;
	l->at[F_CODE_VERSION] = first + 24;
	l->code_units_at = named_word(r, W_CODE_ADAPTIVE);
	l->frame_locals_at = named_word(r, W_FRAME_LOCALS);
	l->generator_frame_at = named_word(r, W_GENERATOR_FRAME);
	if (!l->generator_frame_at) /* PyGenObject of 3.13, pycore_genobject.h */
		l->generator_frame_at = l->object_size + 56;
	l->bytes_data_at = named_word(r, W_BYTES_DATA);
	/* PyASCIIObject: length, hash, state (cpython/unicodeobject.h) */
	l->at[F_UNICODE_HASH] = l->at[F_UNICODE_LENGTH] + 8;
	l->unicode_ascii_at = named_word(r, W_ASCII_SIZE);
	l->unicode_compact_at = named_word(r, W_COMPACT_SIZE);
	if (!l->unicode_compact_at) /* PyCompactUnicodeObject adds utf8_length and utf8 */
		l->unicode_compact_at = l->unicode_ascii_at + 16;
}

/* What a thread raises and handles. PyThreadState, cpython/pystate.h: current_exception,
 * exc_info, ...; datastack_chunk, _top, _limit, exc_state. Before 3.15 the table has none of
 * it; the places are those of 3.13.0, 3.13.18, 3.14.10 and their free-threaded headers, and
 * are proved on the target before anything is made of them: see exceptions.c. */
static void derive_exceptions(struct layout *l, unsigned minor)
{
	if (minor < 15) {
		l->at[F_THREAD_RAISED] = l->at[F_THREAD_IDENT] - 40;
		l->at[F_THREAD_EXC_STATE] = l->at[F_THREAD_CHUNK] + 24;
		l->at[F_EXC_VALUE] = 0;
	}
	l->at[F_THREAD_EXC_INFO] = l->at[F_THREAD_RAISED] + 8;
	l->at[F_THREAD_EXC_VALUE] = l->at[F_THREAD_EXC_STATE] + l->at[F_EXC_VALUE];
	/* _PyErr_StackItem: exc_value, previous_item */
	l->at[F_EXC_PREVIOUS] = l->at[F_EXC_VALUE] + 8;
	l->size[S_EXC] = l->at[F_EXC_PREVIOUS] + 8;
	/* PyGenObject (pycore_interpframe_structs.h): gi_exc_state, gi_origin_or_finalizer,
	 * four chars, gi_frame_state, gi_iframe */
	l->exc_before_frame = 32;
}

/* struct _gil_runtime_state (pycore_gil.h): last_holder, locked (an int), switch_number. It
 * lies in the interpreter, and is used by the main one and those that have a GIL of their
 * own. A free-threaded build has it, too, but nothing to be told by it. */
static void derive_gil(struct reader *r, struct layout *l)
{
	if (l->free_threaded)
		return;
	l->at[F_INTERP_GIL_HOLDER] = named_word(r, W_GIL_HOLDER);
	l->at[F_INTERP_GIL_SWITCHES] = named_word(r, W_GIL_LOCKED) + 8;
}

/* _PyRemoteDebuggerSupport lies in the thread state (cpython/pystate.h). The runtime's int
 * `initialized`, which becomes 1 when imports and streams work, lies before the pointer
 * `finalizing`, with four bytes between them (pycore_runtime_structs.h). The ints `tracing` and `what_event` are the last before
 * `current_frame`, with four bytes between them in 3.14, and the former is raised around audit
 * hooks as well (cpython/pystate.h; sys_audit_tstate() in Python/sysmodule.c). */
static void derive_door(struct reader *r, unsigned minor, struct layout *l)
{
	uint32_t door = named_word(r, W_DOOR);

	l->door = (struct layout_door){ .breaker = named_word(r, W_DOOR_BREAKER),
					.pending = door + named_word(r, W_DOOR_PENDING),
					.path = door + named_word(r, W_DOOR_PATH),
					.path_size = named_word(r, W_DOOR_PATH_SIZE),
					.initialized = named_word(r, W_RUNTIME_FINALIZING) - 8,
					.tracing = l->at[F_THREAD_FRAME] - (minor == 14 ? 12 : 8) };
}

static void derive_by_version(struct reader *r, struct layout *l)
{
	unsigned minor = FIRST_MINOR + r->column;

	if (minor == 13)
		/* _PyInterpreterFrame of 3.13: instr_ptr, stacktop, return_offset, owner */
		l->at[F_FRAME_STACKTOP] = l->at[F_FRAME_INSTR] + 8;
	if (minor < 15) {
		/* PyTypeObject.tp_basicsize follows tp_name; PyHeapTypeObject.ht_cached_keys
		 * (cpython/object.h; offsetof of 3.13.18 and 3.14.10: 880, free-threaded 896) */
		l->at[F_TYPE_BASICSIZE] = l->at[F_TYPE_NAME] + 8;
		l->at[F_HEAPTYPE_CACHED_KEYS] = 864 + l->object_size;
		l->size[S_HEAPTYPE] = 936;
	}
	derive_exceptions(l, minor);
	derive_gil(r, l);
	if (minor >= 14)
		derive_door(r, minor, l);
	if (minor >= 15)
		l->at[F_INTERP_GC_FRAME] = named_word(r, W_INTERP_GC) + named_word(r, W_GC_FRAME);
	l->clears_executable = minor >= 14;
	l->tag_mask = minor >= 14 ? 3 : 0;
	/* PyThreadState._status: active is bit 4 from 3.12 on; 3.13 has holds_gil before
	 * finalizing, so that cleared and finalized are one higher (cpython/pystate.h) */
	l->gil_holder = 1 << 4;
	l->status_gone = minor == 13 ? 1 << 7 | 1 << 8 : 1 << 6 | 1 << 7;
	/* PyASCIIObject.state: interned is a byte of its own in free-threaded 3.14+ */
	l->unicode_kind_shift = l->free_threaded && minor >= 14 ? 8 : 2;
	if (l->free_threaded && minor >= 14) {
		l->at[F_FRAME_TLBC_INDEX] = named_word(r, W_FRAME_TLBC);
		l->at[F_CODE_TLBC] = named_word(r, W_CODE_TLBC);
	}
}

bool debug_offsets_recognize(const void *bytes, size_t len)
{
	return len >= DEBUG_OFFSETS_HEAD && memcmp(bytes, "xdebugpy", 8) == 0 &&
	       word_at(bytes, 8) >> 24 == 3 && word_at(bytes, 16) <= 1;
}

void debug_offsets_head(const void *bytes, uint32_t *ret_version, bool *ret_free_threaded)
{
	*ret_version = (uint32_t)word_at(bytes, 8);
	*ret_free_threaded = word_at(bytes, 16) == 1;
}

enum ps_status debug_offsets_parse(const void *bytes, size_t len, struct layout *ret,
				   struct ps_err *err)
{
	struct layout l = { 0 };
	struct reader r = { .bytes = bytes };
	unsigned minor;

	if (!debug_offsets_recognize(bytes, len))
		return ps_fail(err, PS_FORMAT, "no table of debug offsets");
	debug_offsets_head(bytes, &l.version, &l.free_threaded);
	minor = layout_minor(&l);
	if (minor < FIRST_MINOR || minor >= FIRST_MINOR + NVERSIONS) {
		char name[64];

		layout_describe(&l, name);
		return ps_fail(err, PS_UNSUPPORTED, "%s: this version is not known yet", name);
	}
	r.column = minor - FIRST_MINOR;
	l.table_bytes = table_bytes[r.column];
	if (len < l.table_bytes)
		return ps_fail(err, PS_FORMAT, "the table of debug offsets is cut short");
	read_rows(&r, &l);
	derive_fields(&r, &l);
	derive_by_version(&r, &l);
	if (r.too_large)
		return ps_fail(err, PS_FORMAT, "the table of debug offsets has absurd values");
	PS_TRY(layout_validate(&l, err));
	*ret = l;
	return PS_OK;
}
