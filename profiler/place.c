/* SPDX-License-Identifier: MIT */
#include "profiler/place.h"

#include "profiler/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- names --- */

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

char *place_name(const char *pattern, int pid, const char *program)
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

/* Where a number can be put without hiding what kind of file it is: "a.txt" and "a.txt.gz"
 * become "a-2.txt" and "a-2.txt.gz". */
static size_t stem_length(const char *name)
{
	size_t len = strlen(name), end = len;
	const char *dot;

	if (end > 3 && strcasecmp(name + end - 3, ".gz") == 0)
		end -= 3;
	dot = memrchr(name, '.', end);
	return dot && dot != name ? (size_t)(dot - name) : end;
}

const char *place_words(const struct place *p)
{
	return strcmp(p->path, "-") == 0 ? "standard output" : p->path;
}

/* --- testing a place --- */

static enum ps_status refuse(const char *path, const char *why, struct ps_err *err)
{
	ps_fail(err, PS_IO, "cannot write %s: %s", path, why);
	ps_hint(err, "name another file with -o FILE");
	return PS_IO;
}

#define ANOTHERS "it is another user's, in a folder that everybody may write in"

/* In a folder such as /tmp only the owner of a file may replace it, or that of the folder. Root
 * could: but what it writes would be the other's, who has laid that file there. */
static bool folder_forbids(const char *path, const struct stat *file)
{
	char *folder = draft_folder(path);
	struct stat st;
	bool forbids = folder && stat(folder, &st) == 0 && (st.st_mode & S_ISVTX) &&
		       geteuid() != file->st_uid && (geteuid() == 0 || geteuid() != st.st_uid);

	free(folder);
	return forbids;
}

/* A link stays, what it leads to is replaced. Any other name is kept as the user gave it. */
static void follow_link(struct place *p)
{
	struct stat st;
	char *real;

	if (lstat(p->path, &st) != 0 || !S_ISLNK(st.st_mode))
		return;
	real = realpath(p->path, NULL);
	if (real) {
		free(p->path);
		p->path = real;
	}
}

static enum ps_status check_old_file(struct place *p, const struct stat *st, struct ps_err *err)
{
	if (S_ISDIR(st->st_mode))
		return refuse(p->path, "it is a directory", err);
	if (S_ISBLK(st->st_mode) || S_ISSOCK(st->st_mode))
		return refuse(p->path, "it is no regular file", err);
	/* A file that one may not write could still be renamed away: it is left alone. */
	if (access(p->path, W_OK))
		return refuse(p->path, strerror(errno), err);
	if (!S_ISREG(st->st_mode)) {
		p->direct = true;
		return PS_OK;
	}
	follow_link(p);
	if (folder_forbids(p->path, st))
		return refuse(p->path, ANOTHERS, err);
	return PS_OK;
}

