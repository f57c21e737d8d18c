/* SPDX-License-Identifier: MIT */
#include "offsets/debug_offsets.h"

#include "tests/support/tables.h"
#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* What offsetof() and sizeof say of the same builds, field by field. */
static const struct {
	enum layout_field field;
	int64_t at[NTABLES]; /* -1: absent */
} known[] = {
	/*			       3.13.0 3.13.18 3.13t 3.14.10 3.14t 3.15.2 3.15t */
	{ F_RUNTIME_INTERPRETERS_HEAD, { 632, 632, 632, 808, 808, 936, 936 } },
	{ F_RUNTIME_INTERPRETERS_MAIN, { 640, 640, 640, 816, 816, 944, 944 } },
	{ F_INTERP_ID, { 7272, 7272, 7272, 7280, 7280, 7272, 7272 } },
	{ F_INTERP_NEXT, { 7264, 7264, 7264, 7272, 7272, 7264, 7264 } },
	{ F_INTERP_THREADS_HEAD, { 7344, 7344, 7344, 7344, 7344, 7336, 7336 } },
	{ F_INTERP_GC_COLLECTING, { 7600, 7600, 7600, 7600, 7600, 7512, 7512 } },
	{ F_INTERP_GC_FRAME, { -1, -1, -1, -1, -1, 7520, 7520 } },
	{ F_INTERP_MODULES, { 7656, 7656, 7664, 7688, 7712, 7592, 7592 } },
	{ F_INTERP_GIL_HOLDER, { 7760, 7760, -1, 7792, -1, 7744, -1 } },
	{ F_INTERP_GIL_SWITCHES, { 7776, 7776, -1, 7808, -1, 7760, -1 } },
	{ F_INTERP_GENERATION, { -1, -1, -1, 7992, 8024, 7944, 7952 } },
	{ F_INTERP_REMOTE_DEBUG, { -1, -1, -1, 8076, 8108, 8028, 8036 } },
	{ F_THREAD_NEXT, { 8, 8, 8, 8, 8, 8, 8 } },
	{ F_THREAD_INTERP, { 16, 16, 16, 16, 16, 16, 16 } },
	{ F_THREAD_STATUS, { 32, 32, 32, 32, 32, 32, 32 } },
	{ F_THREAD_FRAME, { 72, 72, 72, 72, 72, 72, 72 } },
	{ F_THREAD_BASE_FRAME, { -1, -1, -1, -1, -1, 80, 80 } },
	{ F_THREAD_GIL_REQUESTED, { -1, -1, -1, -1, -1, 40, 40 } },
	{ F_THREAD_RAISED, { 112, 112, 112, 112, 112, 136, 136 } },
	{ F_THREAD_EXC_INFO, { 120, 120, 120, 120, 120, 144, 144 } },
	{ F_THREAD_EXC_STATE, { 256, 256, 256, 256, 256, 288, 288 } },
	{ F_THREAD_EXC_VALUE, { 256, 256, 256, 256, 256, 288, 288 } },
	{ F_THREAD_IDENT, { 152, 152, 152, 152, 152, 176, 176 } },
	{ F_THREAD_TID, { 160, 160, 160, 160, 160, 184, 184 } },
	{ F_THREAD_CHUNK, { 232, 232, 232, 232, 232, 256, 256 } },
	{ F_THREAD_TOP, { 240, 240, 240, 240, 240, 264, 264 } },
	{ F_FRAME_EXECUTABLE, { 0, 0, 0, 0, 0, 0, 0 } },
	{ F_FRAME_PREVIOUS, { 8, 8, 8, 8, 8, 8, 8 } },
	{ F_FRAME_INSTR, { 56, 56, 56, 56, 56, 56, 56 } },
	{ F_FRAME_STACKTOP, { 64, 64, 64, -1, -1, -1, -1 } },
	{ F_FRAME_STACKPOINTER, { -1, -1, -1, 64, 64, 64, 64 } },
	{ F_FRAME_OWNER, { 70, 70, 70, 74, 78, 74, 78 } },
	{ F_FRAME_TLBC_INDEX, { -1, -1, -1, -1, 72, -1, 72 } },
	{ F_EXC_VALUE, { 0, 0, 0, 0, 0, 0, 0 } },
	{ F_EXC_PREVIOUS, { 8, 8, 8, 8, 8, 8, 8 } },
	{ F_CODE_TYPE, { 8, 8, 24, 8, 24, 8, 24 } },
	{ F_CODE_UNITS, { 16, 16, 32, 16, 32, 16, 32 } },
	{ F_CODE_FLAGS, { 48, 48, 64, 48, 64, 48, 64 } },
	{ F_CODE_STACKSIZE, { 64, 64, 80, 64, 80, 64, 80 } },
	{ F_CODE_FIRSTLINE, { 68, 68, 84, 68, 84, 68, 84 } },
	{ F_CODE_NLOCALSPLUS, { 72, 72, 88, 72, 88, 72, 88 } },
	{ F_CODE_FRAMESIZE, { 76, 76, 92, 76, 92, 76, 92 } },
	{ F_CODE_VERSION, { 92, 92, 108, 92, 108, 92, 108 } },
	{ F_CODE_FILENAME, { 112, 112, 128, 112, 128, 112, 128 } },
	{ F_CODE_QUALNAME, { 128, 128, 144, 128, 144, 128, 144 } },
	{ F_CODE_LINETABLE, { 136, 136, 152, 136, 152, 136, 152 } },
	{ F_CODE_TLBC, { -1, -1, -1, -1, 224, -1, 224 } },
	{ F_TYPE_NAME, { 24, 24, 40, 24, 40, 24, 40 } },
	{ F_TYPE_BASICSIZE, { 32, 32, 48, 32, 48, 32, 48 } },
	{ F_TYPE_FLAGS, { 168, 168, 184, 168, 184, 168, 184 } },
	{ F_HEAPTYPE_CACHED_KEYS, { 880, 880, 896, 880, 896, 888, 904 } },
	{ F_UNICODE_LENGTH, { 16, 16, 32, 16, 32, 16, 32 } },
	{ F_UNICODE_HASH, { 24, 24, 40, 24, 40, 24, 40 } },
	{ F_UNICODE_STATE, { 32, 32, 48, 32, 48, 32, 48 } },
	{ F_BYTES_SIZE, { 16, 16, 32, 16, 32, 16, 32 } },
	{ F_DICT_KEYS, { 32, 32, 48, 32, 48, 32, 48 } },
	{ F_DICT_VALUES, { 40, 40, 56, 40, 56, 40, 56 } },
	{ F_LONG_TAG, { 16, 16, 32, 16, 32, 16, 32 } },
	{ F_LONG_DIGITS, { 24, 24, 40, 24, 40, 24, 40 } },
};

