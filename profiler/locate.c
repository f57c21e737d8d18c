/* SPDX-License-Identifier: MIT */
#include "profiler/locate.h"

#include "offsets/debug_offsets.h"
#include "profiler/elf.h"
#include "profiler/maps.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	MAPS_TEXT_MAX = 64 << 20,
	FILES_MAX = 4096,
	CANDIDATES_MAX = 64, /* tables that are looked into */
	SCAN_BLOCK = 256 * 1024,
	SCAN_MAP_MAX =
		64 << 20, /* an interpreter's data is well below; heaps are not searched whole */
	INTERPRETERS_MAX = 256,
	THREADS_MAX = 8192,
};

struct search {
	struct target *target;
	char *maps;
	size_t maps_len;
	struct site *site;
	unsigned candidates;
	enum ps_status best; /* the most telling failure so far */
	struct ps_err best_err;
	char old_python[80]; /* an interpreter seen that we do not read */
};

/* A mapped file, by its first mapping. */
struct file {
	struct map map;
	int score; /* look first where the name says python */
};

/* --- checking what was found --- */

static enum ps_status check_threads(struct target *t, const struct layout *l, raddr interp,
				    struct ps_err *err)
{
	unsigned char ts[1024];
	raddr at;

	PS_TRY(target_read(t, interp + l->at[F_INTERP_THREADS_HEAD], &at, 8));
	for (unsigned n = 0; at; n++) {
		if (n == THREADS_MAX)
			return ps_fail(err, PS_FORMAT, "the list of threads does not end");
		PS_TRY(target_read(t, at, ts, l->span[S_THREAD]));
		if (layout_get(l, ts, F_THREAD_INTERP) != interp)
			return ps_fail(err, PS_FORMAT, "a thread belongs to another interpreter");
		at = layout_get(l, ts, F_THREAD_NEXT);
	}
	return PS_OK;
}

enum ps_status locate_check(struct target *t, const struct site *s, struct ps_err *err)
{
	const struct layout *l = &s->layout;
	raddr at, main_interp, head_threads = 0;
	bool found_main = false;

	ps_fail(err, PS_FAULT, "the interpreter's memory cannot be read");
	PS_TRY(target_read(t, s->runtime + l->at[F_RUNTIME_INTERPRETERS_HEAD], &at, 8));
	PS_TRY(target_read(t, s->runtime + l->at[F_RUNTIME_INTERPRETERS_MAIN], &main_interp, 8));
	if (!at)
		return ps_fail(err, PS_NOT_READY, "the interpreter has not started yet");
	for (unsigned n = 0; at; n++) {
		int64_t id;

		if (n == INTERPRETERS_MAX)
			return ps_fail(err, PS_FORMAT, "the list of interpreters does not end");
		PS_TRY(target_read(t, at + l->at[F_INTERP_ID], &id, 8));
		if (id < 0 || (id == 0 && at != main_interp))
			return ps_fail(err, PS_FORMAT, "interpreter id %" PRId64 " is absurd", id);
		if (id == 0) {
			found_main = true;
			PS_TRY(target_read(t, at + l->at[F_INTERP_THREADS_HEAD], &head_threads, 8));
		}
		PS_TRY(check_threads(t, l, at, err));
		PS_TRY(target_read(t, at + l->at[F_INTERP_NEXT], &at, 8));
	}
	if (!found_main)
		return ps_fail(err, PS_FORMAT, "there is no main interpreter");
	if (!head_threads)
		return ps_fail(err, PS_NOT_READY, "the interpreter has no threads yet");
	return PS_OK;
}

/* The more an error says about this target, the longer it is kept. */
static int worth(enum ps_status st)
{
	switch (st) {
	case PS_NOT_READY:
		return 4;
	case PS_UNSUPPORTED:
		return 3;
	case PS_FORMAT:
		return 2;
	case PS_FAULT:
		return 1;
	default:
		return 0;
	}
}

static void keep_failure(struct search *s, enum ps_status st, const struct ps_err *err)
{
	if (worth(st) > worth(s->best)) {
		s->best = st;
		s->best_err = *err;
	}
}

static bool try_runtime(struct search *s, raddr at, const char *found_by)
{
	unsigned char table[DEBUG_OFFSETS_MAX];
	struct site site = { .runtime = at, .found_by = found_by };
	struct ps_err err = { 0 };
	enum ps_status st;

	if (target_read(s->target, at, table, sizeof table) != PS_OK ||
	    !debug_offsets_recognize(table, sizeof table) || s->candidates++ >= CANDIDATES_MAX)
		return false;
	st = debug_offsets_parse(table, sizeof table, &site.layout, &err);
	if (!st)
		st = locate_check(s->target, &site, &err);
	if (!st) {
		*s->site = site;
		return true;
	}
	keep_failure(s, st, &err);
	return false;
}