static bool try_beside(const char *path)
{
	int fd = draft_open_nameless(path);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static enum ps_status check(struct place *p, struct ps_err *err)
{
	struct stat st;

	if (!*p->path)
		return refuse("there", "the name is empty", err);
	if (strcmp(p->path, "-") == 0) {
		p->direct = true;
		return PS_OK;
	}
	if (stat(p->path, &st) == 0) {
		PS_TRY(check_old_file(p, &st, err));
		if (p->direct)
			return PS_OK;
	} else if (errno != ENOENT) {
		return refuse(p->path, strerror(errno), err);
	}
	return try_beside(p->path) ? PS_OK : refuse(p->path, strerror(errno), err);
}

enum ps_status place_open(const char *path, struct place *ret, struct ps_err *err)
{
	struct place p = { .path = strdup(path) };
	enum ps_status st = p.path ? check(&p, err) : ps_fail(err, PS_NOMEM, "out of memory");

	if (st) {
		place_close(&p);
		return st;
	}
	*ret = p;
	return PS_OK;
}

void place_close(struct place *p)
{
	free(p->path);
	p->path = NULL;
}

/* --- writing --- */

/* A draft is a file that only its owner may read; an output is an ordinary one. */
static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* The owner first: giving a file away can change its mode. Where the group cannot stay the
 * same, another group gets no more than everybody has. */
static void take_after(int fd, const struct stat *old)
{
	mode_t mode = old->st_mode & 0777;
	struct stat fresh;

	if (fstat(fd, &fresh))
		return;
	if ((fresh.st_uid != old->st_uid || fresh.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) && fresh.st_gid != old->st_gid &&
	    fchown(fd, (uid_t)-1, old->st_gid))
		mode = (mode & ~(mode_t)070) | (mode & (mode & 07) << 3);
	(void)!fchmod(fd, mode);
}

/* old: whose place it takes; NULL: nobody's. After it has its name, for who gives a file away may
 * not make a link to it any more. */
static void set_mode(int fd, const struct stat *old)
{
	if (old)
		take_after(fd, old);
	else
		(void)!fchmod(fd, usual_mode());
}

static enum ps_status write_draft(const char *path, place_fn *write, void *ctx, struct draft *ret,
				  struct ps_err *err)
{
	enum ps_status st;
	struct draft d;
	int out;

	PS_TRY(draft_open(path, &d, err));
	out = fcntl(d.fd, F_DUPFD_CLOEXEC, 0);
	st = out < 0 ? ps_fail(err, PS_IO, "%s", strerror(errno)) : write(out, ctx, err);
	if (!st)
		st = draft_sync(&d, err);
	if (st)
		draft_drop(&d);
	else
		*ret = d;
	return st;
}

static bool stat_regular(const char *path, struct stat *ret)
{
	return stat(path, ret) == 0 && S_ISREG(ret->st_mode);
}

/* A link replaces nothing: where there is something, another name is had for as long as it takes
 * to rename it. */
static enum ps_status put_at(struct draft *d, const char *path, struct ps_err *err)
{
	struct stat old;
	bool is_there = stat_regular(path, &old);

	if (!is_there) {
		set_mode(d->fd, NULL);
		if (draft_link(d, path))
			return PS_OK;
	}
	if (is_there && folder_forbids(path, &old)) /* it came meanwhile */
		return ps_fail(err, PS_IO, "%s", ANOTHERS);
	PS_TRY(draft_name(d, path, err));
	set_mode(d->fd, is_there ? &old : NULL);
	return rename(d->name, path) ? ps_fail(err, PS_IO, "%s", strerror(errno)) : PS_OK;
}

static enum ps_status replace(const struct place *p, place_fn *write, void *ctx, struct ps_err *err)
{
	enum ps_status st;
	struct draft d;

	PS_TRY(write_draft(p->path, write, ctx, &d, err));
	st = put_at(&d, p->path, err);
	if (st)
		draft_drop(&d);
	else
		draft_close(&d);
	return st;
}

static enum ps_status write_direct(const struct place *p, place_fn *write, void *ctx,
				   struct ps_err *err)
{
	bool to_stdout = strcmp(p->path, "-") == 0;
	int fd = to_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
			   : open(p->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return ps_fail(err, PS_IO, "%s", strerror(errno));
	return write(fd, ctx, err);
}

enum ps_status place_write(const struct place *p, place_fn *write, void *ctx, struct ps_err *err)
{
	enum ps_status st =
		p->direct ? write_direct(p, write, ctx, err) : replace(p, write, ctx, err);

	return ps_while(err, st, "write %s", place_words(p));
}

/* --- rescue --- */

/* Fails with EEXIST where there is anything, a broken link included. */
static int rename_to_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* Not every file system can do that. */
	if (link(from, to))
		return -1;
	unlink(from);
	return 0;
}

/* The first of "name", "name-2", "name-3" that is nobody's; NULL: none could be had. */
static char *give_free_name(const char *temporary, const char *folder, const char *name)
{
	enum { TRIES = 10000 };
	int stem = (int)stem_length(name);
	char *path;

	for (int i = 1; i <= TRIES; i++) {
		char number[16] = "";

		if (i > 1)
			snprintf(number, sizeof number, "-%d", i);
		if (asprintf(&path, "%s/%.*s%s%s", folder, stem, name, number, name + stem) < 0)
			return NULL;
		if (rename_to_new(temporary, path) == 0)
			return path;
		free(path);
		if (errno != EEXIST)
			return NULL;
	}
	return NULL;
}

static char *rescue_into(const struct place *p, const char *folder, const char *name,
			 place_fn *write, void *ctx)
{
	struct stat old;
	bool is_there = !p->direct && stat_regular(p->path, &old);
	char *near, *path = NULL;
	struct draft d;

	if (asprintf(&near, "%s/%s", folder, name) < 0)
		return NULL;
	if (write_draft(near, write, ctx, &d, NULL) == PS_OK) {
		if (draft_name(&d, near, NULL) == PS_OK) {
			set_mode(d.fd, is_there ? &old : NULL);
			path = give_free_name(d.name, folder, name);
		}
		if (path)
			draft_close(&d);
		else
			draft_drop(&d);
	}
	free(near);
	return path;
}

bool place_rescue(struct place *p, const char *name, place_fn *write, void *ctx)
{
	const char *folder = getenv("TMPDIR"), *slash = strrchr(p->path, '/');
	char *path = NULL;

	if (!p->direct)
		name = slash ? slash + 1 : p->path;
	if (folder && *folder)
		path = rescue_into(p, folder, name, write, ctx);
	if (!path)
		path = rescue_into(p, "/tmp", name, write, ctx);
	if (path) {
		free(p->path);
		p->path = path;
	}
	return path != NULL;
}
