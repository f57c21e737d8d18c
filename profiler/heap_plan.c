/* SPDX-License-Identifier: MIT */
#include "profiler/heap_plan.h"

#include "profiler/clock.h"
#include "profiler/duration.h"
#include "profiler/proc.h"
#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MS = 1000000, LOOK_EVERY = 100 * MS, STATM_MAX = 256 };

static const char too_many[] = "a recording has at most 256";
_Static_assert(HEAP_MOMENTS_MAX == 256, "too_many tells it");

/* --- when --- */

static bool parse_bytes(const char *text, uint64_t *ret)
{
	static const struct {
		char unit;
		unsigned shift;
	} units[] = { { 'K', 10 }, { 'M', 20 }, { 'G', 30 }, { 'T', 40 }, { '\0', 0 } };
	char *end;
	double v;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtod(text, &end);
	for (size_t i = 0; i < sizeof units / sizeof *units && !errno; i++) {
		char c = *end >= 'a' && *end <= 'z' ? (char)(*end - 'a' + 'A') : *end;

		if (c != units[i].unit || (c && strcmp(end + 1, "") != 0 &&
					   strcmp(end + 1, "B") != 0 && strcmp(end + 1, "iB") != 0))
			continue;
		v *= (double)((uint64_t)1 << units[i].shift);
		if (v < 1 || v > 1e18)
			return false;
		*ret = (uint64_t)v;
		return true;
	}
	return false;
}

bool heap_when_parse(const char *text, struct heap_when *ret)
{
	*ret = (struct heap_when){ .kind = HEAP_AT_START, .text = text };
	if (strcmp(text, "start") == 0)
		return true;
	ret->kind = HEAP_AT_END;
	if (strcmp(text, "end") == 0)
		return true;
	ret->kind = HEAP_AT_RSS;
	if (strncmp(text, "rss>", 4) == 0)
		return parse_bytes(text + 4, &ret->value);
	ret->kind = HEAP_AT_TIME;
	return duration_parse(text, &ret->value);
}

enum ps_status heap_plan_parse(const char *const *texts, unsigned n, struct heap_plan *ret,
			       struct ps_err *err)
{
	*ret = (struct heap_plan){ 0 };
	for (unsigned i = 0; i < n; i++) {
		if (heap_when_parse(texts[i], &ret->when[ret->n])) {
			ret->any_rss |= ret->when[ret->n++].kind == HEAP_AT_RSS;
			continue;
		}
		ps_fail(err, PS_USAGE, "--heap-dump: '%s' is not possible", texts[i]);
		ps_hint(err, "give start, end, a time into the recording as 5s, or rss>2G");
		return PS_USAGE;
	}
	return PS_OK;
}

