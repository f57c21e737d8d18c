/* SPDX-License-Identifier: MIT */
#include "profiler/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum ps_status outfile_choose_writer(const char *pattern, const char *format,
				     const struct writer **ret, struct ps_err *err)
{
	const struct writer *w = writers[0];
	char names[256] = "";

	if (format)
		w = writer_find(format);
	else if (pattern && writer_for_file(pattern))
		w = writer_for_file(pattern);
	if (w) {
		*ret = w;
		return PS_OK;
	}
	for (const struct writer *const *i = writers; *i; i++)
		snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
			 i == writers ? "" : ", ", (*i)->name);
	ps_fail(err, PS_USAGE, "there is no output format '%s'", format);
	ps_hint(err, "formats: %s", names);
	return PS_USAGE;
}

/* A program's name as part of a file's: no slashes, no dots first, nothing unprintable. */
static void put_program(FILE *out, const char *program)
{
	bool any = false;

	for (const char *c = program; *c; c++) {
		bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			     (*c >= 'A' && *c <= 'Z') || *c == '_' || *c == '-' ||
			     (*c == '.' && any);

		any = true;
		putc(plain ? *c : '_', out);
	}
	if (!any)
		putc('_', out);
}

static char *expand(const char *pattern, int pid, const char *program)
{
	char stamp[32], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	time_t now = time(NULL);
	struct tm tm;

	if (!out)
		return NULL;
	localtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &tm);
	for (const char *c = pattern; *c; c++) {
		if (*c != '%' || !c[1] || !strchr("ptn%", c[1])) {
			putc(*c, out);
			continue;
		}
		switch (*++c) {
		case 'p':
			fprintf(out, "%d", pid);
			break;
		case 't':
			fputs(stamp, out);
			break;
		case 'n':
			put_program(out, program);
			break;
		default:
			putc('%', out);
		}
	}
	fclose(out);
	return text;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Beside the final name, so that rename() does not cross file systems. */
static int open_beside(const char *path, char **ret)
{
	int fd;

	if (asprintf(ret, "%s.XXXXXX", path) < 0)
		return -1;
	fd = mkostemp(*ret, O_CLOEXEC);
	if (fd < 0) {
		int why = errno;

		free(*ret);
		*ret = NULL;
		errno = why;
	}
	return fd;
}

static enum ps_status refuse(const char *path, const char *why, struct ps_err *err)
{
	ps_fail(err, PS_IO, "cannot write %s: %s", path, why);
	ps_hint(err, "name another file with -o FILE");
	return PS_IO;
}

/* A file that exists is replaced only if it is a regular one; into a pipe or a terminal
 * is written as it is. Symbolic links are followed to what they name. */
static enum ps_status check_place(struct outfile *f, struct ps_err *err)
{
	struct stat st;
	char *probe;
	int fd;

	if (strcmp(f->path, "-") == 0) {
		f->direct = true;
		return PS_OK;
	}
	if (stat(f->path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return refuse(f->path, "it is a directory", err);
		if (S_ISBLK(st.st_mode) || S_ISSOCK(st.st_mode))
			return refuse(f->path, "it is no regular file", err);
		if (!S_ISREG(st.st_mode)) {
			f->direct = true;
			return access(f->path, W_OK) ? refuse(f->path, strerror(errno), err)
						     : PS_OK;
		}
		probe = realpath(f->path, NULL);
		if (probe) {
			free(f->path);
			f->path = probe;
		}
	}
	fd = open_beside(f->path, &probe);
	if (fd < 0)
		return refuse(f->path, strerror(errno), err);
	close(fd);
	unlink(probe);
	free(probe);
	return PS_OK;
}

enum ps_status outfile_open(const char *pattern, const char *format, int pid, const char *program,
			    struct outfile *ret, struct ps_err *err)
{
	struct outfile f = { 0 };
	char *by_default = NULL;
	enum ps_status st;