struct sized {
	unsigned char bytes[DEBUG_OFFSETS_MAX];
	size_t len;
};

static struct sized table(enum table_id id)
{
	struct sized t;

	t.len = table_bytes_of(id, t.bytes);
	return t;
}

static void put_word(struct sized *t, size_t at, uint64_t v)
{
	memcpy(t->bytes + at, &v, sizeof v);
}

static uint64_t word(const struct sized *t, size_t at)
{
	uint64_t v;

	memcpy(&v, t->bytes + at, sizeof v);
	return v;
}

static enum ps_status parse(const struct sized *t, struct layout *ret, struct ps_err *err)
{
	return debug_offsets_parse(t->bytes, t->len, ret, err);
}

Test(debug_offsets, every_field_is_where_the_headers_say)
{
	cr_assert_eq(sizeof known / sizeof *known, LAYOUT_NFIELDS, "a row for each field");
	for (int id = 0; id < NTABLES; id++) {
		struct layout l = table_layout(id);

		for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
			int64_t want = known[i].at[id];

			cr_expect_eq(l.at[known[i].field],
				     want < 0 ? LAYOUT_ABSENT : (uint32_t)want, "%s of %s: %u",
				     layout_field_name(known[i].field), table_name(id),
				     l.at[known[i].field]);
		}
	}
}

