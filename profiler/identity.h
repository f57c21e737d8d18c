/* SPDX-License-Identifier: MIT */
/* profiler/identity.h - which Python a process runs, as far as is known, and what pysample
 * can do with it. Pure. */
#ifndef PROFILER_IDENTITY_H
#define PROFILER_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum python_kind { PYTHON_NONE, PYTHON_CPYTHON, PYTHON_PYPY };

struct identity {
	enum python_kind kind;
	uint32_t version; /* of the language, as PY_VERSION_HEX; what is not known is 0 */
	uint8_t parts;    /* numbers of it that are known: 3.11 are two */
	bool free_threaded;
	bool guessed;      /* by the name of a file or program, which may lie */
	bool has_requests; /* a PyPy that can be asked to run code */
	char pypy[16];     /* its own version, "8.0.1"; empty if not known */
};

/* "CPython 3.14.10", "CPython 3.14.0 free-threaded", "CPython 3.11?" if guessed, "PyPy
 * 8.0.1 (Python 3.11.17)", "no Python". */
void identity_describe(const struct identity *i, char ret[static 64]);

/* "3.14.10", "3.11", "3", or nothing: as much as is known. */
void identity_describe_version(const struct identity *i, char ret[static 32]);

/* What the name of a program or library says: "python3.11", "libpython3.8.so.1.0",
 * "pypy3", "libpypy3.11-c.so". */
bool identity_by_name(const char *name, size_t len, struct identity *ret);

/* The text that every CPython and PyPy makes its sys.version of: "3.10.13 (main, ...". The
 * first of this major version, '2' or '3', in these bytes; false: none. */
bool identity_find_version(const char *bytes, size_t len, char major, uint32_t *ret);

/* --- what pysample can do --- */

enum exec_way {
	EXEC_NOT_YET,
	EXEC_PENDING_CALL, /* the interpreter's ring of pending calls: 3.8 to 3.13 */
	EXEC_DOOR,         /* the interpreter's own door (PEP 768): 3.14 and later */
	EXEC_PYPY,         /* PyPy's own door: 7.3.18 and later */
};

bool identity_can_sample(const struct identity *i);
enum exec_way identity_exec_way(const struct identity *i);

#endif
