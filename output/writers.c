/* SPDX-License-Identifier: MIT */
/* To add a writer: its const struct in a file and a header of its own, a row here. The
 * order is that of --help; of two suffixes that fit, the longer wins. */
#include "output/collapsed.h"
#include "output/flamegraph.h"
#include "output/writer.h"

#include <string.h>

const struct writer *const writers[] = {
	&flamegraph_writer,
	&collapsed_writer,
	NULL,
};

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

	return len > n && memcmp(base + len - n, suffix, n) == 0;
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

bool view_shows(const struct view *v, const struct profile_total *t)
{
	if (v->gil_only && !(t->state & STATE_GIL))
		return false;
	return v->idle || (t->state & STATE_CPU);
}
