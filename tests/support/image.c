/* SPDX-License-Identifier: MIT */
#include "tests/support/image.h"

#include <stdlib.h>
#include <string.h>

enum {
	STATUS = 1 | 1 << 4, /* initialized, active */
	OWNER_ENTRY = 3,
	OP_NOP = 27,
	NOT_SAVED = -1,
};

void image_init(struct image *im, enum table_id id)
{
	unsigned char table[DEBUG_OFFSETS_MAX];
	size_t len = table_bytes_of(id, table);

	*im = (struct image){ .layout = table_layout(id), .next = FAKE_BASE };
	fake_init(&im->fake);
	im->runtime =
		image_take(im, len > im->layout.span[S_RUNTIME] ? len : im->layout.span[S_RUNTIME]);
	fake_put(&im->fake, im->runtime, table, len);
	im->code_type = image_type(im, "code");
	im->none = image_take(im, im->layout.object_size);
	image_interpreter(im);
}

void image_deinit(struct image *im)
{
	fake_deinit(&im->fake);
}

raddr image_take(struct image *im, size_t len)
{
	raddr at = im->next;

	fake_map(&im->fake, at, len ? len : 1);
	im->next = (at + len + 15) & ~(raddr)15;
	return at;
}

raddr image_take_apart(struct image *im, size_t len)
{
	raddr at = ((im->next + FAKE_PAGE - 1) & ~(raddr)(FAKE_PAGE - 1)) + FAKE_PAGE;

	fake_map(&im->fake, at, len);
	im->next = ((at + len + FAKE_PAGE - 1) & ~(raddr)(FAKE_PAGE - 1)) + FAKE_PAGE;
	return at;
}

void image_set(struct image *im, raddr object, enum layout_field f, uint64_t v)
{
	if (layout_has(&im->layout, f))
		fake_put(&im->fake, object + im->layout.at[f], &v, layout_width(f));
}

uint64_t image_get(const struct image *im, raddr object, enum layout_field f)
{
	uint64_t v = 0;

	if (layout_has(&im->layout, f))
		fake_get(&im->fake, object + im->layout.at[f], &v, layout_width(f));
	return v;
}

/* --- objects --- */

static raddr raw_bytes(struct image *im, const void *data, size_t len)
{
	raddr at = image_take(im, len);

	fake_put(&im->fake, at, data, len);
	return at;
}

raddr image_type(struct image *im, const char *name)
{
	raddr text = raw_bytes(im, name, strlen(name) + 1);
	raddr at = image_take(im, im->layout.size[S_HEAPTYPE]);

	image_set(im, at, F_TYPE_NAME, text);
	return at;
}

static uint32_t hash_of(const unsigned char *data, size_t len)
{
	uint32_t h = 1;

	while (len--)
		h = h * 31 + *data++;
	return h;
}

static raddr make_str(struct image *im, const void *data, size_t chars, unsigned width,
		      bool compact, bool ascii)
{
	const struct layout *l = &im->layout;
	uint32_t data_at = ascii ? l->unicode_ascii_at : l->unicode_compact_at;
	unsigned shift = l->unicode_kind_shift;
	size_t len = chars * width;
	raddr apart = compact ? 0 : raw_bytes(im, data, len);
	raddr at = image_take(im, data_at + (compact ? len + width : 8));

	image_set(im, at, F_UNICODE_LENGTH, chars);
	image_set(im, at, F_UNICODE_HASH, hash_of(data, len));
	image_set(im, at, F_UNICODE_STATE,
		  width << shift | (unsigned)compact << (shift + 3) |
			  (unsigned)ascii << (shift + 4));
	if (compact)
		fake_put(&im->fake, at + data_at, data, len);
	else
		fake_put64(&im->fake, at + l->unicode_compact_at, apart);
	return at;
}

raddr image_str(struct image *im, const char *ascii)
{
	return make_str(im, ascii, strlen(ascii), 1, true, true);
}

raddr image_wide_str(struct image *im, const void *data, size_t chars, unsigned width, bool compact)
{
	return make_str(im, data, chars, width, compact, false);
}