/* --- by file --- */

static int open_checked(const char *path, const struct map *m, bool must_match)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -1;
	/* A device could block or have effects; another inode is another program. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (must_match && (st.st_ino != m->inode || major(st.st_dev) != m->dev_major ||
			    minor(st.st_dev) != m->dev_minor))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* maps shows paths relative to *our* root for a chrooted target, and as that target's
 * mount namespace has them if it has one of its own; map_files opens the very inode,
 * deleted or not, but only for the privileged. */
static int open_mapped(int pid, const struct map *m)
{
	static const char deleted[] = " (deleted)";
	char path[4096 + 64];
	int len = (int)m->path_len, fd;

	snprintf(path, sizeof path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, m->start,
		 m->end);
	fd = open_checked(path, m, false);
	if (fd >= 0 || m->path_len > 4096)
		return fd;
	snprintf(path, sizeof path, "/proc/%d/root%.*s", pid, len, m->path);
	fd = open_checked(path, m, true);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof path, "%.*s", len, m->path);
	fd = open_checked(path, m, true);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	fd = open_checked(path, m, true);
	/* On overlay file systems the device in maps is not the one of stat. */
	if (fd < 0 &&
	    (m->path_len < sizeof deleted || memcmp(m->path + m->path_len - (sizeof deleted - 1),
						    deleted, sizeof deleted - 1) != 0)) {
		snprintf(path, sizeof path, "/proc/%d/root%.*s", pid, len, m->path);
		fd = open_checked(path, m, false);
	}
	return fd;
}

static bool same_file(const struct map *a, const struct map *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

static bool try_offset(struct search *s, const struct map *file, uint64_t offset,
		       const char *found_by)
{
	struct map m;

	for (size_t pos = 0; maps_next(s->maps, s->maps_len, &pos, &m);) {
		if (same_file(&m, file) && offset >= m.offset &&
		    offset - m.offset < m.end - m.start &&
		    try_runtime(s, m.start + (offset - m.offset), found_by))
			return true;
	}
	return false;
}

static void note_old_python(struct search *s, const struct map *file, const struct elf_python *e)
{
	uint64_t offset;
	struct map m;

	if (e->has_version && elf_file_offset(e, e->version, &offset)) {
		for (size_t pos = 0; maps_next(s->maps, s->maps_len, &pos, &m);) {
			uint32_t v;

			if (!same_file(&m, file) || offset < m.offset ||
			    offset - m.offset >= m.end - m.start ||
			    target_read(s->target, m.start + (offset - m.offset), &v, 4))
				continue;
			snprintf(s->old_python, sizeof s->old_python, "CPython %u.%u.%u", v >> 24,
				 v >> 16 & 0xff, v >> 8 & 0xff);
			return;
		}
	}
	if (!s->old_python[0])
		snprintf(s->old_python, sizeof s->old_python, "CPython 3.12 or older");
}

/* "libpypy3.11-c.so", "pypy3.11-c", but no module's "pypytools.so" */
static bool is_pypy_name(const char *name, size_t len)
{
	if (len > 3 && memcmp(name, "lib", 3) == 0) {
		name += 3;
		len -= 3;
	}
	if (len < 4 || memcmp(name, "pypy", 4) != 0)
		return false;
	return len == 4 || (name[4] >= '0' && name[4] <= '9') || name[4] == '-';
}

static bool try_file(struct search *s, const struct file *f)
{
	struct elf_python e;
	uint64_t offset;
	const char *name;
	size_t len;
	SCOPE_CLOSE int fd = open_mapped(s->target->pid, &f->map);

	if (fd < 0 || elf_find_python(fd, &e) != PS_OK)
		return false;
	map_basename(&f->map, &name, &len);
	if (e.is_pypy || (is_pypy_name(name, len) && f->map.path_len))
		snprintf(s->old_python, sizeof s->old_python, "PyPy");
	if (e.has_section && elf_file_offset(&e, e.section, &offset) &&
	    try_offset(s, &f->map, offset, "section"))
		return true;
	if (e.has_symbol && elf_file_offset(&e, e.symbol, &offset) &&
	    try_offset(s, &f->map, offset, "symbol"))
		return true;
	if (e.has_section || e.has_symbol)
		note_old_python(s, &f->map, &e);
	return false;
}

static int score_name(const struct map *m)
{
	const char *name;
	size_t len;

	map_basename(m, &name, &len);
	return (memmem(name, len, "libpython", 9) ? 2 : 0) +
	       (memmem(name, len, "python", 6) ? 1 : 0);
}

static int compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->score != y->score)
		return y->score - x->score;
	return (x->map.start > y->map.start) - (x->map.start < y->map.start);
}

