/* SPDX-License-Identifier: MIT */
#include "profiler/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum ps_status ps_fail(struct ps_err *err, enum ps_status code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	err->hint[0] = '\0';
	return code;
}

void ps_hint(struct ps_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof err->hint, fmt, ap);
	va_end(ap);
}

enum ps_status ps_while(struct ps_err *err, enum ps_status code, const char *fmt, ...)
{
	char why[PS_MSG_MAX];
	va_list ap;
	int n;

	if (code == PS_OK || !err)
		return code;
	memcpy(why, err->msg, sizeof why);
	va_start(ap, fmt);
	n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	/* A prefix that fills the buffer is kept; the cause is what gets cut. */
	if (n >= 0 && (size_t)n < sizeof err->msg)
		snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %.*s", PS_MSG_MAX - n, why);
	return code;
}

const char *ps_status_name(enum ps_status code)
{
	static const char *const names[PS_NSTATUS] = {
		[PS_OK] = "fine",
		[PS_FAULT] = "memory not readable",
		[PS_TORN] = "torn",
		[PS_GONE] = "the target ended",
		[PS_EXEC] = "the target replaced its program",
		[PS_DENIED] = "not permitted",
		[PS_NOT_PYTHON] = "not a Python",
		[PS_UNSUPPORTED] = "not supported",
		[PS_NOT_READY] = "not ready",
		[PS_FORMAT] = "malformed",
		[PS_LIMIT] = "limit reached",
		[PS_NOMEM] = "out of memory",
		[PS_IO] = "input or output failed",
		[PS_USAGE] = "usage",
	};

	return code < PS_NSTATUS ? names[code] : "unknown";
}
