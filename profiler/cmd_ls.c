/* SPDX-License-Identifier: MIT */
#include "profiler/columns.h"
#include "profiler/commands.h"
#include "profiler/survey.h"
#include "profiler/user.h"

#include "output/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELL_MAX = 80, USERS_MAX = 64 };

enum column { C_PID, C_USER, C_PYTHON, C_THREADS, C_PLACE, C_SAMPLE, C_EXEC, C_COMMAND, NCOLUMNS };

static const struct {
	const char *title;
	bool number; /* at the right of its column */
} columns[NCOLUMNS] = {
	[C_PID] = { "PID", true },        [C_USER] = { "USER", false },
	[C_PYTHON] = { "PYTHON", false }, [C_THREADS] = { "THREADS", true },
	[C_PLACE] = { "PLACE", false },   [C_SAMPLE] = { "SAMPLE", false },
	[C_EXEC] = { "EXEC", false },     [C_COMMAND] = { "COMMAND", false },
};

/* Names that were asked for; of a user data base far away that is worth it. */
struct users {
	unsigned n;
	struct {
		uint32_t uid;
		char name[USER_NAME_MAX];
	} v[USERS_MAX];
};

static const char *name_of(struct users *u, uint32_t uid)
{
	unsigned at;

	for (unsigned i = 0; i < u->n; i++) {
		if (u->v[i].uid == uid)
			return u->v[i].name;
	}
	at = u->n < USERS_MAX ? u->n++ : USERS_MAX - 1;
	u->v[at].uid = uid;
	user_name(uid, u->v[at].name);
	return u->v[at].name;
}

/* --- text --- */

struct line {
	char cell[C_COMMAND][CELL_MAX];
};

static void describe_place(const struct survey_process *p, char ret[static CELL_MAX])
{
	char name[64];

	if (p->has_container) {
		container_describe(&p->container, name);
		snprintf(ret, CELL_MAX, "%s", name);
	} else if (p->inner_pids) {
		snprintf(ret, CELL_MAX, "pid namespace");
	} else if (*p->root) {
		snprintf(ret, CELL_MAX, "chroot");
	} else {
		snprintf(ret, CELL_MAX, "%s", p->known ? "-" : "?");
	}
}

static void describe_ability(const char *why_not, char ret[static CELL_MAX])
{
	snprintf(ret, CELL_MAX, "%s%s", why_not ? "no: " : "yes", why_not ? why_not : "");
}

static void fill_line(const struct survey_process *p, struct users *users, struct line *ret)
{
	char python[64];

	snprintf(ret->cell[C_PID], CELL_MAX, "%d", p->pid);
	snprintf(ret->cell[C_USER], CELL_MAX, "%s", name_of(users, p->uid));
	identity_describe(&p->identity, python);
	snprintf(ret->cell[C_PYTHON], CELL_MAX, "%s", python);
	snprintf(ret->cell[C_THREADS], CELL_MAX, "%" PRIu32, p->threads);
	describe_place(p, ret->cell[C_PLACE]);
	describe_ability(p->no_sample, ret->cell[C_SAMPLE]);
	describe_ability(p->no_exec, ret->cell[C_EXEC]);
}

static void put_cell(const char *text, enum column c, const unsigned *width)
{
	unsigned n = columns_of(text);

	if (columns[c].number)
		printf("%*s%s", n < width[c] ? (int)(width[c] - n) : 0, "", text);
	else
		columns_put(stdout, text, width[c]);
	fputs("  ", stdout);
}

/* The command gets what is left of the terminal's line, and as much as its title at least. */
static void put_command(const char *text, const unsigned *width)
{
	unsigned used = 0, room = command_columns();

	for (int c = 0; c < C_COMMAND; c++)
		used += width[c] + 2;
	if (!room) {
		printf("%s\n", text);
		return;
	}
	room = room > used + 7 ? room - used : 7;
	printf("%.*s\n", (int)columns_fit(text, room), text);
}

static bool print_table(const struct survey *s, struct users *users)
{
	struct line *lines = calloc(s->n + 1, sizeof *lines);
	unsigned width[C_COMMAND];

	if (!lines)
		return false;
	for (int c = 0; c < C_COMMAND; c++)
		width[c] = columns_of(columns[c].title);
	for (size_t i = 0; i < s->n; i++) {
		fill_line(&s->v[i], users, &lines[i]);
		for (int c = 0; c < C_COMMAND; c++) {
			unsigned n = columns_of(lines[i].cell[c]);

			width[c] = n > width[c] ? n : width[c];
		}
	}
	for (enum column c = 0; c < C_COMMAND; c++)
		put_cell(columns[c].title, c, width);
	put_command(columns[C_COMMAND].title, width);
	for (size_t i = 0; i < s->n; i++) {
		for (enum column c = 0; c < C_COMMAND; c++)
			put_cell(lines[i].cell[c], c, width);
		put_command(s->v[i].command ? s->v[i].command : "?", width);
	}
	free(lines);
	return true;
}

