/* SPDX-License-Identifier: MIT */
#include "profiler/locate.h"

#include "offsets/debug_offsets.h"
#include "profiler/elf.h"
#include "profiler/mapped.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	MAPS_TEXT_MAX = 64 << 20,
	FILES_MAX = 4096,
	CANDIDATES_MAX = 64, /* tables that are looked into */
	CHECKS_MAX = 4,      /* of one table that does not hold together */
	SCAN_BLOCK = 256 * 1024,
	SCAN_MAP_MAX =
		64 << 20, /* an interpreter's data is well below; heaps are not searched whole */
	VERSION_DATA_MAX = 1 << 20,
	INTERPRETERS_MAX = 256,
	THREADS_MAX = 8192,
};

struct search {
	struct target *target;
	const struct locate_how *how;
	char *maps;
	size_t maps_len;
	struct site *site;
	unsigned candidates;
	enum ps_status best; /* the most telling failure so far */
	struct ps_err best_err;
	struct identity other; /* an interpreter seen that we do not read */
	bool needs_library;    /* a file is linked with a libpython or libpypy */
	bool has_library;      /* ... and one is mapped */
	uint64_t scanned;      /* bytes */
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

static void tell(struct search *s, enum locate_step step, const struct map *file, raddr at,
		 enum ps_status result, const char *why)
{
	struct locate_try t = { step, file, at, s->scanned, result, why };

	if (s->how->tried)
		s->how->tried(&t, s->how->ctx);
}

static struct identity identity_of(const unsigned char *table)
{
	struct identity i = { .kind = PYTHON_CPYTHON, .parts = 3 };

	debug_offsets_head(table, &i.version, &i.free_threaded);
	return i;
}

/* PS_OK if it is the one; what a table that is there fails by is kept and told. */
static enum ps_status try_runtime(struct search *s, raddr at, const char *found_by,
				  struct ps_err *err)
{
	unsigned char table[DEBUG_OFFSETS_MAX];
	struct site site = { .runtime = at, .found_by = found_by };
	enum ps_status st;
	bool parsed;

	if (target_read(s->target, at, table, sizeof table) != PS_OK)
		return ps_fail(err, PS_FAULT, "the memory there cannot be read");
	if (!debug_offsets_recognize(table, sizeof table))
		return ps_fail(err, PS_NOT_PYTHON, "no table of debug offsets is there");
	if (s->candidates++ >= CANDIDATES_MAX)
		return ps_fail(err, PS_LIMIT, "there are too many tables");
	st = debug_offsets_parse(table, sizeof table, &site.layout, err);
	parsed = st == PS_OK;
	/* Threads that come and go meanwhile make it look broken for a moment. */
	for (int i = 0; parsed && (i == 0 || st == PS_FORMAT || st == PS_FAULT) && i < CHECKS_MAX;
	     i++)
		st = locate_check(s->target, &site, err);
	if (!st) {
		*s->site = site;
		s->other = identity_of(table);
	} else {
		keep_failure(s, st, err);
	}
	return st;
}

/* --- by file --- */

static bool try_offset(struct search *s, const struct map *file, uint64_t offset, bool section)
{
	enum locate_step step = section ? LOCATE_SECTION : LOCATE_SYMBOL;
	struct ps_err err = { .msg = "it is not mapped" };
	enum ps_status st = PS_NOT_PYTHON;
	raddr at = 0;
	struct map m;

	for (size_t pos = 0; st && maps_next(s->maps, s->maps_len, &pos, &m);) {
		if (!mapped_same_file(&m, file) || offset < m.offset ||
		    offset - m.offset >= m.end - m.start)
			continue;
		at = m.start + (offset - m.offset);
		st = try_runtime(s, at, section ? "section" : "symbol", &err);
	}
	tell(s, step, file, at, st, st ? err.msg : NULL);
	return st == PS_OK;
}

/* The word Py_Version of 3.11 and later. */
static bool read_version_word(struct search *s, const struct map *file, const struct elf_python *e,
			      uint32_t *ret)
{
	uint64_t offset;
	struct map m;

	if (!e->has_version || !elf_file_offset(e, e->version, &offset))
		return false;
	for (size_t pos = 0; maps_next(s->maps, s->maps_len, &pos, &m);) {
		if (mapped_same_file(&m, file) && offset >= m.offset &&
		    offset - m.offset < m.end - m.start &&
		    target_read(s->target, m.start + (offset - m.offset), ret, 4) == PS_OK &&
		    *ret >> 24 == 3)
			return true;
	}
	return false;
}

/* Before that, the text that sys.version was made of: a static buffer, so behind the data
 * of its file, in the memory that has no file because it began as zeros. */
static bool read_version_text(struct search *s, const struct map *file, char major, uint32_t *ret)
{
	SCOPE_FREE char *bytes = malloc(VERSION_DATA_MAX);
	uint64_t end = 0; /* of the file's data so far */
	struct map m;

	for (size_t pos = 0; bytes && maps_next(s->maps, s->maps_len, &pos, &m);) {
		size_t len =
			m.end - m.start < VERSION_DATA_MAX ? m.end - m.start : VERSION_DATA_MAX;
		bool ours = mapped_same_file(&m, file);

		if (!ours && (m.inode || m.start != end))
			continue;
		if (ours)
			end = m.end;
		if (m.writable && target_read(s->target, m.start, bytes, len) == PS_OK &&
		    identity_find_version(bytes, len, major, ret))
			return true;
	}
	return false;
}

static void note_other(struct search *s, const struct map *file, const struct elf_python *e,
		       enum python_kind kind)
{
	struct identity i = { .kind = kind, .parts = 3 }, named;
	const char *name;
	size_t len;

