/* SPDX-License-Identifier: MIT */
#include "profiler/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

unsigned command_columns(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

enum ps_status command_parse_thread(const char *text, enum inject_thread *ret, int *ret_tid,
				    struct ps_err *err)
{
	char *end;
	long v;

	if (!text || strcmp(text, "any") == 0) {
		*ret = INJECT_ANY;
		return PS_OK;
	}
	if (strcmp(text, "main") == 0) {
		*ret = INJECT_MAIN;
		return PS_OK;
	}
	errno = 0;
	v = strtol(text, &end, 10);
	if (errno || end == text || *end || v <= 0 || v > INT32_MAX) {
		ps_fail(err, PS_USAGE, "--thread: '%s' is not possible", text);
		ps_hint(err, "give any, main, or the id of a thread as pysample dump shows it");
		return PS_USAGE;
	}
	*ret = INJECT_TID;
	*ret_tid = (int)v;
	return PS_OK;
}

size_t command_memory_bound(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && page > 0 ? (size_t)pages / 4 * 3 * (size_t)page : (size_t)1 << 32;
}

enum exit_code command_exit_code(enum ps_status st)
{
	switch (st) {
	case PS_OK:
		return EXIT_DONE;
	case PS_USAGE:
		return EXIT_USAGE;
	case PS_GONE:
	case PS_NOT_PYTHON:
	case PS_NOT_READY:
		return EXIT_NO_SAMPLE;
	case PS_DENIED:
		return EXIT_DENIED;
	default:
		return EXIT_FAILED;
	}
}

int command_failed(enum ps_status st, const struct ps_err *err)
{
	fprintf(stderr, "pysample: %s\n", err->msg[0] ? err->msg : ps_status_name(st));
	if (err->hint[0])
		fprintf(stderr, "  hint: %s\n", err->hint);
	return command_exit_code(st);
}