raddr image_bytes(struct image *im, const void *data, size_t len)
{
	raddr at = image_take(im, im->layout.bytes_data_at + len + 1);

	image_set(im, at, F_BYTES_SIZE, len);
	fake_put(&im->fake, at + im->layout.bytes_data_at, data, len);
	return at;
}

raddr image_int(struct image *im, uint64_t v)
{
	uint32_t digit[3] = { v & 0x3fffffff, v >> 30 & 0x3fffffff, (uint32_t)(v >> 60) };
	size_t n = digit[2] ? 3 : digit[1] ? 2 : 1;
	raddr at = image_take(im, im->layout.at[F_LONG_DIGITS] + sizeof digit);

	image_set(im, at, F_LONG_TAG, n << 3);
	fake_put(&im->fake, at + im->layout.at[F_LONG_DIGITS], digit, n * 4);
	return at;
}

/* struct _dictkeysobject: refcnt, log2 of size, of the index's bytes, kind, version,
 * usable, nentries, the index, the entries. */
static raddr make_keys(struct image *im, const struct image_pair *pairs, size_t n, unsigned kind)
{
	enum { LOG2_INDEX = 4, HEADER = 32 };
	unsigned stride = kind == 0 ? 24 : 16;
	unsigned char bytes[3] = { LOG2_INDEX, LOG2_INDEX, (unsigned char)kind };
	raddr keys = image_take(im, HEADER + (1 << LOG2_INDEX) + n * stride);
	raddr entry = keys + HEADER + (1 << LOG2_INDEX);

	fake_put64(&im->fake, keys, 1);
	fake_put(&im->fake, keys + 8, bytes, sizeof bytes);
	fake_put64(&im->fake, keys + 24, n);
	for (size_t i = 0; i < n; i++, entry += stride) {
		fake_put64(&im->fake, entry + stride - 16, pairs[i].key);
		fake_put64(&im->fake, entry + stride - 8, pairs[i].value);
	}
	return keys;
}

raddr image_dict(struct image *im, const struct image_pair *pairs, size_t n, bool general)
{
	raddr at = image_take(im, im->layout.size[S_DICT]);

	image_set(im, at, F_DICT_KEYS, make_keys(im, pairs, n, general ? 0 : 1));
	return at;
}

/* One entry a unit: the first of the code's own line, each of the others one more. */
static size_t plain_table(unsigned units, unsigned char *ret)
{
	for (unsigned i = 0; i < units; i++) {
		ret[3 * i] = (unsigned char)(0x80 | (i ? 11 : 10) << 3);
		ret[3 * i + 1] = ret[3 * i + 2] = 0;
	}
	return 3 * (size_t)units;
}

/* RETURN_VALUE, SEND and CALL, by minor version: a frame may have any other on it at any unit
 * but IMAGE_WORKS and the last. */
static void write_units(struct image *im, raddr at, unsigned units)
{
	static const unsigned char returns[] = { [13] = 36, [14] = 35, [15] = 33 };
	static const unsigned char send[] = { [13] = 104, [14] = 106, [15] = 105 };
	static const unsigned char call[] = { [13] = 53, [14] = 52, [15] = 50 };
	unsigned minor = layout_minor(&im->layout);

	for (unsigned i = 0; i < units; i++) {
		unsigned char unit[2] = { i + 1 == units       ? returns[minor]
					  : i == IMAGE_RESUMES ? send[minor]
					  : i == IMAGE_WORKS   ? OP_NOP
							       : call[minor],
					  0 };

		fake_put(&im->fake, at + 2 * (raddr)i, unit, 2);
	}
}

static void write_copies(struct image *im, raddr code, unsigned units, unsigned copies)
{
	raddr array = image_take(im, 8 + 8 * (size_t)copies);

	fake_put64(&im->fake, array, copies);
	fake_put64(&im->fake, array + 8, code + im->layout.code_units_at);
	for (unsigned i = 1; i < copies; i++) {
		raddr copy = image_take(im, 2 * (size_t)units);

		write_units(im, copy, units);
		fake_put64(&im->fake, array + 8 + 8 * (raddr)i, copy);
	}
	image_set(im, code, F_CODE_TLBC, array);
}

