/* SPDX-License-Identifier: MIT */
#include "profiler/heap_output.h"

#include "profiler/heap_dominators.h"

#include "output/heap_jsonl.h"
#include "output/heap_snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {
	[HEAP_SNAPSHOT] = "heapsnapshot", [HEAP_JSONL] = "jsonl", [HEAP_PSHEAP] = "psheap"
};
#define NFORMATS (sizeof names / sizeof *names)

const char *heap_format_name(enum heap_format f)
{
	return names[f];
}

static bool has_suffix(const char *file, const char *name)
{
	const char *dot = strrchr(file, '.');

	return dot && strcasecmp(dot + 1, name) == 0;
}

static enum ps_status choose(const char *format, const char *file, bool psheap,
			     enum heap_format *ret, struct ps_err *err)
{
	for (unsigned f = 0; f < NFORMATS; f++) {
		if (f == HEAP_PSHEAP && !psheap)
			continue;
		if (format ? strcmp(format, names[f]) == 0 : has_suffix(file, names[f])) {
			*ret = f;
			return PS_OK;
		}
	}
	if (format)
		ps_fail(err, PS_USAGE, "there is no format '%s' for heaps%s", format,
			psheap ? "" : " to convert them to");
	else
		ps_fail(err, PS_USAGE, "%s: its name does not say which format it is to have",
			file);
	ps_hint(err, "call it NAME.heapsnapshot%s or NAME.jsonl, or say -f heapsnapshot%s or jsonl",
		psheap ? ", NAME.psheap" : "", psheap ? ", psheap" : "");
	return PS_USAGE;
}

enum ps_status heap_output_choose(const char *format, const char *file, enum heap_format *ret,
				  struct ps_err *err)
{
	return choose(format, file, true, ret, err);
}

enum ps_status heap_output_choose_written(const char *format, const char *file,
					  enum heap_format *ret, struct ps_err *err)
{
	return choose(format, file, false, ret, err);
}

static enum ps_status write_out(struct heap_dump *d, enum heap_format f, FILE *out,
				struct ps_err *err)
{
	struct heap_dominators dominators;
	enum ps_status st;

	if (f == HEAP_SNAPSHOT)
		return heap_snapshot_write(&d->graph, out, err);
	st = heap_dominators_find(&d->graph, &dominators);
	if (st) {
		ps_fail(err, st, "there is not enough memory to find out what retains what");
		ps_hint(err, "do it on a machine with more");
		return st;
	}
	st = heap_jsonl_write(d, &dominators, out, err);
	heap_dominators_deinit(&dominators);
	return st;
}

enum ps_status heap_output_write(struct heap_dump *d, enum heap_format f, int fd,
				 struct ps_err *err)
{
	FILE *out = fdopen(fd, "w");
	enum ps_status st;

	if (!out) {
		close(fd);
		return ps_fail(err, PS_NOMEM, "out of memory");
	}
	errno = 0;
	st = write_out(d, f, out, err);
	if (st == PS_IO && errno)
		ps_fail(err, PS_IO, "%s", strerror(errno));
	if (fclose(out) && !st)
		st = ps_fail(err, PS_IO, "%s", errno ? strerror(errno) : "writing failed");
	return st;
}

enum ps_status heap_output_convert(int from, enum heap_format f, size_t max_bytes, int fd,
				   struct heap_counts *ret, struct ps_err *err)
{
	struct heap_dump d;
	enum ps_status st;
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", from);
	st = heap_dump_read(path, max_bytes, &d, err);
	if (st) {
		close(fd);
		return st;
	}
	*ret = (struct heap_counts){ d.facts.objects, d.facts.size };
	st = heap_output_write(&d, f, fd, err);
	heap_dump_close(&d);
	return st;
}

/* The END chunk: a head of 16 bytes, five numbers, the magic (docs/heap-format.md). */
enum ps_status heap_output_check(int fd, struct heap_counts *ret, struct ps_err *err)
{
	unsigned char end[64];
	uint64_t objects;
	struct stat st;

	if (fstat(fd, &st) || st.st_size < (off_t)sizeof end ||
	    pread(fd, end, sizeof end, st.st_size - (off_t)sizeof end) != (ssize_t)sizeof end ||
	    memcmp(end + sizeof end - 8, "PSHEAP\r\n", 8) != 0)
		return ps_fail(err, PS_FORMAT, "the dump broke off");
	memcpy(&objects, end + 16, sizeof objects);
	*ret = (struct heap_counts){ objects, 0 };
	return PS_OK;
}
