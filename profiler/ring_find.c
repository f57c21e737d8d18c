/* SPDX-License-Identifier: MIT */
#include "profiler/ring_find.h"

#include "profiler/mapped.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <stdio.h>

enum { MAPS_TEXT_MAX = 64 << 20, LOOKS_MAX = 4 };

enum ps_status ring_find_read(void *from, raddr at, void *into, size_t len)
{
	return target_read(from, at, into, len);
}

static enum ps_status read_addresses(struct target *t, const struct locate_file *f,
				     struct ring_site *s, struct ps_err *err)
{
	const struct elf_python *e = &f->elf;
	SCOPE_FREE char *maps = NULL;
	uint64_t runtime = e->has_section ? e->section : e->symbol;
	char name[64];
	size_t len;

	snprintf(name, sizeof name, "task/%d/maps", t->read_tid);
	PS_TRY(proc_read_file(t->pid, name, MAPS_TEXT_MAX, &maps, &len, err));
	s->base[RING_RUNTIME] = mapped_address(maps, len, &f->map, e, runtime, false);
	if (e->has_run)
		s->function = mapped_address(maps, len, &f->map, e, e->run, true);
	if (s->layout.marked && e->has_check)
		s->mark = mapped_address(maps, len, &f->map, e, e->check, true);
	if (!s->base[RING_RUNTIME])
		return ps_fail(err, PS_UNSUPPORTED, "its runtime is not mapped");
	if (s->function && (s->mark || !s->layout.marked))
		return PS_OK;
	ps_fail(err, PS_UNSUPPORTED, "the file that its interpreter is in does not say where %s is",
		s->function ? "PyCallable_Check" : "PyRun_SimpleString");
	ps_hint(err, "its symbols were stripped; a build with a dynamic symbol table has it");
	return PS_UNSUPPORTED;
}

/* Threads and calls that come and go meanwhile make it look broken for a moment. */
static enum ps_status find_site(struct target *t, struct ring_site *s, struct ps_err *err)
{
	const struct ring_memory m = { ring_find_read, t };
	enum ps_status st = PS_FORMAT;

	for (unsigned i = 0; (st == PS_FORMAT || st == PS_FAULT) && i < LOOKS_MAX; i++)
		st = ring_site_find(s, &m, err);
	return st;
}

static enum ps_status refuse(const struct identity *identity, struct ps_err *err)
{
	char python[64];

	identity_describe(identity, python);
	ps_fail(err, PS_UNSUPPORTED, "running code in %s is not possible yet", python);
	ps_hint(err, "of CPython 3.8 to 3.13 it is possible in builds for x86-64 that have a GIL");
	return PS_UNSUPPORTED;
}

enum ps_status ring_find(struct target *t, const struct locate_file *file,
			 const struct identity *identity, struct ring_site *ret, struct ps_err *err)
{
	const struct ring_layout *layout = identity_exec_way(identity) == EXEC_PENDING_CALL
						   ? ring_layout_find(identity->version)
						   : NULL;
	struct ring_site s;

	if (!layout || !file->known)
		return refuse(identity, err);
	s = (struct ring_site){ .layout = *layout };
	PS_TRY(read_addresses(t, file, &s, err));
	PS_TRY(find_site(t, &s, err));
	*ret = s;
	return PS_OK;
}
