/* SPDX-License-Identifier: MIT */
#include "profiler/inside.h"

#include "profiler/mapped.h"
#include "profiler/proc.h"
#include "profiler/ring_find.h"
#include "profiler/scope.h"

#include <stdio.h>
#include <string.h>

enum { ARGS_MAX = 256 << 10, ENVIRON_MAX = 4 << 20, MAPS_MAX = 64 << 20 };

/* --- what was tried --- */

/* The end of a path says more than its beginning. */
static void copy_path(char ret[static INSIDE_TEXT_MAX], const struct map *m)
{
	static const char cut[] = "...";
	size_t len = m->path_len, room = INSIDE_TEXT_MAX - 1;

	if (len <= room)
		snprintf(ret, INSIDE_TEXT_MAX, "%.*s", (int)len, m->path);
	else
		snprintf(ret, INSIDE_TEXT_MAX, "%s%.*s", cut, (int)(room - (sizeof cut - 1)),
			 m->path + len - (room - (sizeof cut - 1)));
	proc_make_printable(ret);
}

static void note_try(const struct locate_try *t, void *ctx)
{
	struct inside *in = ctx;
	struct inside_try *kept;

	if (t->step == LOCATE_FILE && t->result == PS_NOT_PYTHON) {
		in->files_without++;
		return;
	}
	/* Full: the last one is worth more than those in the middle. */
	if (in->ntries == INSIDE_TRIES_MAX)
		in->ntries--;
	kept = &in->tries[in->ntries++];
	*kept = (struct inside_try){
		.step = t->step, .result = t->result, .at = t->at, .scanned = t->scanned
	};
	if (t->file)
		copy_path(kept->file, t->file);
	if (t->why)
		snprintf(kept->why, sizeof kept->why, "%s", t->why);
}

/* --- running code in it --- */

static enum answer read_switch(struct target *t, const struct site *site)
{
	const struct layout *l = &site->layout;
	uint32_t on;
	raddr interp;

	if (!layout_has(l, F_INTERP_REMOTE_DEBUG) ||
	    target_read(t, site->runtime + l->at[F_RUNTIME_INTERPRETERS_MAIN], &interp, 8) ||
	    target_read(t, interp + l->at[F_INTERP_REMOTE_DEBUG], &on, 4))
		return ANSWER_UNKNOWN;
	return on == 1 ? ANSWER_YES : ANSWER_NO;
}

/* The name of the audit event is said only by the code that runs requests, which a build
 * with --without-remote-debug leaves out (Python/ceval_gil.c, 3.14 and 3.15). */
static enum answer read_build(struct target *t, const struct site *site)
{
	SCOPE_FREE char *text = NULL;
	SCOPE_CLOSE int fd = -1;
	size_t len, pos = 0;
	struct map m;

	if (target_read_proc(t, "maps", MAPS_MAX, &text, &len, NULL) != PS_OK)
		return ANSWER_UNKNOWN;
	while (maps_next(text, len, &pos, &m)) {
		if (m.inode && site->runtime >= m.start && site->runtime < m.end)
			fd = mapped_open(t->pid, &m);
		if (fd >= 0)
			return mapped_find_text(fd, "cpython.remote_debugger_script", NULL, 0)
				       ? ANSWER_YES
				       : ANSWER_NO;
	}
	return ANSWER_UNKNOWN;
}

static void read_start(struct target *t, struct inside *in)
{
	SCOPE_FREE char *args = NULL, *environment = NULL;
	size_t len;

	if (proc_read_file(t->pid, "cmdline", ARGS_MAX, &args, &len, NULL) == PS_OK)
		python_args_parse(args, len, &in->args);
	if (proc_read_file(t->pid, "environ", ENVIRON_MAX, &environment, &len, NULL) == PS_OK)
		in->variable = environ_find(environment, len, "PYTHON_DISABLE_REMOTE_DEBUG",
					    &in->variable_empty)
				       ? ANSWER_YES
				       : ANSWER_NO;
}

/* What stands in the way only for a moment is no reason here. */
static void look_at_ring(struct target *t, const struct locate_file *file, struct inside *in)
{
	const struct ring_memory m = { ring_find_read, t };
	struct ring_site site;
	enum ps_status st = ring_find(t, file, &in->identity, &site, &in->ring_why);

	if (st != PS_UNSUPPORTED)
		in->ring_why = (struct ps_err){ 0 };
	if (!st)
		in->hooks = ring_site_has_hooks(&site, &m) ? ANSWER_YES : ANSWER_NO;
}

void inside_look(struct target *t, struct elf_cache *files, struct inside *ret)
{
	struct locate_file file = { 0 };
	struct locate_how how = { .files_only = files, .files = files, .file = &file };

	*ret = (struct inside){ .looked = true };
	if (!files) {
		how.tried = note_try;
		how.ctx = ret;
	}
	ret->located = locate_with(t, &how, &ret->site, &ret->identity, &ret->why);
	if (!ret->located)
		ret->remote_debug = read_switch(t, &ret->site);
	if (identity_exec_way(&ret->identity) == EXEC_PENDING_CALL)
		look_at_ring(t, &file, ret);
	/* PyPy has no switch that could be read: its start is all there is. */
	if (!files || ret->identity.kind == PYTHON_PYPY)
		read_start(t, ret);
	if (files)
		return;
	if (ret->remote_debug == ANSWER_NO)
		ret->compiled_in = read_build(t, &ret->site);
}
