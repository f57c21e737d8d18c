/* SPDX-License-Identifier: MIT */
#include "profiler/commands.h"
#include "profiler/heap_diff.h"
#include "profiler/heap_flame.h"
#include "profiler/heap_output.h"
#include "profiler/heap_path.h"
#include "profiler/heap_summary.h"
#include "profiler/outfile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { SUMMARY_LINES = 20, DIFF_LINES = 12, PATH_WAYS = 3 };

struct opened {
	struct heap_dump dump;
	struct heap_dominators dominators;
};

static enum ps_status no_memory(enum ps_status st, const char *what, struct ps_err *err)
{
	if (st != PS_NOMEM && st != PS_LIMIT)
		return st;
	ps_fail(err, st, "there is not enough memory %s", what);
	ps_hint(err, "do it on a machine with more");
	return st;
}

static enum ps_status open_dump(const char *path, bool with_dominators, struct opened *ret,
				struct ps_err *err)
{
	enum ps_status st;

	*ret = (struct opened){ 0 };
	PS_TRY(heap_dump_read(path, command_memory_bound(), &ret->dump, err));
	if (!with_dominators)
		return PS_OK;
	st = heap_dominators_find(&ret->dump.graph, &ret->dominators);
	return no_memory(st, "to find out what retains what", err);
}

static void close_dump(struct opened *d)
{
	heap_dominators_deinit(&d->dominators);
	heap_dump_close(&d->dump);
}

/* What the dump could not tell is said once, beside what it tells. */
static void print_notes(const struct heap_dump *d)
{
	const struct heap_facts *f = &d->facts;

	for (uint64_t i = 0; i < f->problems && i < HEAP_PROBLEMS_MAX; i++) {
		struct profile_text t = heap_graph_text_at(&d->graph, f->problem[i]);

		fprintf(stderr, "The dump says: %.*s\n", (int)t.len, t.at);
	}
	if (f->problems > HEAP_PROBLEMS_MAX)
		fprintf(stderr, "... and %" PRIu64 " more\n", f->problems - HEAP_PROBLEMS_MAX);
}

static enum ps_status end_output(struct ps_err *err)
{
	if (fflush(stdout) || ferror(stdout))
		return ps_fail(err, PS_IO, "write standard output: %s", strerror(errno));
	return PS_OK;
}

/* --- verbs that print --- */

static enum ps_status summary(const struct options *o, struct opened *d, struct ps_err *err)
{
	enum heap_order order = !o->sort || strcmp(o->sort, "retained") == 0 ? HEAP_BY_RETAINED
				: strcmp(o->sort, "size") == 0               ? HEAP_BY_SIZE
									     : HEAP_BY_COUNT;
	struct heap_summary s;
	enum ps_status st = heap_summary_make(&d->dump, &d->dominators, order,
					      o->limit ? o->limit : SUMMARY_LINES, &s);

	if (st)
		return no_memory(st, "to count types", err);
	if (o->json)
		heap_summary_write_json(&s, stdout);
	else
		heap_summary_write(&s, stdout);
	heap_summary_deinit(&s);
	return end_output(err);
}

static enum ps_status path(const struct options *o, struct opened *d, struct ps_err *err)
{
	struct heap_path p = { &d->dump, &d->dominators, NULL, o->limit ? o->limit : PATH_WAYS };
	struct heap_routes shortest;
	struct heap_named named;
	enum ps_status st;

	PS_TRY(heap_path_find(&d->dump.graph, o->operands[1], &named, err));
	st = heap_routes_shortest(&d->dump.graph, &shortest);
	if (st)
		return no_memory(st, "to look for ways", err);
	p.shortest = &shortest;
	if (named.object != HEAP_NONE)
		st = heap_path_write_object(&p, named.object, stdout);
	else
		st = heap_path_write_type(&p, named.type, stdout);
	heap_routes_deinit(&shortest);
	return st ? no_memory(st, "to compare ways", err) : end_output(err);
}

static enum ps_status diff(const struct options *o, struct opened *before, struct ps_err *err)
{
	struct opened after;
	struct heap_diff_side side[HEAP_SIDES];
	enum ps_status st = open_dump(o->operands[1], true, &after, err);

	side[0] = (struct heap_diff_side){ &before->dump, &before->dominators };
	side[1] = (struct heap_diff_side){ &after.dump, &after.dominators };
	if (!st && !o->quiet)
		print_notes(&after.dump);
	if (!st)
		st = no_memory(heap_diff_write(side, o->limit ? o->limit : DIFF_LINES,
					       command_memory_bound(), stdout),
			       "to compare them", err);
	close_dump(&after);
	return st ? st : end_output(err);
}

/* --- verbs that write files --- */

