/* SPDX-License-Identifier: MIT */
#include "profiler/python_args.h"

#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <string.h>

/* Words apart by blanks; "~" is an empty one. */
static struct python_args parse(const char *line)
{
	size_t len = strlen(line) + 1;
	char *text = tail_page(line, len);
	struct python_args a;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ')
			text[i] = '\0';
	}
	python_args_parse(text, len, &a);
	return a;
}

Test(python_args, options_that_switch_off_remote_debugging)
{
	static const struct {
		const char *line;
		bool off, ignores;
	} rows[] = {
		{ "python3 -X disable-remote-debug app.py", true, false },
		{ "python3 -Xdisable-remote-debug app.py", true, false },
		{ "python3 -X disable-remote-debug=0 app.py", true, false },
		{ "python3 -BX disable-remote-debug app.py", true, false },
		{ "python3 -B -u -W error -X dev -X disable-remote-debug -c x", true, false },
		{ "python3 --check-hash-based-pycs never -X disable-remote-debug x", true, false },
		{ "python3 -I app.py", false, true },
		{ "python3 -sE app.py", false, true },
		{ "python3 -IX disable-remote-debug", true, true },
		{ "python3 -X disable_remote_debug app.py", false, false },
		{ "python3 -X disable-remote-debugger app.py", false, false },
		{ "python3 app.py -X disable-remote-debug", false, false },
		{ "python3 -c -X disable-remote-debug", false, false },
		{ "python3 -cX -X disable-remote-debug", false, false },
		{ "python3 -m app -X disable-remote-debug", false, false },
		{ "python3 - -X disable-remote-debug", false, false },
		{ "python3 -- -X disable-remote-debug", false, false },
		{ "python3 -W -X disable-remote-debug", false, false },
		{ "python3 -WE app.py", false, false },
		{ "python3 -X", false, false },
		{ "python3 --check-hash-based-pycs", false, false },
		{ "-X disable-remote-debug", false, false },
		{ "python3", false, false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct python_args a = parse(rows[i].line);

		cr_expect_eq(a.disables_remote_debug, rows[i].off, "%s", rows[i].line);
		cr_expect_eq(a.ignores_environment, rows[i].ignores, "%s", rows[i].line);
	}
}

Test(python_args, of_nothing_and_of_what_is_cut)
{
	static const char line[] = "python3\0-X\0disable-remote-debug";
	struct python_args a;

	for (size_t len = 0; len < sizeof line - 1; len++) {
		python_args_parse(tail_page(line, len), len, &a);
		cr_expect_not(a.disables_remote_debug, "%zu", len);
	}
	python_args_parse(tail_page(line, sizeof line - 1), sizeof line - 1, &a);
	cr_expect(a.disables_remote_debug, "the last NUL may be cut off");
}

Test(python_args, variables)
{
	static const char env[] = "A=1\0LONGER_NAME=2\0NAME=\0=odd\0\0LAST=x";
	size_t len = sizeof env - 1;
	const char *text = tail_page(env, len);
	bool empty = true;

	cr_expect(environ_find(text, len, "A", &empty));
	cr_expect_not(empty);
	cr_expect(environ_find(text, len, "NAME", &empty));
	cr_expect(empty);
	cr_expect(environ_find(text, len, "LAST", &empty));
	cr_expect_not(environ_find(text, len, "LONGER", &empty));
	cr_expect_not(environ_find(text, len, "LAST=", &empty));
	cr_expect_not(environ_find(text, 0, "A", &empty));
}
