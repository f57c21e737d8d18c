/* SPDX-License-Identifier: MIT */
#include "profiler/heap_dump.h"

#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_AHEAD = 1 << 20 };

struct content {
	struct mem mem;
	char *bytes;
	size_t len, cap;
};

static enum ps_status no_room(enum ps_status st, const struct content *c, struct ps_err *err)
{
	ps_fail(err, st, "there is not enough memory for its %zu MiB", (c->cap >> 20) + 1);
	ps_hint(err, "read it on a machine with more");
	return st;
}

/* All of it, also of a pipe: the length that the kernel tells is a first guess. */
static enum ps_status read_all(int fd, struct content *c, struct ps_err *err)
{
	struct stat st;
	size_t wanted = READ_AHEAD;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		wanted = (size_t)st.st_size + 1;
	for (;;) {
		ssize_t n;

		if (c->len == c->cap) {
			enum ps_status s =
				mem_resize(&c->mem, (void **)&c->bytes, c->cap, c->cap + wanted);

			if (s)
				return no_room(s, c, err);
			c->cap += wanted;
			wanted = c->cap;
		}
		n = read(fd, c->bytes + c->len, c->cap - c->len);
		if (n == 0)
			return PS_OK;
		if (n < 0 && errno != EINTR)
			return ps_fail(err, PS_IO, "%s", strerror(errno));
		c->len += n > 0 ? (size_t)n : 0;
	}
}

static enum ps_status read_and_parse(int fd, size_t max_bytes, struct heap_dump *ret,
				     struct ps_err *err)
{
	struct content c = { .mem = { .max = max_bytes } };
	enum ps_status st = read_all(fd, &c, err);

	if (!st)
		st = heap_dump_parse(c.bytes, c.len, max_bytes - c.cap, ret, err);
	free(c.bytes);
	if (!st)
		ret->graph.mem.max = max_bytes;
	return st;
}

enum ps_status heap_dump_read(const char *path, size_t max_bytes, struct heap_dump *ret,
			      struct ps_err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	SCOPE_CLOSE int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
				      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum ps_status st;

	if (fd < 0) {
		st = ps_fail(err, PS_IO, "%s", strerror(errno));
		if (errno == ENOENT)
			ps_hint(err, "heap dumps are files called .psheap");
		return ps_while(err, st, "read %s", path);
	}
	st = read_and_parse(fd, max_bytes, ret, err);
	return ps_while(err, st, "read %s", is_stdin ? "standard input" : path);
}