static enum ps_status make_profile(struct opened *d, struct profile *profile)
{
	struct heap_patterns patterns;
	struct heap_routes routes;
	enum ps_status st = heap_patterns_init(&patterns, command_memory_bound());

	if (!st)
		st = heap_routes_dominating(&d->dump.graph, &d->dominators, &routes);
	if (!st) {
		st = heap_patterns_add(&patterns, &d->dump.graph, &routes, 0, NULL);
		heap_routes_deinit(&routes);
	}
	if (!st)
		st = heap_flame_fill(&patterns, profile);
	heap_patterns_deinit(&patterns);
	return st;
}

static enum ps_status write_profile(const struct options *o, const struct heap_dump *d,
				    const struct profile *profile, struct ps_err *err)
{
	struct profile_text version = heap_graph_text_at(&d->graph, d->facts.version);
	char python[64];
	struct recording_facts facts = {
		.command = o->operands[0],
		.program = "heap",
		.pid = (int)(d->facts.pid & INT32_MAX),
		.python = python,
		.started_ns = (int64_t)(d->facts.time_ns & INT64_MAX),
		.ended = "",
		.bytes = true,
	};
	struct writer_input in = { profile, &facts, { .functions = true } };
	struct outfile file;
	enum ps_status st;

	/* sys.version goes on with the build. */
	snprintf(python, sizeof python, "Python %.*s", (int)(version.len < 40 ? version.len : 40),
		 version.at);
	python[strcspn(python + 7, " ") + 7] = '\0';
	PS_TRY(outfile_open(o->output, o->format, facts.pid, "heap", &file, err));
	st = outfile_write(&file, &in, err);
	if (!st && !o->quiet && strcmp(file.place.path, "-") != 0)
		fprintf(stderr, "Wrote %s: %s\n", file.writer->name, file.place.path);
	outfile_close(&file);
	return st;
}

static enum ps_status flame(const struct options *o, struct opened *d, struct ps_err *err)
{
	struct profile *profile;
	enum ps_status st = profile_create(command_memory_bound(), &profile);

	if (st)
		return no_memory(st, "for the flamegraph", err);
	st = no_memory(make_profile(d, profile), "for the flamegraph", err);
	if (!st)
		st = write_profile(o, &d->dump, profile, err);
	profile_destroy(profile);
	return st;
}

struct conversion {
	struct heap_dump *dump;
	enum heap_format format;
};

static enum ps_status convert_into(int fd, void *ctx, struct ps_err *err)
{
	const struct conversion *c = ctx;

	return heap_output_write(c->dump, c->format, fd, err);
}

static enum ps_status convert(const struct options *o, struct opened *d, struct ps_err *err)
{
	struct conversion c = { .dump = &d->dump };
	struct place place;
	enum ps_status st;

	PS_TRY(heap_output_choose_written(o->format, o->output, &c.format, err));
	PS_TRY(place_open(o->output, &place, err));
	st = place_write(&place, convert_into, &c, err);
	if (!st && !o->quiet && strcmp(place.path, "-") != 0)
		fprintf(stderr, "Wrote %s: %s\n", heap_format_name(c.format), place.path);
	place_close(&place);
	return st;
}

/* --- */

static const struct {
	enum command command;
	enum ps_status (*run)(const struct options *o, struct opened *d, struct ps_err *err);
} verbs[] = {
	{ COMMAND_HEAP_SUMMARY, summary }, { COMMAND_HEAP_DIFF, diff },
	{ COMMAND_HEAP_PATH, path },       { COMMAND_HEAP_FLAME, flame },
	{ COMMAND_HEAP_CONVERT, convert },
};

/* What can be refused before a large file is read is. */
static enum ps_status check(const struct options *o, struct ps_err *err)
{
	const struct writer *w;
	enum heap_format f;

	if (o->command == COMMAND_HEAP_CONVERT)
		return heap_output_choose_written(o->format, o->output, &f, err);
	if (o->command == COMMAND_HEAP_FLAME)
		return outfile_choose_writer(o->output, o->format, &w, err);
	return PS_OK;
}

int cmd_heap(const struct options *o)
{
	struct ps_err err = { 0 };
	struct opened d = { 0 };
	enum ps_status st = check(o, &err);

	if (!st) /* a conversion finds dominators itself, if its format has them */
		st = open_dump(o->operands[0], o->command != COMMAND_HEAP_CONVERT, &d, &err);
	if (!st && !o->quiet)
		print_notes(&d.dump);
	for (size_t i = 0; !st && i < sizeof verbs / sizeof *verbs; i++) {
		if (verbs[i].command == o->command)
			st = verbs[i].run(o, &d, &err);
	}
	close_dump(&d);
	return st ? command_failed(st, &err) : EXIT_DONE;
}