void image_code_at(struct image *im, raddr at, const struct image_code *c)
{
	unsigned units = c->units ? c->units : 32;
	unsigned locals = c->locals + c->stack ? c->locals : 2;
	unsigned stack = c->locals + c->stack ? c->stack : 4;
	unsigned char *plain = malloc(3 * (size_t)units);
	size_t plain_len;
	raddr table;

	if (!plain)
		abort();
	plain_len = plain_table(units, plain);
	table = c->table ? image_bytes(im, c->table, c->table_len)
			 : image_bytes(im, plain, plain_len);
	free(plain);
	image_set(im, at, F_CODE_TYPE, im->code_type);
	image_set(im, at, F_CODE_UNITS, units);
	image_set(im, at, F_CODE_FLAGS, c->flags);
	image_set(im, at, F_CODE_STACKSIZE, stack);
	image_set(im, at, F_CODE_FIRSTLINE, c->first_line);
	image_set(im, at, F_CODE_NLOCALSPLUS, locals);
	image_set(im, at, F_CODE_FRAMESIZE, locals + stack + im->layout.frame_locals_at / 8);
	image_set(im, at, F_CODE_FILENAME, image_str(im, c->file ? c->file : "t.py"));
	image_set(im, at, F_CODE_QUALNAME, image_str(im, c->name));
	image_set(im, at, F_CODE_LINETABLE, table);
	write_units(im, at + im->layout.code_units_at, units);
	if (c->copies)
		write_copies(im, at, units, c->copies);
}

raddr image_code(struct image *im, const struct image_code *c)
{
	size_t units = c->units ? c->units : 32;
	raddr at = image_take(im, im->layout.code_units_at + 2 * units);

	image_code_at(im, at, c);
	return at;
}

/* --- threads and their stacks --- */

void image_interpreter(struct image *im)
{
	raddr at = image_take(im, im->layout.span[S_INTERP]);

	image_set(im, at, F_INTERP_ID, im->interpreters);
	image_set(im, at, F_INTERP_NEXT, im->interpreter);
	image_set(im, im->runtime, F_RUNTIME_INTERPRETERS_HEAD, at);
	if (im->interpreters++ == 0)
		image_set(im, im->runtime, F_RUNTIME_INTERPRETERS_MAIN, at);
	im->interpreter = at;
}

void image_thread(struct image *im, struct image_thread *t, uint64_t tid, uint64_t ident)
{
	const struct layout *l = &im->layout;

	*t = (struct image_thread){ .im = im, .chunk_bytes = 16 * 1024 };
	t->at = image_take(im, l->size[S_THREAD]);
	image_set(im, t->at, F_THREAD_NEXT, image_get(im, im->interpreter, F_INTERP_THREADS_HEAD));
	image_set(im, im->interpreter, F_INTERP_THREADS_HEAD, t->at);
	image_set(im, t->at, F_THREAD_INTERP, im->interpreter);
	image_set(im, t->at, F_THREAD_STATUS, STATUS);
	image_set(im, t->at, F_THREAD_TID, tid);
	image_set(im, t->at, F_THREAD_IDENT, ident);
	image_set(im, t->at, F_THREAD_EXC_INFO, t->at + l->at[F_THREAD_EXC_STATE]);
	if (layout_has(l, F_THREAD_BASE_FRAME)) {
		t->base = image_take(im, l->size[S_FRAME]);
		image_set(im, t->base, F_FRAME_OWNER, OWNER_ENTRY);
		image_set(im, t->base, F_FRAME_EXECUTABLE, im->none | 1);
		image_set(im, t->at, F_THREAD_BASE_FRAME, t->base);
		image_set(im, t->at, F_THREAD_FRAME, t->base);
	}
}

void image_thread_deinit(struct image_thread *t)
{
	free(t->frame);
	t->frame = NULL;
}

