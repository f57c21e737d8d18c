/* SPDX-License-Identifier: MIT */
#include "profiler/survey.h"

#include "profiler/checks.h"
#include "profiler/denied.h"
#include "profiler/elf_cache.h"
#include "profiler/mapped.h"
#include "profiler/scope.h"

#include <errno.h>
#include <string.h>

enum { MAPS_MAX = 64 << 20, SMALL_MAX = 64 << 10, ARGUMENT_MAX = 4096 };

struct surveyor {
	struct survey *survey;
	struct elf_cache files;
	struct diagnosis d; /* of the process at hand; large */
	bool all;
};

enum sign { SIGN_NONE, SIGN_NAME, SIGN_FILE };

/* --- signs --- */

static enum sign sign_of_file(struct surveyor *s, int pid, const struct map *m,
			      struct identity *named)
{
	const struct elf_python *e;
	struct identity i;
	const char *name;
	size_t len;

	map_basename(m, &name, &len);
	if (identity_by_name(name, len, &i) && i.parts >= named->parts)
		*named = i;
	/* An interpreter's state is data: a file without a writable part holds none. */
	if (!m->writable)
		return SIGN_NONE;
	e = elf_cache_find(&s->files, pid, m);
	return e && (e->has_section || e->has_symbol || e->is_old || e->is_pypy) ? SIGN_FILE
										 : SIGN_NONE;
}

/* named: the most that any mapped file's name tells. */
static enum sign sign_of_maps(struct surveyor *s, int pid, const char *text, size_t len,
			      struct identity *named)
{
	struct map m, last = { 0 };
	enum sign sign = SIGN_NONE;

	for (size_t pos = 0; maps_next(text, len, &pos, &m);) {
		if (!m.inode || !m.path_len || m.path[0] != '/')
			continue;
		/* The parts of a file stand together, and its writable one is one or two. */
		if (mapped_same_file(&m, &last) && m.writable == last.writable)
			continue;
		last = m;
		if (sign_of_file(s, pid, &m, named) == SIGN_FILE)
			sign = SIGN_FILE;
	}
	return sign == SIGN_NONE && named->kind != PYTHON_NONE ? SIGN_NAME : sign;
}

static bool by_name(const char *path, size_t len, struct identity *ret)
{
	const char *slash = memrchr(path, '/', len);
	size_t before = slash ? (size_t)(slash - path) + 1 : 0;

	return identity_by_name(path + before, len - before, ret);
}

/* What everybody may see of a process: its short name and its first argument. */
static bool sign_of_names(int pid, struct identity *named)
{
	SCOPE_FREE char *text = NULL;
	char comm[32];
	size_t len;

	if (proc_read_file(pid, "cmdline", ARGUMENT_MAX, &text, &len, NULL) == PS_OK &&
	    by_name(text, strnlen(text, len), named))
		return true;
	proc_comm(pid, pid, comm);
	return identity_by_name(comm, strlen(comm), named);
}

/* --- one process --- */

static void read_place(struct survey_process *p, const struct situation *s)
{
	SCOPE_FREE char *text = NULL;
	size_t len;

	if (proc_read_file(p->pid, "cgroup", SMALL_MAX, &text, &len, NULL) == PS_OK)
		p->has_container = container_parse(text, len, &p->container);
	p->inner_pids = s->pid_ns == RELATION_INSIDE;
	p->inner_pid = s->target.inner_tid;
	if (strcmp(s->root, "/") != 0)
		memcpy(p->root, s->root, sizeof p->root);
}

static const char *first_bad(struct surveyor *s, struct survey_process *p, const enum stage *stage,
			     int n)
{
	struct ps_err say;

	for (int i = 0; i < n; i++) {
		const struct check *c = checks_first_bad(&s->d, stage[i], &say);

		if (!c)
			continue;
		if (!p->detail[0])
			snprintf(p->detail, sizeof p->detail, "%s", say.msg);
		return c->brief;
	}
	return NULL;
}

static void judge(struct surveyor *s, struct survey_process *p)
{
	static const enum stage to_sample[] = { STAGE_LOOK, STAGE_SAMPLE };
	static const enum stage to_exec[] = { STAGE_LOOK, STAGE_STOP, STAGE_EXEC };

	p->no_sample = first_bad(s, p, to_sample, 2);
	p->no_exec = first_bad(s, p, to_exec, 3);
}

static enum ps_status add(struct survey *s, struct survey_process *p)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		void *grown = realloc(s->v, cap * sizeof *s->v);

		if (!grown)
			return PS_NOMEM;
		s->v = grown;
		s->cap = cap;
	}
	p->command = proc_command_line(p->pid);
	if (p->command && strlen(p->command) > SURVEY_COMMAND_MAX)
		p->command[SURVEY_COMMAND_MAX] = '\0';
	s->v[s->n++] = *p;
	return PS_OK;
}

static bool is_python(const struct inside *in)
{
	return in->identity.kind != PYTHON_NONE;
}