Test(debug_offsets, every_scalar_is_what_the_headers_say)
{
	static const struct {
		uint32_t table, object, units, locals, data, ascii, compact, shift;
		raddr tags;
		bool clears;
	} want[NTABLES] = {
		{ 584, 16, 200, 72, 32, 40, 56, 2, 0, false }, /* 3.13.0 */
		{ 584, 16, 200, 72, 32, 40, 56, 2, 0, false },
		{ 584, 32, 216, 72, 48, 56, 72, 2, 0, false }, /* 3.13t */
		{ 760, 16, 208, 80, 32, 40, 56, 2, 3, true },
		{ 760, 32, 232, 80, 48, 56, 72, 8, 3, true }, /* 3.14t */
		{ 888, 16, 208, 80, 32, 40, 56, 2, 3, true },
		{ 888, 32, 232, 80, 48, 56, 72, 8, 3, true }, /* 3.15t */
	};

	for (int id = 0; id < NTABLES; id++) {
		struct layout l = table_layout(id);

		cr_expect_eq(l.table_bytes, want[id].table);
		cr_expect_eq(l.object_size, want[id].object);
		cr_expect_eq(l.code_units_at, want[id].units);
		cr_expect_eq(l.frame_locals_at, want[id].locals);
		cr_expect_eq(l.exc_before_frame, 32);
		cr_expect_eq(l.bytes_data_at, want[id].data);
		cr_expect_eq(l.unicode_ascii_at, want[id].ascii);
		cr_expect_eq(l.unicode_compact_at, want[id].compact);
		cr_expect_eq(l.unicode_kind_shift, want[id].shift, "%s", table_name(id));
		cr_expect_eq(l.tag_mask, want[id].tags, "%s", table_name(id));
		cr_expect_eq(l.clears_executable, want[id].clears);
		cr_expect_eq(l.free_threaded, strchr(table_name(id), 't') != NULL);
		cr_expect_eq(l.gil_holder, 1 << 4);
		cr_expect_eq(l.status_gone,
			     layout_minor(&l) == 13 ? 1u << 7 | 1u << 8 : 1u << 6 | 1u << 7);
	}
}

Test(debug_offsets, recognizes_by_the_first_bytes_alone)
{
	struct sized t = table(TABLE_3_15_2);

	cr_expect(debug_offsets_recognize(tail_page(t.bytes, DEBUG_OFFSETS_HEAD),
					  DEBUG_OFFSETS_HEAD));
	for (size_t len = 0; len < DEBUG_OFFSETS_HEAD; len++)
		cr_expect_not(debug_offsets_recognize(tail_page(t.bytes, len), len));
	t.bytes[3] ^= 1;
	cr_expect_not(debug_offsets_recognize(t.bytes, t.len));
	t = table(TABLE_3_15_2);
	put_word(&t, 8, 0x020700f0);
	cr_expect_not(debug_offsets_recognize(t.bytes, t.len), "Python 2 had no table");
	t = table(TABLE_3_15_2);
	put_word(&t, 16, 2);
	cr_expect_not(debug_offsets_recognize(t.bytes, t.len), "free-threaded is yes or no");
	t = table(TABLE_3_15_2);
	put_word(&t, 8, word(&t, 8) | (uint64_t)1 << 32);
	cr_expect_not(debug_offsets_recognize(t.bytes, t.len), "a version has 32 bits");
}

Test(debug_offsets, refuses_a_table_cut_short_at_every_length)
{
	for (int id = 0; id < NTABLES; id++) {
		struct sized t = table(id);
		struct layout before, l;

		memset(&l, 0x5a, sizeof l);
		before = l;
		for (size_t len = 0; len < t.len; len++) {
			struct ps_err err = { 0 };

			cr_assert_eq(debug_offsets_parse(tail_page(t.bytes, len), len, &l, &err),
				     PS_FORMAT);
			cr_assert(err.msg[0]);
		}
		cr_expect_eq(memcmp(&l, &before, sizeof l), 0, "unchanged on failure");
		cr_expect_eq(debug_offsets_parse(tail_page(t.bytes, t.len), t.len, &l, NULL),
			     PS_OK);
	}
}