static raddr current_of(const struct image_thread *t)
{
	return t->nframes ? t->frame[t->nframes - 1].at : t->base;
}

static void remember(struct image_thread *t, struct image_frame f)
{
	if (t->nframes == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 32;
		t->frame = realloc(t->frame, t->cap * sizeof *t->frame);
		if (!t->frame)
			abort();
	}
	t->frame[t->nframes++] = f;
	image_set(t->im, t->at, F_THREAD_FRAME, f.at);
}

static void publish_data_stack(struct image_thread *t)
{
	image_set(t->im, t->at, F_THREAD_CHUNK, t->chunk);
	image_set(t->im, t->at, F_THREAD_TOP, t->top);
}

/* pystate.c, push_chunk: the very first slot of the first chunk is left unused. */
static void push_chunk(struct image_thread *t, uint32_t need)
{
	uint32_t bytes = t->chunk_bytes;
	raddr below = t->chunk;

	while (bytes < need + 64)
		bytes *= 2;
	if (below)
		fake_put64(&t->im->fake, below + 16, (t->top - below - 24) / 8);
	t->chunk = image_take_apart(t->im, bytes);
	fake_put64(&t->im->fake, t->chunk, below);
	fake_put64(&t->im->fake, t->chunk + 8, bytes);
	t->top = t->chunk + (below ? 24 : 32);
	t->limit = t->chunk + bytes;
}

/* 3.13 keeps how far its stack goes in a frame only while another runs on it. */
static void save_stacktop(struct image_thread *t, bool running)
{
	const struct image_frame *f = t->nframes ? &t->frame[t->nframes - 1] : NULL;

	if (f && !f->shim)
		image_set(t->im, f->at, F_FRAME_STACKTOP,
			  running ? (uint64_t)NOT_SAVED
				  : image_get(t->im, f->code, F_CODE_NLOCALSPLUS) + 1);
}

static void write_frame(struct image_thread *t, raddr at, raddr code, unsigned unit, uint8_t owner)
{
	struct image *im = t->im;

	image_set(im, at, F_FRAME_EXECUTABLE, code | (im->layout.tag_mask & 1));
	image_set(im, at, F_FRAME_PREVIOUS, current_of(t));
	image_set(im, at, F_FRAME_INSTR, code + im->layout.code_units_at + 2 * (raddr)unit);
	image_set(im, at, F_FRAME_OWNER, owner);
	image_set(im, at, F_FRAME_STACKTOP, (uint64_t)NOT_SAVED);
	if (code != im->none)
		image_set(im, at, F_FRAME_STACKPOINTER,
			  at + im->layout.frame_locals_at +
				  8 * image_get(im, code, F_CODE_NLOCALSPLUS));
	image_set(im, at, F_FRAME_TLBC_INDEX, 0);
}

raddr image_push(struct image_thread *t, raddr code, unsigned unit)
{
	uint32_t bytes = (uint32_t)image_get(t->im, code, F_CODE_FRAMESIZE) * 8;
	raddr at;

	if (!t->nframes)
		image_push_shim(t);
	if (!t->chunk || bytes > t->limit - t->top)
		push_chunk(t, bytes);
	at = t->top;
	t->top += bytes;
	save_stacktop(t, false);
	write_frame(t, at, code, unit, OWNER_THREAD);
	remember(t, (struct image_frame){ at, code, bytes, false });
	publish_data_stack(t);
	return at;
}

/* PyGenObject: its exception stack item stands before its frame, and goes on top of the
 * thread's. */
static raddr generator_frame(struct image_thread *t, uint32_t bytes)
{
	const struct layout *l = &t->im->layout;
	uint32_t before = (l->generator_frame_at + 15) & ~15u;
	raddr frame = image_take(t->im, before + bytes) + before;
	raddr item = frame - l->exc_before_frame;

	image_set(t->im, item, F_EXC_PREVIOUS, image_get(t->im, t->at, F_THREAD_EXC_INFO));
	image_set(t->im, t->at, F_THREAD_EXC_INFO, item);
	return frame;
}