	map_basename(file, &name, &len);
	if (!read_version_word(s, file, e, &i.version) &&
	    (kind == PYTHON_PYPY ||
	     (!read_version_text(s, file, '3', &i.version) &&
	      !(e->is_old && read_version_text(s, file, '2', &i.version))))) {
		i.parts = 0;
		i.version = 0;
		if (identity_by_name(name, len, &named) && named.kind == kind)
			i = named;
	}
	i.has_requests = e->has_requests;
	memcpy(i.pypy, e->pypy, sizeof i.pypy);
	s->other = i;
}

/* "libpypy3.11-c.so", "pypy3.11-c", but no module's "pypytools.so" */
static bool is_pypy_name(const struct map *m)
{
	struct identity i;
	const char *name;
	size_t len;

	map_basename(m, &name, &len);
	return identity_by_name(name, len, &i) && i.kind == PYTHON_PYPY;
}

static bool is_library(const struct map *m)
{
	const char *name;
	size_t len;

	map_basename(m, &name, &len);
	return (len > 7 && memcmp(name, "libpypy", 7) == 0) ||
	       (len > 9 && memcmp(name, "libpython", 9) == 0);
}

/* NULL: cannot be opened, or is no ELF file. */
static const struct elf_python *read_elf(struct search *s, const struct map *m,
					 struct elf_python *room)
{
	enum ps_status st;

