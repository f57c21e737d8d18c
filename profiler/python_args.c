/* SPDX-License-Identifier: MIT */
/* Sources: SHORT_OPTS and longopts of Python/getopt.c, config_init_remote_debug() and
 * config_get_xoption() of Python/initconfig.c, 3.14 and 3.15. */
#include "profiler/python_args.h"

#include <string.h>

/* Strings one behind the other, each ended by a NUL; the last may be cut. */
struct words {
	const char *at, *end;
};

struct word {
	const char *at;
	size_t len;
};

static bool next_word(struct words *w, struct word *ret)
{
	const char *nul;

	if (w->at >= w->end)
		return false;
	nul = memchr(w->at, '\0', (size_t)(w->end - w->at));
	*ret = (struct word){ w->at, (size_t)((nul ? nul : w->end) - w->at) };
	w->at += ret->len + 1;
	return true;
}

static bool starts_with(struct word w, const char *text)
{
	size_t n = strlen(text);

	return w.len >= n && memcmp(w.at, text, n) == 0;
}

static bool is(struct word w, const char *text)
{
	return w.len == strlen(text) && starts_with(w, text);
}

/* "disable-remote-debug", with a value or without, whatever the value. */
static void take_xoption(struct word x, struct python_args *ret)
{
	static const char name[] = "disable-remote-debug";

	if (is(x, name) || (starts_with(x, name) && x.at[sizeof name - 1] == '='))
		ret->disables_remote_debug = true;
}

/* Letters behind one dash; false: what follows is no longer the interpreter's. */
static bool take_letters(struct word letters, struct words *rest, struct python_args *ret)
{
	for (size_t i = 0; i < letters.len; i++) {
		struct word value = { letters.at + i + 1, letters.len - i - 1 };

		switch (letters.at[i]) {
		case 'c':
		case 'm':
			return false;
		case 'E':
		case 'I':
			ret->ignores_environment = true;
			break;
		case 'W':
		case 'X':
			if (!value.len && !next_word(rest, &value))
				return false;
			if (letters.at[i] == 'X')
				take_xoption(value, ret);
			return true;
		default:
			break;
		}
	}
	return true;
}

void python_args_parse(const char *cmdline, size_t len, struct python_args *ret)
{
	struct words rest = { cmdline, cmdline + len };
	struct word w;

	*ret = (struct python_args){ 0 };
	if (!next_word(&rest, &w)) /* the program */
		return;
	while (next_word(&rest, &w)) {
		if (!starts_with(w, "-") || w.len < 2 || is(w, "--"))
			return;
		if (starts_with(w, "--")) {
			/* The one long option that takes a value. */
			if (is(w, "--check-hash-based-pycs") && !next_word(&rest, &w))
				return;
			continue;
		}
		if (!take_letters((struct word){ w.at + 1, w.len - 1 }, &rest, ret))
			return;
	}
}

bool environ_find(const char *environment, size_t len, const char *name, bool *ret_empty)
{
	struct words rest = { environment, environment + len };
	size_t n = strlen(name);
	struct word w;

	while (next_word(&rest, &w)) {
		if (starts_with(w, name) && w.len > n && w.at[n] == '=') {
			*ret_empty = w.len == n + 1;
			return true;
		}
	}
	return false;
}