/* --- JSON --- */

static void json_ability(struct json *j, const char *key, const char *why_not)
{
	json_key(j, key);
	json_bool(j, !why_not);
	if (why_not) {
		char name[32];

		snprintf(name, sizeof name, "no_%s", key);
		json_key(j, name);
		json_string(j, why_not);
	}
}

static void json_python(struct json *j, const struct identity *i)
{
	static const char *const kinds[] = {
		[PYTHON_NONE] = "", [PYTHON_CPYTHON] = "CPython", [PYTHON_PYPY] = "PyPy"
	};
	char python[64], version[32];

	identity_describe(i, python);
	identity_describe_version(i, version);
	json_key(j, "python");
	json_string(j, python);
	json_key(j, "implementation");
	json_string(j, kinds[i->kind]);
	json_key(j, "version");
	json_string(j, version);
	json_key(j, "free_threaded");
	json_bool(j, i->free_threaded);
	json_key(j, "by_name_only");
	json_bool(j, i->guessed);
}

static void json_process(struct json *j, const struct survey_process *p, struct users *users)
{
	json_open(j, '{');
	json_key(j, "pid");
	json_int(j, p->pid);
	json_key(j, "uid");
	json_uint(j, p->uid);
	json_key(j, "user");
	json_string(j, name_of(users, p->uid));
	json_python(j, &p->identity);
	json_key(j, "threads");
	json_uint(j, p->threads);
	if (p->has_container) {
		json_key(j, "container");
		json_open(j, '{');
		json_key(j, "engine");
		json_string(j, p->container.engine);
		json_key(j, "id");
		json_string(j, p->container.id);
		json_close(j, '}');
	}
	if (p->inner_pids) {
		json_key(j, "inner_pid");
		json_int(j, p->inner_pid);
	}
	if (*p->root) {
		json_key(j, "root");
		json_string(j, p->root);
	}
	json_ability(j, "sample", p->no_sample);
	json_ability(j, "exec", p->no_exec);
	if (*p->detail) {
		json_key(j, "why");
		json_string(j, p->detail);
	}
	json_key(j, "command");
	json_string(j, p->command);
	json_close(j, '}');
}

static void print_json(const struct survey *s, struct users *users)
{
	struct json j = { .out = stdout };

	json_open(&j, '{');
	json_key(&j, "processes");
	json_open(&j, '[');
	for (size_t i = 0; i < s->n; i++)
		json_process(&j, &s->v[i], users);
	json_close(&j, ']');
	json_key(&j, "seen");
	json_uint(&j, s->processes);
	json_key(&j, "not_looked_into");
	json_uint(&j, s->unknown);
	json_key(&j, "others_hidden");
	json_bool(&j, s->hidden);
	json_close(&j, '}');
	putchar('\n');
}

/* --- */

/* What the list does not show is said. */
static void print_rest(const struct survey *s)
{
	if (s->unknown)
		fprintf(stderr,
			"%zu of %zu processes could not be looked into, and may be Pythons under "
			"another name.\n  hint: %s\n",
			s->unknown, s->processes,
			geteuid() ? "sudo pysample ls" : "pysample doctor PID says why");
	if (s->hidden)
		fputs("/proc is mounted with hidepid: processes of other users may not be listed.\n"
		      "  hint: sudo pysample ls\n",
		      stderr);
	if (!s->n && !s->unknown)
		fprintf(stderr, "None of %zu processes is a Python.\n", s->processes);
}

int cmd_ls(const struct options *o)
{
	struct users users = { 0 };
	struct ps_err err = { 0 };
	struct survey s;
	enum ps_status st = survey_take(o->all, &s, &err);

	if (st)
		return command_failed(st, &err);
	if (o->json)
		print_json(&s, &users);
	else if (!print_table(&s, &users))
		st = ps_fail(&err, PS_NOMEM, "out of memory");
	if (!st && (fflush(stdout) || ferror(stdout)))
		st = ps_fail(&err, PS_IO, "write standard output: %s", strerror(errno));
	if (!st && !o->quiet && !o->json)
		print_rest(&s);
	survey_free(&s);
	return st ? command_failed(st, &err) : EXIT_DONE;
}
