/* SPDX-License-Identifier: MIT */
/* Invariant: an index means the same record until code_make_room() or code_cache_forget(): nothing
 * is thrown away while a stack is being unwound. */
#include "profiler/code.h"

#include "profiler/code_read.h"

#include <stdlib.h>

enum {
	CODES_MAX = 1 << 20,
	TLBC_MAX = 4096, /* one entry a thread */
};

#define CODES_BYTES_MAX ((size_t)1 << 30)

enum ps_status code_cache_init(struct code_cache *c, struct target *t, const struct layout *l,
			       struct profile *p)
{
	*c = (struct code_cache){ .target = t, .layout = l, .profile = p, .epoch = 1 };
	c->mem.max = CODES_BYTES_MAX;
	table_init(&c->by_address, &c->mem);
	c->scratch = malloc(sizeof *c->scratch);
	return c->scratch ? PS_OK : PS_NOMEM;
}

static void drop_all(struct code_cache *c)
{
	for (uint32_t i = 0; i < c->ncodes; i++)
		code_drop(c, &c->codes[i]);
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

/* Reads the object anew into a record; on failure the record is as before. */
static enum ps_status refresh(struct code_cache *c, raddr at, struct code *record)
{
	struct code fresh = { 0 };
	enum ps_status st = code_read(c, at, &fresh);

	if (st) {
		code_drop(c, &fresh);
		return st;
	}
	code_drop(c, record);
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
		return code_note_full(c, PS_LIMIT);
	PS_TRY(code_note_full(c, mem_reserve(&c->mem, (void **)&c->codes, &c->codes_cap,
					     c->ncodes + 1, sizeof *c->codes)));
	PS_TRY(code_note_full(c, table_reserve(&c->by_address)));
	c->codes[c->ncodes] = (struct code){ 0 };
	PS_TRY(refresh(c, at, &c->codes[c->ncodes]));
	table_insert(&c->by_address, hash_address(at), c->ncodes);
	*ret = c->ncodes++;
	return PS_OK;
}

bool code_of_instr(const struct code_cache *c, raddr instr, uint32_t *ret)
{
	enum { ALIGNMENT = 8, FAR = 16384 };
	raddr at = (instr - c->layout->code_units_at) & ~(raddr)(ALIGNMENT - 1);

	for (uint32_t back = 0; back < FAR; back += ALIGNMENT) {
		if (code_known(c, at - back, ret))
			return instr - c->codes[*ret].units_at < 2 * (raddr)c->codes[*ret].nunits;
	}
	return false;
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
		    code_fingerprint(c->layout, s->headers[i], code, s->contents[i]) ==
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
	uint32_t batch[CODE_VERIFY_BATCH], k = 0;

	*ret_changed = false;
	for (uint32_t i = 0; i < n; i++) {
		struct code *code = &c->codes[which[i]];

		if (code->epoch == c->epoch)
			continue;
		/* Set at once, so that a code that stands many times on a stack is read once;
		 * what fails below is brought back to the old epoch by its caller's loss. */
		code->epoch = c->epoch;
		batch[k++] = which[i];
		if (k == CODE_VERIFY_BATCH) {
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
	    code_resize(c, &entries, 0, n * sizeof *code->tlbc))
		return false;
	if (target_read(c->target, array + 8, entries, n * sizeof *code->tlbc)) {
		(void)!code_resize(c, &entries, n * sizeof *code->tlbc, 0);
		return false;
	}
	array = 0;
	if (code->tlbc) {
		void *old = code->tlbc;

		(void)!code_resize(c, &old, code->ntlbc * sizeof *code->tlbc, 0);
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