static void leave_generator(struct image_thread *t, raddr frame)
{
	raddr item = frame - t->im->layout.exc_before_frame;

	image_set(t->im, t->at, F_THREAD_EXC_INFO, image_get(t->im, item, F_EXC_PREVIOUS));
	image_set(t->im, item, F_EXC_PREVIOUS, 0);
	image_set(t->im, item, F_EXC_VALUE, 0);
}

void image_raise(struct image_thread *t, raddr exception)
{
	image_set(t->im, t->at, F_THREAD_RAISED, exception);
}

void image_handle(struct image_thread *t, raddr exception)
{
	image_set(t->im, image_get(t->im, t->at, F_THREAD_EXC_INFO), F_EXC_VALUE, exception);
}

static void attach(struct image *im, raddr thread, bool attached)
{
	uint64_t status = image_get(im, thread, F_THREAD_STATUS);
	uint64_t bit = im->layout.gil_holder;

	image_set(im, thread, F_THREAD_STATUS, attached ? status | bit : status & ~bit);
}

void image_take_gil(struct image_thread *t)
{
	raddr main = image_get(t->im, t->im->runtime, F_RUNTIME_INTERPRETERS_MAIN);
	raddr holder = image_get(t->im, main, F_INTERP_GIL_HOLDER);

	if (holder)
		attach(t->im, holder, false);
	attach(t->im, t->at, true);
	if (holder == t->at)
		return;
	image_set(t->im, main, F_INTERP_GIL_HOLDER, t->at);
	image_set(t->im, main, F_INTERP_GIL_SWITCHES,
		  image_get(t->im, main, F_INTERP_GIL_SWITCHES) + 1);
}

void image_drop_gil(struct image_thread *t)
{
	attach(t->im, t->at, false);
}

void image_collect(struct image *im, raddr frame)
{
	image_set(im, im->interpreter, F_INTERP_GC_COLLECTING, frame != 0);
	image_set(im, im->interpreter, F_INTERP_GC_FRAME, frame);
}

raddr image_push_generator(struct image_thread *t, raddr code, unsigned unit)
{
	uint32_t bytes = (uint32_t)image_get(t->im, code, F_CODE_FRAMESIZE) * 8;
	raddr at = generator_frame(t, bytes);

	if (!t->nframes)
		image_push_shim(t);
	if (!t->frame[t->nframes - 1].shim)
		image_step(t, IMAGE_RESUMES);
	save_stacktop(t, false);
	write_frame(t, at, code, unit, OWNER_GENERATOR);
	remember(t, (struct image_frame){ at, code, 0, false });
	return at;
}

raddr image_push_shim(struct image_thread *t)
{
	raddr at = image_take(t->im, t->im->layout.size[S_FRAME] + 16);

	write_frame(t, at, t->im->none, 0, OWNER_ENTRY);
	remember(t, (struct image_frame){ at, t->im->none, 0, true });
	return at;
}

static void pop_chunk(struct image_thread *t)
{
	raddr below = fake_get64(&t->im->fake, t->chunk);

	if (!below || t->top != t->chunk + 24)
		return;
	fake_unmap(&t->im->fake, t->chunk, t->limit - t->chunk);
	t->chunk = below;
	t->top = below + 24 + 8 * fake_get64(&t->im->fake, below + 16);
	t->limit = below + fake_get64(&t->im->fake, below + 8);
}

static void pop_frame(struct image_thread *t)
{
	struct image *im = t->im;
	struct image_frame f = t->frame[--t->nframes];

	image_set(im, t->at, F_THREAD_FRAME, current_of(t));
	if (!f.shim) {
		uint64_t last = image_get(im, f.code, F_CODE_UNITS) - 1;

		image_set(im, f.at, F_FRAME_INSTR, f.code + im->layout.code_units_at + 2 * last);
		image_set(im, f.at, F_FRAME_STACKTOP, 0);
		if (im->layout.clears_executable)
			image_set(im, f.at, F_FRAME_EXECUTABLE, 1); /* the null reference */
	}
	if (f.bytes) {
		t->top -= f.bytes;
		pop_chunk(t);
		publish_data_stack(t);
	} else if (!f.shim) {
		image_set(im, f.at, F_FRAME_PREVIOUS, 0);
		leave_generator(t, f.at);
	}
	save_stacktop(t, true);
}

