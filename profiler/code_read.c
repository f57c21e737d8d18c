/* SPDX-License-Identifier: MIT */
/* Invariants
 *  1. A record is written only when all of its code object was read, and the object was
 *     the same before and after: a name belongs to its address or is not believed.
 *  2. What the target says about lengths is bounded before memory is taken for it.
 */
#include "profiler/code_read.h"

#include "offsets/opcodes.h"

enum {
	UNITS_MAX = 8 << 20,      /* 16 MiB of bytecode */
	LINETABLE_MAX = 16 << 20, /* a generated module's table has been seen at 1 MiB */
	STACK_SLOTS_MAX = 8 << 20,
};

/* co_flags, cpython/code.h */
enum { CO_GENERATOR = 0x20, CO_COROUTINE = 0x80, CO_ASYNC_GENERATOR = 0x200 };

enum ps_status code_note_full(struct code_cache *c, enum ps_status st)
{
	c->full |= st == PS_LIMIT;
	return st;
}

enum ps_status code_resize(struct code_cache *c, void **at, size_t old_bytes, size_t new_bytes)
{
	return code_note_full(c, mem_resize(&c->mem, at, old_bytes, new_bytes));
}

static size_t marks_bytes(uint32_t nunits)
{
	return (size_t)nunits + 1;
}

void code_drop(struct code_cache *c, struct code *code)
{
	void *runs = code->runs, *marks = code->marks, *tlbc = code->tlbc;

	/* Giving back cannot fail. */
	(void)!mem_resize(&c->mem, &runs, code->nruns * sizeof *code->runs, 0);
	(void)!mem_resize(&c->mem, &marks, marks ? marks_bytes(code->nunits) : 0, 0);
	(void)!mem_resize(&c->mem, &tlbc, code->ntlbc * sizeof *code->tlbc, 0);
	code->runs = NULL;
	code->marks = NULL;
	code->tlbc = NULL;
	code->nruns = code->ntlbc = 0;
}

/* Is this the type object of code objects? Asked once a program. */
static bool is_code_type(struct code_cache *c, raddr type)
{
	char name[5];
	raddr at;

	return target_read(c->target, type + c->layout->at[F_TYPE_NAME], &at, 8) == PS_OK &&
	       target_read(c->target, at, name, sizeof name) == PS_OK &&
	       memcmp(name, "code", 5) == 0;
}

static enum ps_status check_header(struct code_cache *c, const void *header)
{
	const struct layout *l = c->layout;
	raddr type = layout_get(l, header, F_CODE_TYPE);
	uint64_t units = layout_get(l, header, F_CODE_UNITS);
	uint64_t stack = layout_get(l, header, F_CODE_STACKSIZE);
	uint64_t locals = layout_get(l, header, F_CODE_NLOCALSPLUS);

	if (type % 8 || !type || (c->code_type && type != c->code_type))
		return PS_TORN;
	if (units == 0 || units > UNITS_MAX || stack > STACK_SLOTS_MAX || locals > STACK_SLOTS_MAX)
		return PS_TORN;
	/* codeobject.c: a frame is its locals, its stack and what is before localsplus. This
	 * also shows that the fields which the table does not tell are where we think. */
	if (layout_get(l, header, F_CODE_FRAMESIZE) != locals + stack + l->frame_locals_at / 8)
		return PS_TORN;
	if (!c->code_type) {
		if (!is_code_type(c, type))
			return PS_TORN;
		c->code_type = type;
	}
	return PS_OK;
}

/* All addresses may be taken again in the same order, and a name's own hash need not have
 * been computed yet: so the characters count. */
uint64_t code_fingerprint(const struct layout *l, const void *header, const struct code *code,
			  unsigned char contents[CODE_CONTENTS][CODE_CONTENT_MAX])
{
	static const enum layout_field fields[] = { F_CODE_UNITS,     F_CODE_FLAGS,
						    F_CODE_FIRSTLINE, F_CODE_FRAMESIZE,
						    F_CODE_FILENAME,  F_CODE_QUALNAME,
						    F_CODE_LINETABLE };
	uint64_t h = 0;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		h = hash_mix(h * 31 + layout_get(l, header, fields[i]));
	for (unsigned i = 0; i < CODE_CONTENTS; i++)
		h = hash_mix(h * 31 + hash_bytes(contents[i], code->content[i].len, i));
	return h;
}

