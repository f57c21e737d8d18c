/* SPDX-License-Identifier: MIT */
#include "offsets/layout.h"

#include "tests/support/tables.h"
#include "tests/support/tail_page.h"

#include <criterion/criterion.h>

Test(layout, spans_end_with_the_last_field_that_is_read)
{
	for (int id = 0; id < NTABLES; id++) {
		struct layout l = table_layout(id);

		cr_expect_eq(l.span[S_THREAD], layout_minor(&l) == 15 ? 296u : 264u,
			     "exc_state is the last");
		cr_expect_eq(l.span[S_FRAME], l.at[F_FRAME_OWNER] + 1);
		cr_expect_eq(l.span[S_UNICODE], l.at[F_UNICODE_STATE] + 4);
	}
}

Test(layout, get_reads_as_wide_as_the_row_says)
{
	struct layout l = table_layout(TABLE_3_13_18);
	unsigned char frame[256];
	const unsigned char *tail;

	memset(frame, 0xee, sizeof frame);
	frame[70] = 2;
	cr_expect_eq(layout_get(&l, frame, F_FRAME_OWNER), 2);
	cr_expect_eq(layout_get(&l, frame, F_FRAME_STACKTOP), 0xeeeeeeee);
	cr_expect_eq(layout_get(&l, frame, F_FRAME_INSTR), 0xeeeeeeeeeeeeeeee);
	tail = tail_page(frame, l.span[S_FRAME]);
	cr_expect_eq(layout_get(&l, tail, F_FRAME_OWNER), 2, "span[] bytes are enough");
}

Test(layout, get_of_an_absent_field_is_zero)
{
	struct layout l = table_layout(TABLE_3_14_10);

	cr_expect_not(layout_has(&l, F_FRAME_STACKTOP));
	cr_expect_eq(layout_get(&l, NULL, F_FRAME_STACKTOP), 0);
}

Test(layout, every_field_has_a_name_and_a_width)
{
	for (enum layout_field f = 0; f < LAYOUT_NFIELDS; f++) {
		size_t width = layout_width(f);

		cr_expect_eq(strncmp(layout_field_name(f), "F_", 2), 0);
		cr_expect(width == 1 || width == 4 || width == 8);
	}
	cr_expect_str_eq(layout_field_name(LAYOUT_NFIELDS), "?");
}

Test(layout, validate_refuses_every_field_one_byte_too_far)
{
	for (int id = 0; id < NTABLES; id++) {
		for (enum layout_field f = 0; f < LAYOUT_NFIELDS; f++) {
			struct layout l = table_layout(id);
			struct ps_err err = { 0 };

			if (!layout_has(&l, f))
				continue;
			l.at[f] = LAYOUT_ABSENT - 1;
			cr_expect_eq(layout_validate(&l, &err), PS_FORMAT);
			cr_expect(strstr(err.msg, layout_field_name(f)));
			l = table_layout(id);
			l.at[f]++;
			if (layout_width(f) > 1)
				cr_expect_eq(layout_validate(&l, &err), PS_FORMAT);
		}
	}
}

Test(layout, validate_refuses_sizes_that_no_struct_has)
{
	for (unsigned s = 0; s < LAYOUT_NSTRUCTS; s++) {
		static const uint32_t bad[] = { 0, 1, UINT32_MAX, (4 << 20) + 1 };

		for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
			struct layout l = table_layout(TABLE_3_15T);

			l.size[s] = bad[i];
			cr_expect_eq(layout_validate(&l, NULL), PS_FORMAT);
		}
	}
}

Test(layout, describe_says_version_and_build)
{
	static const struct {
		uint32_t version;
		bool free_threaded;
		const char *text;
	} rows[] = { { 0x030f02f0, false, "CPython 3.15.2" },
		     { 0x030e00b1, true, "CPython 3.14.0b1 free-threaded" },
		     { 0x030d00c2, false, "CPython 3.13.0rc2" },
		     { 0x030d00a0, false, "CPython 3.13.0a0" },
		     { 0xffffffff, true, "CPython 255.255.255 free-threaded" } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct layout l = { .version = rows[i].version,
				    .free_threaded = rows[i].free_threaded };
		char text[64];

		layout_describe(&l, text);
		cr_expect_str_eq(text, rows[i].text);
	}
}

Test(layout, the_door_lies_in_the_thread_state)
{
	for (int id = 0; id < NTABLES; id++) {
		struct layout good = table_layout(id), l = good;

		cr_expect_eq(l.door.path_size, layout_minor(&l) < 14 ? 0u : 512u);
		if (!l.door.path_size)
			continue;
		cr_expect_eq(l.door.breaker, 24u);
		cr_expect_eq(l.door.path, l.door.pending + 4);
		l.door.path = l.size[S_THREAD] - l.door.path_size + 1;
		cr_expect_eq(layout_validate(&l, NULL), PS_FORMAT, "ends outside");
		l = good;
		l.door.path_size = UINT32_MAX;
		cr_expect_eq(layout_validate(&l, NULL), PS_FORMAT, "longer than all");
		l = good;
		l.door.pending = UINT32_MAX - 3;
		cr_expect_eq(layout_validate(&l, NULL), PS_FORMAT, "wraps");
		l = good;
		l.door.breaker = l.door.path + 8 - l.door.path % 8;
		cr_expect_eq(layout_validate(&l, NULL), PS_FORMAT, "inside the path");
		l = good;
		l.door.pending++;
		cr_expect_eq(layout_validate(&l, NULL), PS_FORMAT, "not aligned");
	}
}