static uint64_t resident_bytes(int pid)
{
	SCOPE_FREE char *text = NULL;
	size_t len;
	char *second;

	if (proc_read_file(pid, "statm", STATM_MAX, &text, &len, NULL))
		return 0;
	second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* --- taking --- */

/* Its own process group: the terminal's Ctrl-C ends the recording, not the dump. */
static int spawn_dump(int target, char *file)
{
	char pid[16], exe[] = "/proc/self/exe", name[] = "pysample";
	char *argv[] = { name,
			 (char[]){ "heap" },
			 (char[]){ "dump" },
			 (char[]){ "-q" },
			 (char[]){ "-o" },
			 file,
			 pid,
			 NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	int child = 0;

	snprintf(pid, sizeof pid, "%d", target);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawnattr_init(&how);
	posix_spawnattr_setpgroup(&how, 0);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
	if (posix_spawn(&child, exe, &files, &how, argv, environ))
		child = 0;
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return child;
}

static bool is_full(const struct heap_plan *p)
{
	return p->nmoments == HEAP_MOMENTS_MAX;
}

/* False: there is no room for it, and nothing was begun. */
static bool take(struct heap_plan *p, uint64_t now)
{
	struct moment *m = &p->moments[p->nmoments];
	size_t room = strlen(p->base) + sizeof ".heap4294967295." + strlen(p->suffix);

	if (is_full(p))
		return false;
	m->file = malloc(room);
	if (!m->file)
		return false;
	snprintf(m->file, room, "%s.heap%u.%s", p->base, p->nmoments + 1, p->suffix);
	m->at_ns = now - p->began;
	m->child = spawn_dump(p->pid, m->file);
	m->failed = m->child == 0;
	p->nmoments++;
	return true;
}

/* Two copies of one process at a time would need twice the memory, and the second could not
 * ask while the first does: one after the other. */
static bool is_taking(struct heap_plan *p)
{
	struct moment *m = p->nmoments ? &p->moments[p->nmoments - 1] : NULL;
	int status = 0, got;

	if (!m || !m->child)
		return false;
	got = waitpid(m->child, &status, WNOHANG);
	if (got == 0 || (got < 0 && errno == EINTR))
		return true;
	m->failed = got < 0 || !WIFEXITED(status) || WEXITSTATUS(status);
	m->child = 0;
	return false;
}

static bool is_due(const struct heap_when *w, uint64_t into, uint64_t resident)
{
	switch (w->kind) {
	case HEAP_AT_START:
		return true;
	case HEAP_AT_TIME:
		return into >= w->value;
	case HEAP_AT_RSS:
		return resident > w->value;
	case HEAP_AT_END:
		break;
	}
	return false;
}

/* Also while another is taken: memory that was large for a while only was so nevertheless. */
static void note_due(struct heap_plan *p, uint64_t now)
{
	uint64_t resident = p->any_rss ? resident_bytes(p->pid) : 0;

	for (unsigned i = 0; i < p->n; i++) {
		if (!p->when[i].due)
			p->when[i].due = is_due(&p->when[i], now - p->began, resident);
	}
}

static struct heap_when *next_due(struct heap_plan *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		if (p->when[i].due && !p->when[i].done)
			return &p->when[i];
	}
	return NULL;
}

/* When to look again: soon, while there is something to wait for that has no time of its own. */
static uint64_t next_look(struct heap_plan *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (p->any_rss || next_due(p) || (p->nmoments && p->moments[p->nmoments - 1].child))
		return now + LOOK_EVERY;
	for (unsigned i = 0; i < p->n; i++) {
		const struct heap_when *w = &p->when[i];

		if (w->kind == HEAP_AT_TIME && !w->due && p->began + w->value < next)
			next = p->began + w->value;
	}
	return next;
}

/* What is left of a path of len bytes without this end; len if it has another one, or nothing but
 * this. */
static size_t without(const char *path, size_t len, const char *end)
{
	size_t n = strlen(end);

	if (n >= len || strncasecmp(path + len - n, end, n) != 0 || path[len - n - 1] == '/')
		return len;
	return len - n;
}

static size_t base_length(const char *path, const char *const *suffixes)
{
	size_t len = without(path, strlen(path), ".gz"), shortest = len;

	for (; *suffixes; suffixes++) {
		size_t left = without(path, len, *suffixes);

		shortest = left < shortest ? left : shortest;
	}
	return shortest;
}

enum ps_status heap_plan_begin(struct heap_plan *p, int pid, const char *output,
			       const char *const *suffixes, const char *dump_suffix, uint64_t began,
			       struct ps_err *err)
{
	p->pid = pid;
	p->began = began;
	p->suffix = dump_suffix;
	if (strcmp(output, "-") == 0)
		p->base = strdup("pysample");
	else
		p->base = strndup(output, base_length(output, suffixes));
	return p->base ? PS_OK : ps_fail(err, PS_NOMEM, "out of memory");
}

void heap_plan_step(struct heap_plan *p, uint64_t now, unsigned asked)
{
	struct heap_when *w;

	if (now < p->next && (asked == p->asked || is_full(p)))
		return;
	note_due(p, now);
	w = next_due(p);
	/* What there is no room for stays due, and is told at the end. */
	if (!is_taking(p) && (w || asked != p->asked) && take(p, now)) {
		if (w)
			w->done = true;
		else
			p->asked++;
	}
	p->next = next_look(p, now);
}

/* --- the end --- */

/* True: all have ended by themselves; false: we were told not to wait. */
static bool wait_for_dump(struct heap_plan *p, const struct heap_plan_ending *e, bool *told)
{
	bool ended = true;

	while (is_taking(p)) {
		if (!*told)
			e->waiting(p->nmoments);
		*told = true;
		if (e->interrupted(e->ctx)) {
			kill(p->moments[p->nmoments - 1].child, SIGINT);
			ended = false;
		}
		(void)clock_sleep_until(clock_now() + 5 * MS);
	}
	return ended;
}

struct ending {
	const struct heap_plan_ending *how;
	uint64_t now;
	const char *why_not; /* NULL: they can be taken */
	bool told;
};

static void take_late(struct heap_plan *p, struct ending *e, const char *what)
{
	if (!wait_for_dump(p, e->how, &e->told))
		e->why_not = "waiting for it was ended";
	if (e->why_not)
		e->how->missed(what, e->why_not);
	else if (!take(p, e->now))
		e->how->missed(what, is_full(p) ? too_many : "there is not enough memory");
}

void heap_plan_end(struct heap_plan *p, uint64_t now, unsigned asked,
		   const struct heap_plan_ending *how)
{
	struct ending e = { how, now, how->alive ? NULL : "there is no such Python any more",
			    false };
	struct heap_when *w;

	note_due(p, now);
	for (; (w = next_due(p)); w->done = true)
		take_late(p, &e, w->text);
	for (; p->asked != asked; p->asked++)
		take_late(p, &e, "SIGUSR1");
	for (w = p->when; w < p->when + p->n; w++) {
		if (w->kind == HEAP_AT_END)
			take_late(p, &e, w->text);
		else if (!w->due)
			how->missed(w->text, "the recording was over before");
	}
	(void)wait_for_dump(p, how, &e.told);
}

unsigned heap_plan_moments(const struct heap_plan *p, struct recording_moment *ret, unsigned max)
{
	unsigned n = p->nmoments < max ? p->nmoments : max;

	for (unsigned i = 0; i < n; i++)
		ret[i] = (struct recording_moment){ .at_ns = p->moments[i].at_ns,
						    .file = p->moments[i].file,
						    .failed = p->moments[i].failed };
	return n;
}

void heap_plan_deinit(struct heap_plan *p)
{
	for (unsigned i = 0; i < p->nmoments; i++)
		free(p->moments[i].file);
	free(p->base);
	*p = (struct heap_plan){ 0 };
}
