/* SPDX-License-Identifier: MIT */
#include "profiler/commands.h"

int command_failed(enum ps_status st, const struct ps_err *err)
{
	fprintf(stderr, "pysample: %s\n", err->msg[0] ? err->msg : ps_status_name(st));
	if (err->hint[0])
		fprintf(stderr, "  hint: %s\n", err->hint);
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
