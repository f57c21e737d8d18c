/* SPDX-License-Identifier: MIT */
/* Invariants
 *  1. A record is written only when all of its code object was read, and the object was
 *     the same before and after: a name belongs to its address or is not believed.
 *  2. What the target says about lengths is bounded before memory is taken for it.
 *  3. An index means the same record until code_make_room() or code_cache_forget(): nothing
 *     is thrown away while a stack is being unwound.
 */
#include "profiler/code.h"

#include "offsets/opcodes.h"
#include "profiler/unicode.h"

#include <stdlib.h>

enum {
	UNITS_MAX = 8 << 20,      /* 16 MiB of bytecode */
	LINETABLE_MAX = 16 << 20, /* a generated module's table has been seen at 1 MiB */
	STACK_SLOTS_MAX = 8 << 20,
	CODES_MAX = 1 << 20,
	TLBC_MAX = 4096, /* one entry a thread */
	VERIFY_BATCH = 128,
	CONTENT_MAX = 96, /* bytes of each that the fingerprint covers */
};

/* co_flags, cpython/code.h */
enum { CO_GENERATOR = 0x20, CO_COROUTINE = 0x80, CO_ASYNC_GENERATOR = 0x200 };

#define CODES_BYTES_MAX ((size_t)1 << 30)

struct code_scratch {
	char name[UNICODE_UTF8_MAX], file[UNICODE_UTF8_MAX];
	unsigned char headers[VERIFY_BATCH][512];
	unsigned char contents[VERIFY_BATCH][CODE_CONTENTS][CONTENT_MAX];
	struct iovec local[VERIFY_BATCH * (1 + CODE_CONTENTS)];
	struct iovec remote[VERIFY_BATCH * (1 + CODE_CONTENTS)];
};
_Static_assert(VERIFY_BATCH *(1 + CODE_CONTENTS) <= 1024, "a batch is one call");

enum ps_status code_cache_init(struct code_cache *c, struct target *t, const struct layout *l,
			       struct profile *p)
{
	*c = (struct code_cache){ .target = t, .layout = l, .profile = p, .epoch = 1 };
	c->mem.max = CODES_BYTES_MAX;
	table_init(&c->by_address, &c->mem);
	c->scratch = malloc(sizeof *c->scratch);
	return c->scratch ? PS_OK : PS_NOMEM;
}

static size_t marks_bytes(uint32_t nunits)
{
	return (size_t)nunits + 1;
}

static void drop(struct code_cache *c, struct code *code)
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

static void drop_all(struct code_cache *c)
{
	for (uint32_t i = 0; i < c->ncodes; i++)
		drop(c, &c->codes[i]);
	c->ncodes = 0;
	table_clear(&c->by_address);
	c->generation++;
}

void code_cache_deinit(struct code_cache *c)
{
	drop_all(c);
	table_deinit(&c->by_address);
	free(c->codes);
	free(c->scratch);
	*c = (struct code_cache){ 0 };
}

void code_cache_forget(struct code_cache *c, const struct layout *l)
{
	drop_all(c);
	c->layout = l;
	c->code_type = 0;
	c->epoch++;
}

bool code_make_room(struct code_cache *c)
{
	if (!c->full)
		return false;
	drop_all(c);
	c->full = false;
	return true;
}

static enum ps_status note_full(struct code_cache *c, enum ps_status st)
{
	c->full |= st == PS_LIMIT;
	return st;
}

static enum ps_status resize(struct code_cache *c, void **at, size_t old_bytes, size_t new_bytes)
{
	return note_full(c, mem_resize(&c->mem, at, old_bytes, new_bytes));
}

/* --- one code object --- */

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
static uint64_t make_fingerprint(const struct layout *l, const void *header,
				 const struct code *code,
				 unsigned char contents[CODE_CONTENTS][CONTENT_MAX])
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
	code->content[which].len = s.data_at && s.length * s.width < CONTENT_MAX
					   ? (uint32_t)(s.length * s.width)
				   : s.data_at ? CONTENT_MAX
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
	code->content[2].len = len < CONTENT_MAX ? (uint32_t)len : CONTENT_MAX;
	return PS_OK;
}

