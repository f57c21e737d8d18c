/* SPDX-License-Identifier: MIT */
#include "profiler/identity.h"

#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <string.h>

static bool named(const char *name, struct identity *ret)
{
	size_t len = strlen(name);

	return identity_by_name(tail_page(name, len), len, ret);
}

Test(identity, names_that_say_which_python)
{
	static const struct {
		const char *name, *text;
	} rows[] = { { "python", "CPython?" },
		     { "python3", "CPython 3?" },
		     { "python3.11", "CPython 3.11?" },
		     { "python2.7", "CPython 2.7?" },
		     { "python3.14t", "CPython 3.14? free-threaded" },
		     { "python3.7m", "CPython 3.7?" },
		     { "python3.14td", "CPython 3.14? free-threaded" },
		     { "libpython3.8.so.1.0", "CPython 3.8?" },
		     { "libpython3.13t.so.1.0", "CPython 3.13? free-threaded" },
		     { "libpython3.12.so", "CPython 3.12?" },
		     { "pypy", "PyPy?" },
		     { "pypy3", "PyPy (Python 3)?" },
		     { "pypy3.11-c", "PyPy (Python 3.11)?" },
		     { "libpypy3.10-c.so", "PyPy (Python 3.10)?" },
		     { "libpypy-c.so", "PyPy?" } };
	struct identity i;
	char text[64];

	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		cr_assert(named(rows[r].name, &i), "%s", rows[r].name);
		cr_expect(i.guessed);
		identity_describe(&i, text);
		cr_expect_str_eq(text, rows[r].text);
	}
}

Test(identity, names_that_say_nothing)
{
	static const char *const rows[] = {
		"",           "pyth",          "pythonista",   "python-config", "python3-config",
		"mypython",   "libpython3.so", "libpython.so", "libpython3.11", "pypytools.so",
		"libpy.so",   "python3.11.py", "ipython",      "pypy3.11-c.so", "python3.",
		"python3.1x", "libpypy3",      "python 3",     "python3999"
	};
	struct identity i;

	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
		cr_expect_not(named(rows[r], &i), "%s", rows[r]);
	cr_expect_not(identity_by_name("python\0", 7, &i));
}

Test(identity, descriptions)
{
	static const struct {
		struct identity i;
		const char *text;
	} rows[] = {
		{ { .kind = PYTHON_NONE }, "no Python" },
		{ { .kind = PYTHON_CPYTHON, .version = 0x030f02f0, .parts = 3 }, "CPython 3.15.2" },
		{ { .kind = PYTHON_CPYTHON,
		    .version = 0x030e00b1,
		    .parts = 3,
		    .free_threaded = true },
		  "CPython 3.14.0b1 free-threaded" },
		{ { .kind = PYTHON_PYPY, .version = 0x030b11f0, .parts = 3, .pypy = "8.0.1" },
		  "PyPy 8.0.1 (Python 3.11.17)" },
		{ { .kind = PYTHON_PYPY, .version = 0, .parts = 0 }, "PyPy" },
		{ { .kind = PYTHON_PYPY,
		    .version = 0xffffffff,
		    .parts = 3,
		    .pypy = "100.100.100rc99" },
		  "PyPy 100.100.100rc99 (Python 255.255.255)" },
	};
	char text[64];

	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		identity_describe(&rows[r].i, text);
		cr_expect_str_eq(text, rows[r].text);
	}
}

Test(identity, what_can_be_done)
{
	static const struct {
		struct identity i;
		bool sample;
		enum exec_way exec;
	} rows[] = {
		{ { .kind = PYTHON_CPYTHON, .version = 0x030700f0, .parts = 3 },
		  false,
		  EXEC_NOT_YET },
		{ { .kind = PYTHON_CPYTHON, .version = 0x030812f0, .parts = 3 },
		  false,
		  EXEC_PENDING_CALL },
		{ { .kind = PYTHON_CPYTHON, .version = 0x030c01f0, .parts = 3 },
		  false,
		  EXEC_PENDING_CALL },
		{ { .kind = PYTHON_CPYTHON, .version = 0x030d00f0, .parts = 3 },
		  true,
		  EXEC_PENDING_CALL },
		{ { .kind = PYTHON_CPYTHON, .version = 0x030e00f0, .parts = 3 }, true, EXEC_DOOR },
		{ { .kind = PYTHON_CPYTHON, .version = 0x030f00f0, .parts = 2 }, true, EXEC_DOOR },
		{ { .kind = PYTHON_CPYTHON, .version = 0x031000f0, .parts = 3 },
		  false,
		  EXEC_NOT_YET },
		{ { .kind = PYTHON_CPYTHON, .version = 0x020e00f0, .parts = 3 },
		  false,
		  EXEC_NOT_YET },
		{ { .kind = PYTHON_CPYTHON, .version = 0x03000000, .parts = 1 },
		  false,
		  EXEC_NOT_YET },
		{ { .kind = PYTHON_PYPY, .version = 0x030e00f0, .parts = 3 }, false, EXEC_NOT_YET },
		{ { .kind = PYTHON_PYPY, .version = 0x030b11f0, .parts = 3, .has_requests = true },
		  false,
		  EXEC_PYPY },
		{ { .kind = PYTHON_PYPY, .version = 0x020712f0, .parts = 3, .has_requests = true },
		  false,
		  EXEC_NOT_YET },
		{ { .kind = PYTHON_NONE }, false, EXEC_NOT_YET },
	};

	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		cr_expect_eq(identity_can_sample(&rows[r].i), rows[r].sample, "row %zu", r);
		cr_expect_eq(identity_exec_way(&rows[r].i), rows[r].exec, "row %zu", r);
	}
}

Test(identity, versions_in_text)
{
	static const struct {
		const char *text;
		uint32_t version; /* 0: none */
	} rows[] = { { "3.10.13 (main, May  9 2026, 07:00:00)", 0x030a0df0 },
		     { "xyz3.8.0 (default", 0x030800f0 },
		     { "3.9.0rc1 (tags", 0x030900c1 },
		     { "3.9.0a7+ (heads", 0x030900a7 },
		     { "3.9.5+ (heads", 0x030905f0 },
		     { "3.1 3.2.3 3.4.5 (x", 0x030405f0 },
		     { "3.8.0", 0 },
		     { "3.8.0 ", 0 },
		     { "3.8.0(", 0 },
		     { "13.8.0 (x", 0 },
		     { "1.3.8.0 (x", 0 },
		     { "3.8.0rc99 (x", 0 },
		     { "3.8.999 (x", 0 },
		     { "3.8.0rc (x", 0 },
		     { "3.", 0 },
		     { "", 0 } };

	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		size_t len = strlen(rows[r].text);
		uint32_t v = 77;
		bool found = identity_find_version(tail_page(rows[r].text, len), len, '3', &v);

		cr_expect_eq(found, rows[r].version != 0, "'%s'", rows[r].text);
		cr_expect_eq(v, rows[r].version ? rows[r].version : 77, "'%s'", rows[r].text);
	}
}

Test(identity, the_major_version_that_is_asked_for)
{
	static const char text[] = "2.7.18 (default, 3.6.15 (y";
	const char *bytes = tail_page(text, sizeof text);
	uint32_t v = 77;

	cr_expect(identity_find_version(bytes, sizeof text, '2', &v));
	cr_expect_eq(v, 0x020712f0);
	cr_expect(identity_find_version(bytes, sizeof text, '3', &v));
	cr_expect_eq(v, 0x03060ff0);
}