	PS_TRY(outfile_choose_writer(pattern, format, &f.writer, err));
	if (!pattern) {
		if (asprintf(&by_default, "%%n-%%p-%%t%s", f.writer->suffixes[0]) < 0)
			return ps_fail(err, PS_NOMEM, "out of memory");
		pattern = by_default;
	}
	f.path = expand(pattern, pid, program);
	free(by_default);
	if (!f.path)
		return ps_fail(err, PS_NOMEM, "out of memory");
	f.compress = ends_with(f.path, ".gz");
	st = check_place(&f, err);
	if (st) {
		outfile_close(&f);
		return st;
	}
	*ret = f;
	return PS_OK;
}

/* --- gzip --- */

static ssize_t gzip_write(void *cookie, const char *bytes, size_t len)
{
	int n = gzwrite(cookie, bytes, len > INT32_MAX ? INT32_MAX : (unsigned)len);

	return n > 0 ? n : 0; /* 0 is how a cookie says that it failed */
}

static int gzip_close(void *cookie)
{
	return gzclose(cookie) == Z_OK ? 0 : -1;
}

/* Takes the descriptor over. */
static FILE *open_stream(int fd, bool compress)
{
	gzFile gz;
	FILE *out;

	if (!compress)
		return fdopen(fd, "w");
	gz = gzdopen(fd, "wb");
	if (!gz)
		return NULL;
	out = fopencookie(gz, "w",
			  (cookie_io_functions_t){ .write = gzip_write, .close = gzip_close });
	if (!out)
		gzclose(gz);
	return out;
}

static enum ps_status write_stream(const struct outfile *f, int fd, const struct writer_input *in,
				   struct ps_err *err)
{
	FILE *out = open_stream(fd, f->compress);
	enum ps_status st;
	int why;

	if (!out) {
		close(fd);
		return ps_fail(err, PS_NOMEM, "out of memory");
	}
	errno = 0;
	st = f->writer->write(in, out, err);
	why = errno;
	if ((fclose(out) && !st) || st == PS_IO) {
		if (!st)
			why = errno;
		return ps_fail(err, PS_IO, "%s", why ? strerror(why) : "writing failed");
	}
	return st;
}

/* mkostemp makes files that only their owner may read; an output is an ordinary file. */
static void give_usual_mode(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	(void)!fchmod(fd, 0666 & ~mask);
}

static enum ps_status write_beside(const struct outfile *f, const struct writer_input *in,
				   struct ps_err *err)
{
	char *temporary;
	int fd = open_beside(f->path, &temporary);
	enum ps_status st;

	if (fd < 0)
		return ps_fail(err, PS_IO, "%s", strerror(errno));
	give_usual_mode(fd);
	st = write_stream(f, fd, in, err);
	if (!st && rename(temporary, f->path))
		st = ps_fail(err, PS_IO, "%s", strerror(errno));
	if (st)
		unlink(temporary);
	free(temporary);
	return st;
}

static enum ps_status write_direct(const struct outfile *f, const struct writer_input *in,
				   struct ps_err *err)
{
	bool to_stdout = strcmp(f->path, "-") == 0;
	int fd = to_stdout ? dup(STDOUT_FILENO) : open(f->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return ps_fail(err, PS_IO, "%s", strerror(errno));
	return write_stream(f, fd, in, err);
}

/* A recording is worth more than where it was to lie. */
static bool save_elsewhere(struct outfile *f, const struct writer_input *in)
{
	const char *folder = getenv("TMPDIR"), *slash = strrchr(f->path, '/');
	struct outfile other = *f;
	bool saved;

	other.direct = false;
	if (asprintf(&other.path, "%s/%s", folder && *folder ? folder : "/tmp",
		     f->direct ? "pysample-rescued.out"
		     : slash   ? slash + 1
			       : f->path) < 0)
		return false;
	saved = strcmp(other.path, f->path) != 0 && write_beside(&other, in, NULL) == PS_OK;
	if (saved) {
		free(f->path);
		f->path = other.path;
	} else {
		free(other.path);
	}
	return saved;
}

enum ps_status outfile_write(struct outfile *f, const struct writer_input *in, struct ps_err *err)
{
	enum ps_status st = f->direct ? write_direct(f, in, err) : write_beside(f, in, err);

	if (!st)
		return PS_OK;
	ps_while(err, st, "write %s", strcmp(f->path, "-") == 0 ? "standard output" : f->path);
	if (save_elsewhere(f, in))
		ps_hint(err, "the recording is not lost: it was saved as %s", f->path);
	else
		ps_hint(err, "make room, or name another file with -o FILE, and record again");
	return st;
}

void outfile_close(struct outfile *f)
{
	free(f->path);
	f->path = NULL;
}