static enum ps_status find_text(struct code_cache *c, raddr at, struct code *code, unsigned which)
{
	unsigned char object[128];
	struct unicode_shape s;

	PS_TRY(target_read(c->target, at, object, c->layout->span[S_UNICODE]));
	if (!unicode_shape(c->layout, object, &s))
		return PS_TORN;
	code->content[which].at = at + s.data_at;
	code->content[which].len = s.data_at && s.length * s.width < CODE_CONTENT_MAX
					   ? (uint32_t)(s.length * s.width)
				   : s.data_at ? CODE_CONTENT_MAX
					       : 0;
	return PS_OK;
}

static enum ps_status find_contents(struct code_cache *c, const void *header, struct code *code)
{
	const struct layout *l = c->layout;
	raddr table = layout_get(l, header, F_CODE_LINETABLE);
	uint64_t len;

	PS_TRY(find_text(c, layout_get(l, header, F_CODE_QUALNAME), code, 0));
	PS_TRY(find_text(c, layout_get(l, header, F_CODE_FILENAME), code, 1));
	PS_TRY(target_read(c->target, table + l->at[F_BYTES_SIZE], &len, 8));
	code->content[2].at = table + l->bytes_data_at;
	code->content[2].len = len < CODE_CONTENT_MAX ? (uint32_t)len : CODE_CONTENT_MAX;
	return PS_OK;
}

static enum ps_status read_fingerprint(struct code_cache *c, const void *header,
				       const struct code *code, uint64_t *ret)
{
	unsigned char contents[CODE_CONTENTS][CODE_CONTENT_MAX];

	for (unsigned i = 0; i < CODE_CONTENTS; i++) {
		if (code->content[i].len)
			PS_TRY(target_read(c->target, code->content[i].at, contents[i],
					   code->content[i].len));
	}
	*ret = code_fingerprint(c->layout, header, code, contents);
	return PS_OK;
}

static enum ps_status read_lines(struct code_cache *c, const void *header, struct code *code)
{
	const struct layout *l = c->layout;
	raddr table = layout_get(l, header, F_CODE_LINETABLE);
	void *bytes = NULL, *runs = NULL;
	uint64_t len;
	size_t n = 0, room;
	enum ps_status st;

	PS_TRY(target_read(c->target, table + l->at[F_BYTES_SIZE], &len, 8));
	if (len > LINETABLE_MAX)
		return PS_TORN;
	PS_TRY(code_resize(c, &bytes, 0, len + 1));
	st = target_read(c->target, table + l->bytes_data_at, bytes, len);
	if (len == 0)
		st = PS_OK;
	room = len < code->nunits ? len : code->nunits;
	if (!st && room)
		st = code_resize(c, &runs, 0, room * sizeof *code->runs);
	if (!st)
		st = linetable_decode(bytes, len, code->first_line, code->nunits, runs, room, &n);
	(void)!code_resize(c, &bytes, len + 1, 0);
	/* Shrunk to what it holds; a table that contradicts itself was torn. */
	if (!st && room)
		st = code_resize(c, &runs, room * sizeof *code->runs, n * sizeof *code->runs);
	if (st) {
		if (runs)
			(void)!code_resize(c, &runs, room * sizeof *code->runs, 0);
		return st;
	}
	code->runs = runs;
	code->nruns = (uint32_t)n;
	return PS_OK;
}

static void set_marks(unsigned minor, const uint8_t *units, uint32_t n, uint8_t *ret)
{
	uint8_t classes[OPCODES];

	opcode_classes(minor, classes);
	for (uint32_t i = 0; i < n; i++)
		ret[i] = classes[units[i * 2]] & MARKS;
}

/* The caches between instructions may look like anything: a frame never stands at one,
 * so that does no harm. */
static enum ps_status read_marks(struct code_cache *c, struct code *code)
{
	size_t bytes = marks_bytes(code->nunits);
	void *units = NULL, *marks = NULL;
	enum ps_status st;

	PS_TRY(code_resize(c, &units, 0, code->nunits * 2));
	st = target_read(c->target, code->units_at, units, code->nunits * 2);
	if (!st)
		st = code_resize(c, &marks, 0, bytes);
	if (!st) {
		memset(marks, 0, bytes);
		set_marks(layout_minor(c->layout), units, code->nunits, marks);
		code->marks = marks;
	}
	(void)!code_resize(c, &units, code->nunits * 2, 0);
	return st;
}