/* A process with a sign. false: it is no Python after all, or gone. */
static bool look_into(struct surveyor *s, int pid, enum sign sign, const struct identity *named)
{
	struct target target;
	enum ps_status st = target_open(pid, &target, NULL);

	s->d.inside = (struct inside){ 0 };
	if (st == PS_GONE || st == PS_USAGE)
		return false;
	situation_read("", pid, &s->d.situation);
	if (!s->d.situation.seen)
		return false;
	situation_try(&s->d.situation);
	if (st) {
		s->d.inside.identity = *named;
		return true;
	}
	if (!s->all)
		inside_look(&target, &s->files, &s->d.inside);
	/* A name without a runtime in any file: perhaps without section headers. */
	if (s->all || (sign == SIGN_NAME && !is_python(&s->d.inside)))
		inside_look(&target, NULL, &s->d.inside);
	target_close(&target);
	return is_python(&s->d.inside);
}

static enum ps_status take_python(struct surveyor *s, int pid, enum sign sign,
				  const struct identity *named)
{
	const struct situation *at = &s->d.situation;
	struct survey_process p = { .pid = pid };

	if (!look_into(s, pid, sign, named))
		return PS_OK;
	p.uid = at->target.uid[1];
	p.threads = at->target.threads;
	p.known = s->d.inside.looked;
	p.identity = s->d.inside.identity;
	read_place(&p, at);
	judge(s, &p);
	return add(s->survey, &p);
}

static enum ps_status take_process(struct surveyor *s, int pid)
{
	SCOPE_FREE char *maps = NULL;
	struct identity named = { 0 };
	enum sign sign = SIGN_NONE;
	struct proc_stat stat;
	enum ps_status st = proc_read_stat(pid, pid, &stat);
	size_t len;

	if (st == PS_GONE || (!st && stat.kernel))
		return PS_OK;
	s->survey->processes++;
	if (!st)
		st = proc_read_file(pid, "maps", MAPS_MAX, &maps, &len, NULL);
	if (st == PS_OK)
		sign = sign_of_maps(s, pid, maps, len, &named);
	else if (st == PS_GONE && stat.state == 'Z')
		sign = sign_of_names(pid, &named) ? SIGN_NAME
						  : SIGN_NONE; /* of its other threads */
	else if (st == PS_DENIED && !sign_of_names(pid, &named))
		s->survey->unknown++;
	else if (st == PS_DENIED)
		sign = SIGN_NAME;
	if (sign == SIGN_NONE && (!s->all || st))
		return PS_OK;
	return take_python(s, pid, sign, &named);
}

/* --- all of them --- */

static int compare_pids(const void *a, const void *b)
{
	const struct survey_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Is /proc mounted with hidepid=2 or the like, and are we not of those it shows all to? */
static bool proc_hides(void)
{
	SCOPE_FREE char *text = NULL;
	struct situation s;
	const char *at;
	size_t len;

	if (proc_read_file(getpid(), "mountinfo", MAPS_MAX, &text, &len, NULL) != PS_OK)
		return false;
	situation_read("", getpid(), &s);
	for (at = text; (at = strstr(at, " /proc ")); at++) {
		const char *end = strchrnul(at, '\n');
		const char *option = memmem(at, (size_t)(end - at), "hidepid=", 8);

		if (option && strncmp(option + 8, "0", 1) != 0 &&
		    strncmp(option + 8, "off", 3) != 0 && s.self.uid[1] != 0)
			return true;
	}
	return false;
}

static enum ps_status take_all(struct surveyor *s, struct ps_err *err)
{
	SCOPE_CLOSEDIR DIR *dir = opendir("/proc");
	enum ps_status st = PS_OK;

	if (!dir)
		return ps_fail(err, PS_IO, "open /proc: %s", strerror(errno));
	for (struct dirent *e; !st && (e = readdir(dir));) {
		int pid = atoi(e->d_name);

		if (pid > 0)
			st = take_process(s, pid);
	}
	return st ? ps_fail(err, st, "out of memory") : PS_OK;
}

enum ps_status survey_take(bool all, struct survey *ret, struct ps_err *err)
{
	struct surveyor *s = calloc(1, sizeof *s);
	struct survey found = { 0 };
	enum ps_status st;

	if (!s)
		return ps_fail(err, PS_NOMEM, "out of memory");
	if (!proc_is_ours()) {
		free(s);
		return denied_explain(getpid(), err);
	}
	s->survey = &found;
	s->all = all;
	elf_cache_init(&s->files);
	st = take_all(s, err);
	elf_cache_deinit(&s->files);
	free(s);
	if (st) {
		survey_free(&found);
		return st;
	}
	if (found.n)
		qsort(found.v, found.n, sizeof *found.v, compare_pids);
	found.hidden = proc_hides();
	*ret = found;
	return PS_OK;
}

void survey_free(struct survey *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].command);
	free(s->v);
	*s = (struct survey){ 0 };
}
