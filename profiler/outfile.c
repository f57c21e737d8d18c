/* SPDX-License-Identifier: MIT */
#include "profiler/outfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* "flamegraph (.html, .htm), collapsed (.txt, ...)" */
static void hint_formats(struct ps_err *err, const char *more)
{
	char text[PS_MSG_MAX] = "";
	size_t len = 0;

	for (const struct writer *const *w = writers; *w && len < sizeof text; w++) {
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s (",
					w == writers ? "" : ", ", (*w)->name);
		for (const char *const *s = (*w)->suffixes; *s && len < sizeof text; s++)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%s",
						s == (*w)->suffixes ? "" : ", ", *s,
						s[1] ? "" : ")");
	}
	ps_hint(err, "formats: %s%s", text, more);
}

enum ps_status outfile_choose_writer(const char *pattern, const char *format,
				     const struct writer **ret, struct ps_err *err)
{
	const struct writer *w = format ? writer_find(format) : NULL;
	const char *what = !format && pattern ? writer_foreign(pattern) : NULL;

	if (format && !w) {
		ps_fail(err, PS_USAGE, "there is no output format '%s'", format);
		hint_formats(err, "");
		return PS_USAGE;
	}
	if (what) {
		ps_fail(err, PS_USAGE,
			"%s: files of such names are %s, which pysample does not write", pattern,
			what);
		hint_formats(err, "; -f NAME writes one of them whatever the file is called");
		return PS_USAGE;
	}
	if (!w && pattern)
		w = writer_for_file(pattern);
	*ret = w ? w : writers[0];
	return PS_OK;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcasecmp(text + n - m, end) == 0;
}

enum ps_status outfile_open(const char *pattern, const char *format, int pid, const char *program,
			    struct outfile *ret, struct ps_err *err)
{
	struct outfile f = { 0 };
	char *by_default = NULL, *path;
	enum ps_status st;

	PS_TRY(outfile_choose_writer(pattern, format, &f.writer, err));
	if (!pattern) {
		if (asprintf(&by_default, "%%n-%%p-%%t%s", f.writer->suffixes[0]) < 0)
			return ps_fail(err, PS_NOMEM, "out of memory");
		pattern = by_default;
	}
	path = place_name(pattern, pid, program);
	free(by_default);
	if (!path)
		return ps_fail(err, PS_NOMEM, "out of memory");
	st = place_open(path, &f.place, err);
	free(path);
	if (st)
		return st;
	f.compress = ends_with(f.place.path, ".gz");
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

struct job {
	const struct outfile *file;
	const struct writer_input *in;
};

static enum ps_status write_stream(int fd, void *ctx, struct ps_err *err)
{
	const struct job *job = ctx;
	FILE *out = open_stream(fd, job->file->compress);
	enum ps_status st;
	int why;

	if (!out) {
		close(fd);
		return ps_fail(err, PS_NOMEM, "out of memory");
	}
	errno = 0;
	st = job->file->writer->write(job->in, out, err);
	why = errno;
	if ((fclose(out) && !st) || st == PS_IO) {
		if (!st)
			why = errno;
		return ps_fail(err, PS_IO, "%s", why ? strerror(why) : "writing failed");
	}
	return st;
}

/* A recording is worth more than where it was to lie. */
static bool save_elsewhere(struct outfile *f, struct job *job)
{
	char name[64];

	snprintf(name, sizeof name, "pysample-rescued%s%s", f->writer->suffixes[0],
		 f->compress ? ".gz" : "");
	return place_rescue(&f->place, name, write_stream, job);
}

enum ps_status outfile_write(struct outfile *f, const struct writer_input *in, struct ps_err *err)
{
	struct job job = { f, in };
	enum ps_status st = place_write(&f->place, write_stream, &job, err);

	if (!st)
		return PS_OK;
	if (in->facts->bytes) /* a heap dump lies where it was: it can be read again */
		ps_hint(err, "make room, or name another file with -o FILE");
	else if (save_elsewhere(f, &job))
		ps_hint(err, "the recording is not lost: it was saved as %s", f->place.path);
	else
		ps_hint(err, "make room, or name another file with -o FILE, and record again");
	return st;
}

void outfile_close(struct outfile *f)
{
	place_close(&f->place);
}
