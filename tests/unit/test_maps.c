/* SPDX-License-Identifier: MIT */
#include "profiler/maps.h"

#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *tail(const char *text, size_t *len)
{
	*len = strlen(text);
	return tail_page(text, *len);
}

static bool one(const char *line, struct map *ret)
{
	size_t pos = 0, len;
	const char *text = tail(line, &len);

	return maps_next(text, len, &pos, ret);
}

static bool path_is(const struct map *m, const char *path)
{
	return m->path_len == strlen(path) && memcmp(m->path, path, m->path_len) == 0;
}

Test(maps, takes_a_row_apart)
{
	struct map m;

	cr_assert(one("7f12a000-7f12b000 rw-p 0001f000 fd:1a 173521                     "
		      "/usr/lib/with space/libx.so\n",
		      &m));
	cr_expect_eq(m.start, 0x7f12a000);
	cr_expect_eq(m.end, 0x7f12b000);
	cr_expect_eq(m.offset, 0x1f000);
	cr_expect_eq(m.dev_major, 0xfd);
	cr_expect_eq(m.dev_minor, 0x1a);
	cr_expect_eq(m.inode, 173521);
	cr_expect(m.readable && m.writable && !m.executable);
	cr_expect(path_is(&m, "/usr/lib/with space/libx.so"));
}

Test(maps, takes_anonymous_special_and_odd_rows)
{
	struct map m;

	cr_assert(one("1000-2000 ---p 00000000 00:00 0 \n", &m));
	cr_expect(!m.readable && !m.writable && !m.executable);
	cr_assert(one("1000-2000 r-xp 00000000 00:00 0 \n", &m));
	cr_expect(m.executable && !m.writable);
	cr_expect_eq(m.path_len, 0);
	cr_assert(one("1000-2000 r--s 00000000 00:00 0", &m), "without a newline or a path");
	cr_expect_eq(m.path_len, 0);
	cr_assert(one("7ffc0000-7ffd0000 rw-p 00000000 00:00 0    [stack]\n", &m));
	cr_expect(path_is(&m, "[stack]"));
	cr_assert(one("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n", &m));
	cr_expect_eq(m.end, 0xffffffffff601000);
	cr_assert(one("1000-2000 r--p 0 0:0 18446744073709551615 /a\\012b\n", &m));
	cr_expect_eq(m.inode, UINT64_MAX);
	cr_expect(path_is(&m, "/a\\012b"), "escapes stay as the kernel writes them");
}

Test(maps, passes_over_what_is_no_row)
{
	static const char *const odd[] = {
		"",
		"\n\n",
		"1000-2000",
		"1000-2000 ",
		"1000-2000 rw",
		"1000-2000 rw-p",
		"1000-2000 rw-p 0",
		"1000-2000 rw-p 0 0",
		"1000-2000 rw-p 0 0:",
		"1000-2000 rw-p 0 0:0",
		"1000-2000 rw-p 0 0:0 ",
		"1000-2000 rw-p 0 0:0 x",
		"1000 2000 rw-p 0 0:0 0",
		"-2000 rw-p 0 0:0 0",
		"1000- rw-p 0 0:0 0",
		"2000-1000 rw-p 0 0:0 0",
		"1000-1000 rw-p 0 0:0 0",
		" 1000-2000 rw-p 0 0:0 0",
		"0x1000-2000 rw-p 0 0:0 0",
		"1000-2000 rw-p 0 100000000:0 0",
		"1000-2000 rw-p 0 0:fffffffff 0",
		"1000-10000000000000000 rw-p 0 0:0 0",
		"1000-2000 rw-p fffffffffffffffff 0:0 0",
		"1000-2000 rw-p 0 0:0 18446744073709551616",
		"1000-2000 rw-p 0 0:0 99999999999999999999999999",
		"garbage",
		"\377\376\375",
	};
	struct map m;

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		char both[200];
		size_t pos = 0, len;
		const char *text;

		cr_expect_not(one(odd[i], &m), "'%s'", odd[i]);
		snprintf(both, sizeof both, "%s\n3000-4000 r--p 0 0:0 1 /next\n%s", odd[i], odd[i]);
		text = tail(both, &len);
		cr_expect(maps_next(text, len, &pos, &m), "'%s'", odd[i]);
		cr_expect(path_is(&m, "/next"));
		cr_expect_not(maps_next(text, len, &pos, &m));
		cr_expect_eq(pos, len);
	}
}

Test(maps, any_cut_of_a_text_ends)
{
	static const char text[] =
		"1000-2000 rw-p 0 0:0 5 /a\n\n2000-3000 r--p 0 0:0 6 /b (deleted)\n";

	for (size_t len = 0; len < sizeof text; len++) {
		const char *cut = tail_page(text, len);
		struct map m;
		size_t pos = 0;
		int n = 0;

		while (maps_next(cut, len, &pos, &m))
			n++;
		cr_expect_leq(n, 2);
		cr_expect_eq(pos, len);
	}
}

Test(maps, basename_is_without_folders_and_deletion)
{
	static const struct {
		const char *path, *name;
	} rows[] = { { "/usr/bin/python3 (deleted)", "python3" },
		     { "/usr/bin/python3", "python3" },
		     { "python3", "python3" },
		     { "/", "" },
		     { "", "" },
		     { " (deleted)", "" },
		     { "/a (deleted) (deleted)", "a (deleted)" },
		     { "/x (deleted)/y", "y" },
		     { "/memfd:x (deleted)", "memfd:x" } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct map m = { 0 };
		const char *name;
		size_t len;

		m.path = tail(rows[i].path, &m.path_len);
		map_basename(&m, &name, &len);
		cr_expect_eq(len, strlen(rows[i].name), "'%s'", rows[i].path);
		cr_expect_eq(memcmp(name, rows[i].name, len), 0);
	}
}