/* inject.py calls everything from one function, on which what the user wants to run stands, and has
 * compiled what it seldom needs under a name of ours, as request_ring.c has it and what reads it;
 * modules of that name stand on nothing else. heap_live.c calls its script so. */
static uint32_t flags_of_ours(const char *name, size_t name_len, const char *file, size_t file_len)
{
	static const char entry[] = "pysample_inject", dump[] = "<heap dump>";
	static const char ours[] = "<pysample>", module[] = "<module>";
	uint32_t flags = 0;

	if (name_len >= sizeof entry - 1 && memcmp(name, entry, sizeof entry - 1) == 0)
		flags = name_len == sizeof entry - 1 ? CODE_HIDDEN | CODE_INJECTED : CODE_HIDDEN;
	if (file_len == sizeof dump - 1 && memcmp(file, dump, sizeof dump - 1) == 0)
		flags |= CODE_HIDDEN;
	if (file_len == sizeof ours - 1 && memcmp(file, ours, sizeof ours - 1) == 0) {
		flags |= CODE_HIDDEN;
		if (name_len == sizeof module - 1 && memcmp(name, module, name_len) == 0)
			flags |= CODE_INJECTED;
	}
	return flags;
}

static enum ps_status read_names(struct code_cache *c, const void *header, struct code *code)
{
	const struct layout *l = c->layout;
	struct code_scratch *s = c->scratch;
	struct profile_function f = { .line = code->first_line };
	size_t name, file;

	PS_TRY(unicode_read(c->target, l, layout_get(l, header, F_CODE_QUALNAME), s->name, &name));
	PS_TRY(unicode_read(c->target, l, layout_get(l, header, F_CODE_FILENAME), s->file, &file));
	f.name = (struct profile_text){ s->name, (uint32_t)name };
	f.file = (struct profile_text){ s->file, (uint32_t)file };
	/* specialize.c: the shim that a specialized class call puts below __init__ has
	 * "__init__" for name and file, and no line. */
	if (file == 8 && memcmp(s->file, "__init__", 8) == 0 && code->first_line == 0)
		code->flags |= CODE_HIDDEN;
	code->flags |= flags_of_ours(s->name, name, s->file, file);
	return profile_function(c->profile, &f, &code->function);
}

static void take_header(const struct layout *l, raddr at, const void *header, struct code *code)
{
	uint32_t flags = (uint32_t)layout_get(l, header, F_CODE_FLAGS);

	code->at = at;
	code->units_at = at + l->code_units_at;
	code->nunits = (uint32_t)layout_get(l, header, F_CODE_UNITS);
	code->frame_bytes = (uint32_t)layout_get(l, header, F_CODE_FRAMESIZE) * 8;
	code->nlocalsplus = (uint32_t)layout_get(l, header, F_CODE_NLOCALSPLUS);
	code->version = (uint32_t)layout_get(l, header, F_CODE_VERSION);
	code->first_line = (uint32_t)layout_get(l, header, F_CODE_FIRSTLINE);
	if (code->first_line > INT32_MAX)
		code->first_line = 0;
	code->flags =
		flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) ? CODE_GENERATOR : 0;
}

enum ps_status code_read(struct code_cache *c, raddr at, struct code *code)
{
	const struct layout *l = c->layout;
	unsigned char header[512];
	uint64_t again;

	code->read = ++c->reads;
	PS_TRY(target_read(c->target, at, header, l->span[S_CODE]));
	PS_TRY(check_header(c, header));
	take_header(l, at, header, code);
	PS_TRY(find_contents(c, header, code));
	PS_TRY(read_fingerprint(c, header, code, &code->fingerprint));
	PS_TRY(read_names(c, header, code));
	PS_TRY(read_lines(c, header, code));
	PS_TRY(read_marks(c, code));
	PS_TRY(target_read(c->target, at, header, l->span[S_CODE]));
	PS_TRY(read_fingerprint(c, header, code, &again));
	code->epoch = c->epoch;
	return again == code->fingerprint ? PS_OK : PS_TORN;
}