	if (s->how->files)
		return elf_cache_find(s->how->files, s->target->pid, m);
	st = mapped_read_python(s->target->pid, m, true, room);
	if (st)
		tell(s, LOCATE_FILE, m, 0, st,
		     st == PS_FAULT ? "it cannot be opened from here" : "it is no ELF file");
	return st ? NULL : room;
}

static void keep_file(const struct search *s, const struct file *f, const struct elf_python *e)
{
	struct locate_file *kept = s->how->file;

	if (!kept || (!e->has_section && !e->has_symbol))
		return;
	*kept = (struct locate_file){ .known = true, .map = f->map, .elf = *e };
	kept->map.path = NULL;
	kept->map.path_len = 0;
}

static bool try_file(struct search *s, const struct file *f)
{
	struct elf_python room;
	const struct elf_python *e = read_elf(s, &f->map, &room);
	uint64_t offset;

	if (!e)
		return false;
	s->needs_library |= e->needs_library;
	s->has_library |= is_library(&f->map);
	if (e->is_pypy || (is_pypy_name(&f->map) && s->other.kind == PYTHON_NONE)) {
		note_other(s, &f->map, e, PYTHON_PYPY);
		tell(s, LOCATE_FILE, &f->map, 0, PS_UNSUPPORTED, "it is PyPy's");
	}
	keep_file(s, f, e);
	if (e->has_section && elf_file_offset(e, e->section, &offset) &&
	    try_offset(s, &f->map, offset, true))
		return true;
	if (e->has_symbol && elf_file_offset(e, e->symbol, &offset) &&
	    try_offset(s, &f->map, offset, false))
		return true;
	if (!e->has_section && !e->has_symbol && !e->is_old)
		tell(s, LOCATE_FILE, &f->map, 0, PS_NOT_PYTHON, "it has no runtime");
	else
		note_other(s, &f->map, e, PYTHON_CPYTHON);
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
			known = mapped_same_file(&files[i].map, &m);
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
		s->scanned += len;
		for (size_t i = 0; i + STRIDE <= len; i += STRIDE) {
			struct ps_err err = { 0 };
			enum ps_status st;

			if (memcmp(block + i, "xdebugpy", 8) != 0)
				continue;
			st = try_runtime(s, at + i, "memory scan", &err);
			tell(s, LOCATE_SCAN, m, at + i, st, st ? err.msg : NULL);
			if (!st)
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
	tell(s, LOCATE_SCAN, NULL, 0, PS_NOT_PYTHON, "no more tables of debug offsets");
	return false;
}

/* By its symbols and its version, not by a name: PyPy and what is older than 3.13 have no table in
 * their memory, and to look through all of it takes a tenth of a second. */
static bool has_surely_no_table(const struct search *s)
{
	enum { FIRST_WITH = 0x030d0000 };

	if (s->other.parts < 3 || s->other.guessed)
		return false;
	return s->other.kind == PYTHON_PYPY ||
	       (s->other.kind == PYTHON_CPYTHON && s->other.version < FIRST_WITH);
}

static enum ps_status refuse_other(const struct search *s, struct ps_err *err)
{
	char python[64];

	identity_describe(&s->other, python);
	if (!identity_can_sample(&s->other))
		ps_fail(err, PS_UNSUPPORTED, "process %d runs %s, which pysample cannot read yet",
			s->target->pid, python);
	else
		ps_fail(err, PS_UNSUPPORTED, "process %d runs %s, but %s", s->target->pid, python,
			s->best ? s->best_err.msg : "its table of debug offsets was not found");
	ps_hint(err, "pysample reads CPython 3.13, 3.14 and 3.15");
	return PS_UNSUPPORTED;
}

static enum ps_status conclude(struct search *s, struct ps_err *err)
{
	if (target_ended(s->target))
		return ps_fail(err, PS_GONE, "process %d has ended", s->target->pid);
	if (s->best == PS_NOT_READY || (s->best && s->other.kind == PYTHON_NONE)) {
		if (err)
			*err = s->best_err;
		return s->best == PS_FAULT ? PS_NOT_READY : s->best;
	}
	/* The loader comes to it after others, which may take their time. Until then the program
	 * has a name at most. */
	if (s->needs_library &&
	    (s->other.kind == PYTHON_NONE || (s->other.guessed && !s->has_library)))
		return ps_fail(err, PS_NOT_READY, "process %d has not loaded its %s yet",
			       s->target->pid,
			       s->other.kind == PYTHON_PYPY ? "libpypy" : "libpython");
	if (s->other.kind != PYTHON_NONE)
		return refuse_other(s, err);
	ps_fail(err, PS_NOT_PYTHON,
		"process %d is not a Python: no mapped file has a _PyRuntime, "
		"and its memory has no table of debug offsets",
		s->target->pid);
	return PS_NOT_PYTHON;
}

enum ps_status locate_with(struct target *t, const struct locate_how *how, struct site *ret,
			   struct identity *ret_who, struct ps_err *err)
{
	struct search s = { .target = t, .how = how, .site = ret };
	enum ps_status st = target_read_proc(t, "maps", MAPS_TEXT_MAX, &s.maps, &s.maps_len, err);

	if (st == PS_GONE && !target_ended(t))
		return ps_fail(err, PS_NOT_READY, "process %d has no memory yet", t->pid);
	PS_TRY(st);
	if (search_files(&s) || (!how->files_only && !has_surely_no_table(&s) && scan_memory(&s)))
		st = PS_OK;
	else
		st = conclude(&s, err);
	*ret_who = s.other;
	free(s.maps);
	return st;
}

enum ps_status locate(struct target *t, struct site *ret, struct ps_err *err)
{
	struct identity ignored;

	return locate_with(t, &(struct locate_how){ .files_only = false }, ret, &ignored, err);
}
