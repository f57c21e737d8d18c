/* SPDX-License-Identifier: MIT */
#include "profiler/heap_memory.h"

#include "profiler/proc.h"
#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 16384, PATH_BYTES = 4096 };

/* How many times its memory a copy needs at most, as measured with 8.0.1: the walk turns its
 * collector off, for that would run finalizers of the target, and then it frees nothing. */
enum { PYPY_FACTOR = 10 };

/* A small file as text; false: it cannot be read. */
static bool read_text(char ret[static TEXT_MAX], const char *root, const char *path)
{
	SCOPE_FREE char *whole = NULL;
	SCOPE_CLOSE int fd = -1;
	size_t len = 0;

	if (asprintf(&whole, "%s%s", root, path) < 0)
		return false;
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < TEXT_MAX - 1) {
		ssize_t n = read(fd, ret + len, TEXT_MAX - 1 - len);

		if (n < 0)
			return false;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	ret[len] = '\0';
	return fd >= 0;
}

/* The number behind "NAME " or "NAME:" at a line's start; 0: there is none. */
static uint64_t find_number(const char *text, const char *name)
{
	size_t n = strlen(name);

	while (text && *text) {
		if (strncmp(text, name, n) == 0 && (text[n] == ' ' || text[n] == ':'))
			return strtoull(text + n + 1, NULL, 10);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

static uint64_t in_kb(const char *text, const char *name)
{
	uint64_t v = find_number(text, name);

	return v > UINT64_MAX / 1024 ? UINT64_MAX : v * 1024;
}

/* Its library or program is mapped: that is by a name, but more memory than needed harms nobody. */
static bool is_pypy(const char *root, int pid)
{
	SCOPE_FREE char *path = NULL, *line = NULL;
	size_t cap = 0;
	bool found = false;
	FILE *maps;

	if (asprintf(&path, "%s/proc/%d/maps", root, pid) < 0)
		return false;
	maps = fopen(path, "re");
	while (maps && !found && getline(&line, &cap, maps) > 0) {
		const char *file = strrchr(line, '/');

		found = file && strstr(file, "pypy");
	}
	if (maps)
		fclose(maps);
	return found;
}

/* As measured with 3.8 and 3.15, of up to ten million lists, dicts, tuples, sets, floats, and of
 * what programs have: a copy took 1.2 times its memory, of atoms and tuples for the first million
 * 120 MB on top; in the process, up to 1.5 times as much came to it. (Of nothing but tuples of
 * atoms, a copy takes 2.4 times as much. It is what the kernel ends first, see heap_copy.c.) */
static uint64_t needed_by_walk(uint64_t anonymous, bool pypy, bool in_process)
{
	enum { REMEMBERED = 160 << 20, REST = 8 << 20 };
	uint64_t remembered = anonymous + anonymous / 2;

	if (pypy)
		return PYPY_FACTOR * anonymous + anonymous + REST;
	if (in_process)
		return anonymous / 4 * 7 + REST;
	return anonymous / 4 * 5 + (remembered < REMEMBERED ? remembered : REMEMBERED) + REST;
}

static enum ps_status read_needed(const char *root, int pid, bool in_process, struct heap_memory *m,
				  struct ps_err *err)
{
	char path[64], text[TEXT_MAX];

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
	if (!read_text(text, root, path))
		return ps_fail(err, errno == EACCES || errno == EPERM ? PS_DENIED : PS_GONE,
			       "read %s: %s", path, strerror(errno));
	m->needed = needed_by_walk(in_kb(text, "Anonymous"), is_pypy(root, pid), in_process);
	return PS_OK;
}

/* With --values, a character that cannot be shown takes up to four times its memory, in a name
 * and as a value; what is known only by pointers takes about as much as they do. What was never
 * touched, or lies in files, is little. */
uint64_t heap_memory_most(const char *root, int pid, uint64_t least)
{
	enum { FACTOR = 10, REST = 256 << 20 };
	char path[64], text[TEXT_MAX];
	uint64_t has = 0;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	if (read_text(text, root, path))
		has = in_kb(text, "VmRSS") + in_kb(text, "VmSwap");
	has = has > UINT64_MAX / FACTOR / 2 ? UINT64_MAX : FACTOR * has + REST;
	return has > least ? has : least;
}

static void apply(struct heap_memory *m, uint64_t available, const char *limit)
{
	if (available >= m->available)
		return;
	m->available = available;
	snprintf(m->limit, sizeof m->limit, "%s", limit);
}

/* The two generations of control groups name the same things differently. */
static const struct generation {
	const char *controller; /* in /proc/PID/cgroup: between the colons */
	const char *mount, *limit, *usage, *reclaimable;
} generations[] = {
	{ "", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file" },
	{ "", "/sys/fs/cgroup/unified", "memory.max", "memory.current", "inactive_file" },
	{ "memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
	  "total_inactive_file" },
};

static bool read_in_group(char ret[static TEXT_MAX], const char *root, const char *mount,
			  const char *group, const char *name)
{
	char path[PATH_BYTES];

	return snprintf(path, sizeof path, "%s%s/%s", mount, group, name) < (int)sizeof path &&
	       read_text(ret, root, path);
}

static void apply_group(struct heap_memory *m, const char *root, const struct generation *g,
			const char *group)
{
	char text[TEXT_MAX], words[sizeof m->limit];
	uint64_t limit, usage, back = 0;

	if (!read_in_group(text, root, g->mount, group, g->limit) || text[0] < '0' || text[0] > '9')
		return; /* "max": none */
	limit = strtoull(text, NULL, 10);
	if (!read_in_group(text, root, g->mount, group, g->usage))
		return;
	usage = strtoull(text, NULL, 10);
	if (read_in_group(text, root, g->mount, group, "memory.stat"))
		back = find_number(text, g->reclaimable);
	usage = usage > back ? usage - back : 0;
	snprintf(words, sizeof words, "the limit of its control group %.100s",
		 *group ? group : "/");
	proc_make_printable(words); /* whoever makes a group names it */
	apply(m, limit > usage ? limit - usage : 0, words);
}

/* The group of one line of /proc/PID/cgroup, "ID:CONTROLLERS:PATH", and all above it. */
static void apply_groups(struct heap_memory *m, const char *root, const struct generation *g,
			 const char *text)
{
	char group[1024] = "";
	size_t controller = strlen(g->controller);

	for (const char *line = text; line && *line;) {
		const char *first = strchr(line, ':'),
			   *second = first ? strchr(first + 1, ':') : NULL;
		const char *end = strchrnul(line, '\n');

		if (second && second < end && (size_t)(second - first - 1) == controller &&
		    memcmp(first + 1, g->controller, controller) == 0 &&
		    (size_t)(end - second - 1) < sizeof group) {
			memcpy(group, second + 1, (size_t)(end - second - 1));
			group[end - second - 1] = '\0';
			break;
		}
		line = *end ? end + 1 : NULL;
	}
	if (group[0] != '/' || strstr(group, "/.."))
		return;
	for (;;) {
		char *slash = strrchr(group, '/');

		apply_group(m, root, g, strcmp(group, "/") == 0 ? "" : group);
		if (!slash || slash == group)
			break;
		*slash = '\0';
	}
	apply_group(m, root, g, "");
}

enum ps_status heap_memory_read(const char *root, int pid, bool in_process, struct heap_memory *ret,
				struct ps_err *err)
{
	struct heap_memory m = { .available = UINT64_MAX };
	char path[64], text[TEXT_MAX];

	PS_TRY(read_needed(root, pid, in_process, &m, err));
	if (read_text(text, root, "/proc/meminfo"))
		apply(&m, in_kb(text, "MemAvailable") + in_kb(text, "SwapFree"),
		      "the memory of this machine");
	snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
	if (read_text(text, root, path)) {
		for (size_t i = 0; i < sizeof generations / sizeof *generations; i++)
			apply_groups(&m, root, &generations[i], text);
	}
	*ret = m;
	return PS_OK;
}