void image_pop(struct image_thread *t)
{
	pop_frame(t);
	if (t->nframes && t->frame[t->nframes - 1].shim)
		pop_frame(t);
}

void image_step(struct image_thread *t, unsigned unit)
{
	const struct image_frame *f = &t->frame[t->nframes - 1];

	image_set(t->im, f->at, F_FRAME_INSTR,
		  f->code + t->im->layout.code_units_at + 2 * (raddr)unit);
}

void image_use_copy(struct image *im, raddr frame, raddr code, unsigned copy, unsigned unit)
{
	raddr array = image_get(im, code, F_CODE_TLBC);

	image_set(im, frame, F_FRAME_TLBC_INDEX, copy);
	image_set(im, frame, F_FRAME_INSTR,
		  fake_get64(&im->fake, array + 8 + 8 * (raddr)copy) + 2 * (raddr)unit);
}

/* --- threading._active --- */

enum { BASIC_SIZE = 64, NAME_INDEX = 2 }; /* _name is the third attribute */

static raddr thread_type(struct image *im, bool in_dict)
{
	raddr type = image_type(im, "Thread");
	struct image_pair keys[] = { { image_str(im, "_target"), 0 },
				     { image_str(im, "_args"), 0 },
				     { image_str(im, "_name"), 0 },
				     { image_str(im, "_daemonic"), 0 } };

	image_set(im, type, F_TYPE_FLAGS, in_dict ? 0 : 1 << 2);
	image_set(im, type, F_TYPE_BASICSIZE, BASIC_SIZE);
	image_set(im, type, F_HEAPTYPE_CACHED_KEYS, make_keys(im, keys, 4, 2));
	return type;
}

static raddr thread_object(struct image *im, raddr type, raddr name, bool in_dict)
{
	enum { BEFORE = 32 };
	unsigned char header[8] = { 30, 4, 1, 1 }; /* capacity, size, embedded, valid */
	raddr at = image_take(im, BEFORE + BASIC_SIZE + 8 + 4 * 8) + BEFORE;

	image_set(im, at, F_CODE_TYPE, type);
	if (in_dict) {
		struct image_pair pairs[] = { { image_str(im, "_args"), im->none },
					      { image_str(im, "_name"), name } };

		fake_put64(&im->fake, at - (im->layout.free_threaded ? 8 : 24),
			   image_dict(im, pairs, 2, false));
		return at;
	}
	fake_put(&im->fake, at + BASIC_SIZE, header, sizeof header);
	fake_put64(&im->fake, at + BASIC_SIZE + 8 + 8 * NAME_INDEX, name);
	return at;
}

void image_names(struct image *im, const struct image_name *names, size_t n, bool in_dict)
{
	struct image_pair *active = calloc(n, sizeof *active), pair[2];
	raddr type = thread_type(im, in_dict), module, dict;

	if (!active)
		abort();
	for (size_t i = 0; i < n; i++)
		active[i] =
			(struct image_pair){ image_int(im, names[i].ident),
					     thread_object(im, type, image_str(im, names[i].name),
							   in_dict) };
	pair[0] = (struct image_pair){ image_str(im, "_limbo"), im->none };
	pair[1] = (struct image_pair){ image_str(im, "_active"), image_dict(im, active, n, true) };
	free(active);
	dict = image_dict(im, pair, 2, false);
	module = image_take(im, im->layout.object_size + 64);
	fake_put64(&im->fake, module + im->layout.object_size, dict);
	pair[0] = (struct image_pair){ image_str(im, "sys"), im->none };
	pair[1] = (struct image_pair){ image_str(im, "threading"), module };
	image_set(im, im->interpreter, F_INTERP_MODULES, image_dict(im, pair, 2, false));
}