Test(debug_offsets, names_a_version_that_it_does_not_know)
{
	static const struct {
		uint32_t version;
		const char *name;
	} unknown[] = { { 0x030c01f0, "CPython 3.12.1" },
			{ 0x031000a3, "CPython 3.16.0a3" },
			{ 0x03ff00f0, "CPython 3.255.0" } };

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		struct sized t = table(TABLE_3_15_2);
		struct ps_err err = { 0 };
		struct layout l;

		put_word(&t, 8, unknown[i].version);
		cr_expect_eq(parse(&t, &l, &err), PS_UNSUPPORTED);
		cr_expect(strstr(err.msg, unknown[i].name), "%s", err.msg);
	}
}

/* Everything that a walker relies on without asking again. */
static void check_harmless(const struct layout *l)
{
	static const struct {
		enum layout_struct owner;
		uint32_t room; /* of the buffers that readers have for it */
	} room[] = { { S_THREAD, 1024 }, { S_FRAME, 256 },    { S_EXC, 64 },    { S_CODE, 512 },
		     { S_TYPE, 1024 },   { S_UNICODE, 128 },  { S_BYTES, 128 }, { S_DICT, 128 },
		     { S_LONG, 128 },    { S_HEAPTYPE, 2048 } };

	for (size_t i = 0; i < sizeof room / sizeof *room; i++) {
		cr_assert_leq(l->span[room[i].owner], room[i].room);
		cr_assert_leq(l->span[room[i].owner], l->size[room[i].owner]);
	}
	cr_assert_leq(l->unicode_ascii_at, 256);
	cr_assert_leq(l->unicode_compact_at, 256);
	cr_assert_leq(l->bytes_data_at, 256);
	cr_assert_leq(l->span[S_EXC], l->exc_before_frame);
	cr_assert_geq(l->frame_locals_at, 32);
	cr_assert_eq(l->frame_locals_at % 8, 0);
	cr_assert_leq(l->frame_locals_at, l->size[S_FRAME]);
}

Test(debug_offsets, any_word_corrupted_is_refused_or_harmless)
{
	static const uint64_t bad[] = { 0,          1,
					3,          7,
					4096,       0xfffff,
					0x7fffffff, 0x80000000,
					0xffffffff, 0xfffffff8,
					1ull << 32, 1ull << 63,
					UINT64_MAX, UINT64_MAX - 7 };

	for (int id = 0; id < NTABLES; id++) {
		struct sized t = table(id);

		for (size_t at = 0; at < t.len; at += 8) {
			uint64_t good = word(&t, at);

			for (size_t i = 0; i < sizeof bad / sizeof *bad + 3; i++) {
				uint64_t near[] = { good + 1, good - 1, good + 8 };
				struct ps_err err = { 0 };
				struct layout l;
				enum ps_status st;

				put_word(&t, at,
					 i < sizeof bad / sizeof *bad
						 ? bad[i]
						 : near[i - sizeof bad / sizeof *bad]);
				st = parse(&t, &l, &err);
				if (st == PS_OK)
					check_harmless(&l);
				else
					cr_assert(st == PS_FORMAT || st == PS_UNSUPPORTED);
				cr_assert(st == PS_OK || err.msg[0]);
			}
			put_word(&t, at, good);
		}
	}
}

Test(debug_offsets, a_field_outside_its_struct_or_misaligned_is_named)
{
	struct sized t = table(TABLE_3_15_2);
	struct ps_err err = { 0 };
	struct layout l;

	put_word(&t, 0x150, 84); /* instr_ptr, of frames of 88 bytes */
	cr_expect_eq(parse(&t, &l, &err), PS_FORMAT);
	cr_expect(strstr(err.msg, "F_FRAME_INSTR"), "%s", err.msg);
	put_word(&t, 0x150, 60);
	cr_expect_eq(parse(&t, &l, &err), PS_FORMAT);
	cr_expect(strstr(err.msg, "aligned"), "%s", err.msg);
	t = table(TABLE_3_15_2);
	put_word(&t, 0x030, 0);
	cr_expect_eq(parse(&t, &l, &err), PS_FORMAT);
	cr_expect(strstr(err.msg, "S_INTERP"), "%s", err.msg);
}