/* Distinct files that have a writable part: an interpreter's state is data. */
static size_t list_files(struct search *s, struct file *files)
{
	size_t n = 0;
	struct map m;

	for (size_t pos = 0; maps_next(s->maps, s->maps_len, &pos, &m) && n < FILES_MAX;) {
		bool known = false;

		if (!m.inode || !m.writable || !m.path_len || m.path[0] != '/')
			continue;
		for (size_t i = 0; i < n && !known; i++)
			known = same_file(&files[i].map, &m);
		if (!known)
			files[n++] = (struct file){ m, score_name(&m) };
	}
	qsort(files, n, sizeof *files, compare_files);
	return n;
}

static bool search_files(struct search *s)
{
	SCOPE_FREE struct file *files = malloc(FILES_MAX * sizeof *files);
	size_t n = files ? list_files(s, files) : 0;

	for (size_t i = 0; i < n; i++) {
		if (try_file(s, &files[i]))
			return true;
	}
	return false;
}

/* --- by memory --- */

static bool scan_map(struct search *s, const struct map *m, unsigned char *block)
{
	enum { STRIDE = 8 };

	for (raddr at = m->start; at < m->end; at += SCAN_BLOCK) {
		size_t len = m->end - at < SCAN_BLOCK ? (size_t)(m->end - at) : SCAN_BLOCK;

		if (target_read(s->target, at, block, len) != PS_OK)
			return false;
		for (size_t i = 0; i + STRIDE <= len; i += STRIDE) {
			if (memcmp(block + i, "xdebugpy", 8) == 0 &&
			    try_runtime(s, at + i, "memory scan"))
				return true;
		}
	}
	return false;
}

/* First the files' own data, then the anonymous memory, in which data that was remapped
 * or split from its file may lie. */
static bool scan_memory(struct search *s)
{
	SCOPE_FREE unsigned char *block = malloc(SCAN_BLOCK);
	struct map m;

	for (int files = 1; block && files >= 0; files--) {
		for (size_t pos = 0; maps_next(s->maps, s->maps_len, &pos, &m);) {
			if (m.readable && m.writable && (m.inode != 0) == (files == 1) &&
			    m.end - m.start <= SCAN_MAP_MAX && scan_map(s, &m, block))
				return true;
		}
	}
	return false;
}

static enum ps_status conclude(struct search *s, struct ps_err *err)
{
	if (target_ended(s->target))
		return ps_fail(err, PS_GONE, "process %d has ended", s->target->pid);
	if (s->best == PS_NOT_READY || (s->best && !s->old_python[0])) {
		if (err)
			*err = s->best_err;
		return s->best == PS_FAULT ? PS_NOT_READY : s->best;
	}
	if (s->old_python[0]) {
		ps_fail(err, PS_UNSUPPORTED, "process %d runs %s, which pysample cannot read yet",
			s->target->pid, s->old_python);
		ps_hint(err, "it reads CPython 3.13, 3.14 and 3.15");
		return PS_UNSUPPORTED;
	}
	ps_fail(err, PS_NOT_PYTHON,
		"process %d is not a Python: no mapped file has a _PyRuntime, "
		"and its memory has no table of debug offsets",
		s->target->pid);
	return PS_NOT_PYTHON;
}

enum ps_status locate(struct target *t, struct site *ret, struct ps_err *err)
{
	struct search s = { .target = t, .site = ret };
	char name[64];
	enum ps_status st;

	snprintf(name, sizeof name, "task/%d/maps", t->read_tid);
	st = proc_read_file(t->pid, name, MAPS_TEXT_MAX, &s.maps, &s.maps_len, err);
	if (st == PS_GONE && !target_ended(t))
		return ps_fail(err, PS_NOT_READY, "process %d has no memory yet", t->pid);
	PS_TRY(st);
	if (search_files(&s) || scan_memory(&s))
		st = PS_OK;
	else
		st = conclude(&s, err);
	free(s.maps);
	return st;
}
