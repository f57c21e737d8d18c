/* SPDX-License-Identifier: MIT */
/* To add a writer: its const struct in a file and a header of its own, a row in writers[].
 * The order is that of --help; of two suffixes that fit, the longer wins. A suffix among
 * the foreign ones below is the writer's from then on. */
#include "output/collapsed.h"
#include "output/flamegraph.h"
#include "output/writer.h"

#include <string.h>

const struct writer *const writers[] = {
	&flamegraph_writer,
	&collapsed_writer,
	NULL,
};

/* Suffixes that other kinds of files are known by: a flamegraph under such a name would be
 * a surprise, for the user or for the program that opens it. */
static const struct {
	const char *suffix, *what;
} foreign[] = {
	{ ".svg", "SVG pictures" },
	{ ".png", "pictures" },
	{ ".jpg", "pictures" },
	{ ".jpeg", "pictures" },
	{ ".gif", "pictures" },
	{ ".webp", "pictures" },
	{ ".pdf", "PDF documents" },
	{ ".json", "profiles of speedscope, Chrome or Firefox, and other JSON" },
	{ ".speedscope", "profiles of speedscope" },
	{ ".cpuprofile", "profiles of V8" },
	{ ".prof", "profiles of cProfile or pprof" },
	{ ".pstats", "profiles of cProfile" },
	{ ".cprof", "profiles of cProfile" },
	{ ".lprof", "profiles of line_profiler" },
	{ ".pb", "profiles of pprof" },
	{ ".pprof", "profiles of pprof" },
	{ ".perf", "profiles of perf" },
	{ ".callgrind", "profiles of callgrind" },
	{ ".jfr", "recordings of Java's flight recorder" },
	{ ".nettrace", "traces of .NET" },
	{ ".csv", "tables" },
	{ ".tsv", "tables" },
	{ ".xml", "XML" },
	{ ".md", "Markdown" },
	{ ".log", "logs" },
	{ ".py", "Python programs" },
	{ ".zst", "files compressed by zstd" },
	{ ".xz", "files compressed by xz" },
	{ ".bz2", "files compressed by bzip2" },
	{ ".zip", "archives" },
};
static const char *const foreign_prefixes[] = { "callgrind.", "cachegrind." };

const struct writer *writer_find(const char *name)
{
	for (const struct writer *const *w = writers; *w; w++) {
		if (strcmp((*w)->name, name) == 0)
			return *w;
	}
	return NULL;
}

/* A name that is nothing but a suffix (".html") has none: it is a hidden file. */
static bool ends_with(const char *base, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && strncasecmp(base + len - n, suffix, n) == 0;
}

static const struct writer *writer_for_base(const char *base, size_t len)
{
	const struct writer *best = NULL;
	size_t longest = 0;

	for (const struct writer *const *w = writers; *w; w++) {
		for (const char *const *s = (*w)->suffixes; *s; s++) {
			if (strlen(*s) > longest && ends_with(base, len, *s)) {
				best = *w;
				longest = strlen(*s);
			}
		}
	}
	return best;
}

const struct writer *writer_for_file(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = strlen(base);
	const struct writer *w = writer_for_base(base, len);

	if (!w && ends_with(base, len, ".gz"))
		w = writer_for_base(base, len - strlen(".gz"));
	return w;
}

const char *writer_foreign(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = strlen(base);

	if (writer_for_file(path))
		return NULL;
	for (size_t i = 0; i < sizeof foreign_prefixes / sizeof *foreign_prefixes; i++) {
		if (strncmp(base, foreign_prefixes[i], strlen(foreign_prefixes[i])) == 0)
			return "profiles of valgrind";
	}
	if (ends_with(base, len, ".gz"))
		len -= strlen(".gz");
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		if (ends_with(base, len, foreign[i].suffix))
			return foreign[i].what;
	}
	return NULL;
}

static bool view_has(const struct view *v, const struct profile_total *t)
{
	return v->idle || (t->state & STATE_WORK);
}

static bool mode_has(enum view_mode m, unsigned state)
{
	static const unsigned needed[NMODES] = {
		[MODE_CPU] = STATE_CPU,
		[MODE_GIL] = STATE_GIL,
		[MODE_EXCEPTION] = STATE_EXCEPTION,
	};

	return (state & needed[m]) == needed[m];
}

bool view_shows(const struct view *v, const struct profile_total *t)
{
	return view_has(v, t) && mode_has(v->mode, t->state);
}

bool view_mode_hides(const struct view *v, const struct profile_total *t)
{
	return view_has(v, t) && !mode_has(v->mode, t->state);
}

const char *view_mode_name(enum view_mode m)
{
	static const char *const names[NMODES] = {
		[MODE_WALL] = "wall",
		[MODE_CPU] = "cpu",
		[MODE_GIL] = "gil",
		[MODE_EXCEPTION] = "exception",
	};

	return names[m];
}