static enum ps_status read_fingerprint(struct code_cache *c, const void *header,
				       const struct code *code, uint64_t *ret)
{
	unsigned char contents[CODE_CONTENTS][CONTENT_MAX];

	for (unsigned i = 0; i < CODE_CONTENTS; i++) {
		if (code->content[i].len)
			PS_TRY(target_read(c->target, code->content[i].at, contents[i],
					   code->content[i].len));
	}
	*ret = make_fingerprint(c->layout, header, code, contents);
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
	PS_TRY(resize(c, &bytes, 0, len + 1));
	st = target_read(c->target, table + l->bytes_data_at, bytes, len);
	if (len == 0)
		st = PS_OK;
	room = len < code->nunits ? len : code->nunits;
	if (!st && room)
		st = resize(c, &runs, 0, room * sizeof *code->runs);
	if (!st)
		st = linetable_decode(bytes, len, code->first_line, code->nunits, runs, room, &n);
	(void)!resize(c, &bytes, len + 1, 0);
	/* Shrunk to what it holds; a table that contradicts itself was torn. */
	if (!st && room)
		st = resize(c, &runs, room * sizeof *code->runs, n * sizeof *code->runs);
	if (st) {
		if (runs)
			(void)!resize(c, &runs, room * sizeof *code->runs, 0);
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

	PS_TRY(resize(c, &units, 0, code->nunits * 2));
	st = target_read(c->target, code->units_at, units, code->nunits * 2);
	if (!st)
		st = resize(c, &marks, 0, bytes);
	if (!st) {
		memset(marks, 0, bytes);
		set_marks(layout_minor(c->layout), units, code->nunits, marks);
		code->marks = marks;
	}
	(void)!resize(c, &units, code->nunits * 2, 0);
	return st;
}

/* inject.py calls everything from one function, on which what the user wants to run stands, and has
 * compiled what it seldom needs under a name of ours; heap_live.c calls its script so. */
static uint32_t flags_of_ours(const char *name, size_t name_len, const char *file, size_t file_len)
{
	static const char entry[] = "pysample_inject", dump[] = "<heap dump>";
	static const char seldom[] = "<pysample>";
	uint32_t flags = 0;

	if (name_len >= sizeof entry - 1 && memcmp(name, entry, sizeof entry - 1) == 0)
		flags = name_len == sizeof entry - 1 ? CODE_HIDDEN | CODE_INJECTED : CODE_HIDDEN;
	if ((file_len == sizeof dump - 1 && memcmp(file, dump, sizeof dump - 1) == 0) ||
	    (file_len == sizeof seldom - 1 && memcmp(file, seldom, sizeof seldom - 1) == 0))
		flags |= CODE_HIDDEN;
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

static enum ps_status read_object(struct code_cache *c, raddr at, struct code *code)
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

/* Reads the object anew into a record; on failure the record is as before. */
static enum ps_status refresh(struct code_cache *c, raddr at, struct code *record)
{
	struct code fresh = { 0 };
	enum ps_status st = read_object(c, at, &fresh);

	if (st) {
		drop(c, &fresh);
		return st;
	}
	drop(c, record);
	*record = fresh;
	return PS_OK;
}

static uint32_t hash_address(raddr at)
{
	return hash_words(at, 0);
}

bool code_known(const struct code_cache *c, raddr at, uint32_t *ret)
{
	uint32_t pos = TABLE_START, id;

	while ((id = table_next(&c->by_address, hash_address(at), &pos)) != TABLE_NONE) {
		if (c->codes[id].at == at) {
			*ret = id;
			return true;
		}
	}
	return false;
}

enum ps_status code_find(struct code_cache *c, raddr at, uint32_t *ret)
{
	if (code_known(c, at, ret))
		return PS_OK;
	if (at % 8 || at < 4096)
		return PS_TORN;
	if (c->ncodes >= CODES_MAX)
		return note_full(c, PS_LIMIT);
	PS_TRY(note_full(c, mem_reserve(&c->mem, (void **)&c->codes, &c->codes_cap, c->ncodes + 1,
					sizeof *c->codes)));
	PS_TRY(note_full(c, table_reserve(&c->by_address)));
	c->codes[c->ncodes] = (struct code){ 0 };
	PS_TRY(refresh(c, at, &c->codes[c->ncodes]));
	table_insert(&c->by_address, hash_address(at), c->ncodes);
	*ret = c->ncodes++;
	return PS_OK;
}

/* --- reuse --- */

/* The pieces of one code object: its header, then its contents. */
static unsigned add_pieces(struct code_cache *c, const struct code *code, unsigned i, unsigned n)
{
	struct code_scratch *s = c->scratch;
	uint32_t span = c->layout->span[S_CODE];

	s->local[n] = (struct iovec){ s->headers[i], span };
	s->remote[n++] = (struct iovec){ (void *)(uintptr_t)code->at, span };
	for (unsigned k = 0; k < CODE_CONTENTS; k++) {
		uint32_t len = code->content[k].len;

		s->local[n] = (struct iovec){ s->contents[i][k], len };
		s->remote[n++] = (struct iovec){ (void *)(uintptr_t)code->content[k].at, len };
	}
	return n;
}

static size_t pieces_length(const struct code_cache *c, const struct code *code)
{
	size_t sum = c->layout->span[S_CODE];

	for (unsigned k = 0; k < CODE_CONTENTS; k++)
		sum += code->content[k].len;
	return sum;
}

static enum ps_status verify_batch(struct code_cache *c, const uint32_t *which, uint32_t n,
				   bool *changed)
{
	struct code_scratch *s = c->scratch;
	unsigned pieces = 0;
	size_t got;
	enum ps_status st;

	for (uint32_t i = 0; i < n; i++)
		pieces = add_pieces(c, &c->codes[which[i]], i, pieces);
	st = target_readv(c->target, s->local, pieces, s->remote, pieces, &got);
	if (st != PS_OK && st != PS_FAULT)
		return st;
	for (uint32_t i = 0; i < n; i++) {
		struct code *code = &c->codes[which[i]];
		size_t len = pieces_length(c, code);
		func_id before = code->function;
		bool came = got >= len;

		got -= came ? len : got;
		if (came && layout_get(c->layout, s->headers[i], F_CODE_TYPE) == c->code_type &&
		    make_fingerprint(c->layout, s->headers[i], code, s->contents[i]) ==
			    code->fingerprint) {
			code->epoch = c->epoch;
			continue;
		}
		PS_TRY(refresh(c, code->at, code));
		c->replaced++;
		c->generation++; /* what was told by it, of whatever thread, is void */
		if (code->function.v != before.v)
			*changed = true;
	}
	return PS_OK;
}

enum ps_status code_verify(struct code_cache *c, const uint32_t *which, uint32_t n,
			   bool *ret_changed)
{
	uint32_t batch[VERIFY_BATCH], k = 0;

	*ret_changed = false;
	for (uint32_t i = 0; i < n; i++) {
		struct code *code = &c->codes[which[i]];

		if (code->epoch == c->epoch)
			continue;
		/* Set at once, so that a code that stands many times on a stack is read once;
		 * what fails below is brought back to the old epoch by its caller's loss. */
		code->epoch = c->epoch;
		batch[k++] = which[i];
		if (k == VERIFY_BATCH) {
			enum ps_status st = verify_batch(c, batch, k, ret_changed);

			if (st) {
				c->epoch++;
				return st;
			}
			k = 0;
		}
	}
	if (k) {
		enum ps_status st = verify_batch(c, batch, k, ret_changed);

		if (st)
			c->epoch++;
		return st;
	}
	return PS_OK;
}

enum ps_status code_renew(struct code_cache *c, uint32_t which, bool *ret_renewed)
{
	uint32_t before = c->replaced;
	bool other_function;

	*ret_renewed = false;
	if (c->codes[which].epoch == c->epoch)
		return PS_OK;
	PS_TRY(verify_batch(c, &which, 1, &other_function));
	*ret_renewed = c->replaced != before;
	return PS_OK;
}

/* --- instructions --- */

/* The array of bytecode copies grows while we hold an older one: read it again once. */
static bool read_tlbc(struct code_cache *c, struct code *code)
{
	raddr array = 0;
	uint64_t n = 0;
	void *entries = NULL;

	if (target_read(c->target, code->at + c->layout->at[F_CODE_TLBC], &array, 8) || !array ||
	    target_read(c->target, array, &n, 8) || n == 0 || n > TLBC_MAX ||
	    resize(c, &entries, 0, n * sizeof *code->tlbc))
		return false;
	if (target_read(c->target, array + 8, entries, n * sizeof *code->tlbc)) {
		(void)!resize(c, &entries, n * sizeof *code->tlbc, 0);
		return false;
	}
	array = 0;
	if (code->tlbc) {
		void *old = code->tlbc;

		(void)!resize(c, &old, code->ntlbc * sizeof *code->tlbc, 0);
	}
	code->tlbc = entries;
	code->ntlbc = (uint32_t)n;
	return true;
}

static bool unit_in(raddr base, uint32_t nunits, raddr instr, uint32_t *ret)
{
	raddr distance = instr - base;

	if (distance % 2 || distance / 2 >= nunits)
		return false;
	*ret = (uint32_t)(distance / 2);
	return true;
}

bool code_unit(struct code_cache *c, uint32_t which, raddr instr, uint32_t tlbc_index,
	       uint32_t *ret)
{
	struct code *code = &c->codes[which];

	if (!tlbc_index || !layout_has(c->layout, F_CODE_TLBC))
		return unit_in(code->units_at, code->nunits, instr, ret);
	for (int attempt = 0; attempt < 2; attempt++) {
		if (tlbc_index < code->ntlbc && code->tlbc[tlbc_index] &&
		    unit_in(code->tlbc[tlbc_index], code->nunits, instr, ret))
			return true;
		if (attempt == 0 && !read_tlbc(c, code))
			return false;
	}
	return false;
}
