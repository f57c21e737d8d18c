/* SPDX-License-Identifier: MIT */
/* The page's parts are files of this folder, embedded at build time; flamegraph.html says
 * where each goes. What was recorded goes in as JSON, in columns: a page has hundreds of
 * thousands of nodes, and objects for each would make it several times as long to load.
 *
 * flamegraph_model.js documents the columns where it reads them.
 */
#include "output/flamegraph.h"

#include "output/embedded.h"
#include "output/json.h"
#include "output/sha256.h"
#include "output/tree.h"
#include "profiler/scope.h"

#include <string.h>

/* Texts are in the page once, and only those which the tree needs. */
struct columns {
	const struct profile *profile;
	const struct tree *tree;
	struct mem mem;
	struct table text_table;
	struct profile_text *text;
	uint32_t ntexts, texts_cap;
	struct column_function {
		uint32_t name, file, line;
		bool marker;
	} * function;
	uint32_t nfunctions;
	uint32_t *new_function; /* by func_id: its number in the page plus one; 0 if unused */
};

static enum ps_status text_number(struct columns *c, struct profile_text t, uint32_t *ret)
{
	uint32_t hash = hash_bytes(t.at, t.len, 0), at = TABLE_START, id;

	while ((id = table_next(&c->text_table, hash, &at)) != TABLE_NONE) {
		if (c->text[id].len == t.len &&
		    (t.len == 0 || memcmp(c->text[id].at, t.at, t.len) == 0)) {
			*ret = id;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&c->mem, (void **)&c->text, &c->texts_cap, c->ntexts + 1,
			   sizeof *c->text));
	PS_TRY(table_reserve(&c->text_table));
	table_insert(&c->text_table, hash, c->ntexts);
	*ret = c->ntexts;
	c->text[c->ntexts++] = t;
	return PS_OK;
}

static enum ps_status add_function(struct columns *c, func_id id)
{
	struct profile_function f = profile_function_at(c->profile, id);
	struct column_function *column = &c->function[c->nfunctions];

	PS_TRY(text_number(c, f.name, &column->name));
	PS_TRY(text_number(c, f.file, &column->file));
	column->line = f.line;
	column->marker = f.kind != FUNCTION_PYTHON;
	c->new_function[id.v] = ++c->nfunctions;
	return PS_OK;
}

static enum ps_status columns_build(struct columns *c)
{
	uint32_t n = profile_nfunctions(c->profile);

	c->function = calloc(n + 1, sizeof *c->function);
	c->new_function = calloc(n + 1, sizeof *c->new_function);
	if (!c->function || !c->new_function)
		return PS_NOMEM;
	for (uint32_t i = 0; i < c->tree->nframes; i++) {
		func_id f = c->tree->frames[i].function;

		if (!c->new_function[f.v])
			PS_TRY(add_function(c, f));
	}
	return PS_OK;
}

static void columns_init(struct columns *c, const struct profile *p, const struct tree *t)
{
	*c = (struct columns){ .profile = p, .tree = t, .mem = { .max = SIZE_MAX } };
	table_init(&c->text_table, &c->mem);
}

static void columns_deinit(struct columns *c)
{
	table_deinit(&c->text_table);
	free(c->text);
	free(c->function);
	free(c->new_function);
}

/* "NAME":[VALUE(0), VALUE(1), ...] where VALUE may use i. */
#define COLUMN(j, name, n, value)                  \
	do {                                       \
		json_key(j, name);                 \
		json_open(j, '[');                 \
		for (uint32_t i = 0; i < (n); i++) \
			json_uint(j, value);       \
		json_close(j, ']');                \
	} while (0)

static void write_functions(struct json *j, const struct columns *c)
{
	const struct tree *t = c->tree;

	json_key(j, "strings");
	json_open(j, '[');
	for (uint32_t i = 0; i < c->ntexts; i++)
		json_text(j, c->text[i]);
	json_close(j, ']');
	json_key(j, "functions");
	json_open(j, '{');
	COLUMN(j, "name", c->nfunctions, c->function[i].name);
	COLUMN(j, "file", c->nfunctions, c->function[i].file);
	COLUMN(j, "line", c->nfunctions, c->function[i].line);
	COLUMN(j, "marker", c->nfunctions, c->function[i].marker);
	json_close(j, '}');
	json_key(j, "frames");
	json_open(j, '{');
	COLUMN(j, "function", t->nframes, c->new_function[t->frames[i].function.v] - 1);
	COLUMN(j, "line", t->nframes, t->frames[i].line);
	json_close(j, '}');
}

static void write_stacks(struct json *j, const struct tree *t)
{
	json_key(j, "nodes");
	json_open(j, '{');
	/* How far below the node its parent is: smaller than its number. */
	COLUMN(j, "up", t->nnodes - 1, i + 1 - t->nodes[i + 1].parent);
	COLUMN(j, "frame", t->nnodes - 1, t->nodes[i + 1].frame);
	json_close(j, '}');
	json_key(j, "samples");
	json_open(j, '{');
	COLUMN(j, "thread", t->nsamples, t->samples[i].thread);
	COLUMN(j, "node", t->nsamples, t->samples[i].node);
	COLUMN(j, "count", t->nsamples, t->samples[i].count);
	json_close(j, '}');
}

static void write_threads(struct json *j, const struct profile *p)
{
	uint32_t n = profile_nthreads(p);

	json_key(j, "threads");
	json_open(j, '{');
	json_key(j, "name");
	json_open(j, '[');
	for (uint32_t i = 0; i < n; i++)
		json_text(j, profile_thread_at(p, (thread_id){ i }).name);
	json_close(j, ']');
	COLUMN(j, "tid", n, profile_thread_at(p, (thread_id){ i }).tid);
	COLUMN(j, "interpreter", n, profile_thread_at(p, (thread_id){ i }).interpreter);
	json_close(j, '}');
}

static void write_reason(struct json *j, const char *text, uint64_t count)
{
	json_open(j, '[');
	json_string(j, text);
	json_uint(j, count);
	json_close(j, ']');
}

static void write_counts(struct json *j, const struct sample_counts *c)
{
	json_key(j, "consistent");
	json_uint(j, c->consistent);
	json_key(j, "repaired");
	json_open(j, '[');
	for (unsigned r = 0; r < REPAIR_NREASONS; r++)
		write_reason(j, repair_reason_text(r), c->repaired[r]);
	json_close(j, ']');
	json_key(j, "lost");
	json_open(j, '[');
	for (unsigned r = 0; r < LOST_NREASONS; r++)
		write_reason(j, lost_reason_text(r), c->lost[r]);
	json_close(j, ']');
	json_key(j, "truncated");
	json_uint(j, c->truncated);
	json_key(j, "ticks");
	json_uint(j, c->ticks);
	json_key(j, "skipped");
	json_uint(j, c->skipped);
	json_key(j, "late_max_ns");
	json_uint(j, c->late_max_ns);
	json_key(j, "late_mean_ns");
	json_uint(j, c->ticks ? c->late_sum_ns / c->ticks : 0);
}

static void write_moments(struct json *j, const struct recording_facts *f)
{
	json_key(j, "heap_dumps");
	json_open(j, '[');
	for (unsigned i = 0; i < f->nmoments; i++) {
		json_open(j, '{');
		json_key(j, "at_ns");
		json_uint(j, f->moments[i].at_ns);
		json_key(j, "file");
		json_string(j, f->moments[i].file);
		json_key(j, "failed");
		json_bool(j, f->moments[i].failed);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void write_facts(struct json *j, const struct recording_facts *f)
{
	json_key(j, "facts");
	json_open(j, '{');
	json_key(j, "version");
	json_string(j, PYSAMPLE_VERSION);
	json_key(j, "command");
	json_string(j, f->command);
	json_key(j, "program");
	json_string(j, f->program);
	json_key(j, "pid");
	json_int(j, f->pid);
	json_key(j, "python");
	json_string(j, f->python);
	json_key(j, "started_ms");
	json_int(j, f->started_ns / 1000000);
	json_key(j, "duration_ns");
	json_uint(j, f->duration_ns);
	json_key(j, "period_ns");
	json_uint(j, f->period_ns);
	json_key(j, "rate_asked");
	json_double(j, f->rate_asked);
	json_key(j, "rate_achieved");
	json_double(j, f->rate_achieved);
	json_key(j, "blocking");
	json_bool(j, f->blocking);
	json_key(j, "bytes");
	json_bool(j, f->bytes);
	json_key(j, "ended");
	json_string(j, f->ended);
	write_counts(j, &f->counts);
	write_moments(j, f);
	json_close(j, '}');
}

static void write_view(struct json *j, const struct view *v, const struct tree *t)
{
	json_key(j, "view");
	json_open(j, '{');
	json_key(j, "idle");
	json_bool(j, v->idle);
	json_key(j, "mode");
	json_string(j, view_mode_name(v->mode));
	json_key(j, "gc");
	json_bool(j, !v->no_gc);
	json_key(j, "threads");
	json_bool(j, v->threads);
	json_key(j, "functions");
	json_bool(j, v->functions);
	json_close(j, '}');
	json_key(j, "hidden");
	json_open(j, '{');
	json_key(j, "idle");
	json_uint(j, t->hidden.idle);
	json_key(j, "by_mode");
	json_uint(j, t->hidden.by_mode);
	json_key(j, "frameless");
	json_uint(j, t->hidden.frameless);
	json_close(j, '}');
}

static void write_data(const struct writer_input *in, const struct columns *c, FILE *out)
{
	struct json j = { .out = out };

	json_open(&j, '{');
	write_facts(&j, in->facts);
	write_view(&j, &in->view, c->tree);
	write_functions(&j, c);
	write_stacks(&j, c->tree);
	write_threads(&j, in->profile);
	json_close(&j, '}');
}

/* Pieces that are one element's text. */
struct part {
	const unsigned char *bytes;
	const size_t *len;
};

static const struct part style_parts[] = {
	{ embedded_flamegraph_css, &embedded_flamegraph_css_len },
	{ NULL, NULL },
};
static const struct part script_parts[] = {
	{ embedded_flamegraph_model_js, &embedded_flamegraph_model_js_len },
	{ embedded_flamegraph_paint_js, &embedded_flamegraph_paint_js_len },
	{ embedded_flamegraph_js, &embedded_flamegraph_js_len },
	{ NULL, NULL },
};

static void write_parts(const struct part *parts, FILE *out)
{
	for (; parts->bytes; parts++)
		fwrite(parts->bytes, 1, *parts->len, out);
}

/* By which the page's policy knows its own script and style: whatever a name might
 * smuggle in would not run. */
static void write_hash(const struct part *parts, FILE *out)
{
	unsigned char digest[SHA256_BYTES];
	char base64[SHA256_BASE64];
	struct sha256 s;

	sha256_init(&s);
	for (; parts->bytes; parts++)
		sha256_add(&s, parts->bytes, *parts->len);
	sha256_finish(&s, digest);
	sha256_base64(digest, base64);
	fprintf(out, "sha256-%s", base64);
}

/* Puts what `{{NAME}}` in the page stands for; text that names nothing stays. */
static bool write_part(const char *name, size_t len, const struct writer_input *in,
		       const struct columns *c, FILE *out)
{
	if (len == 5 && memcmp(name, "style", len) == 0)
		write_parts(style_parts, out);
	else if (len == 10 && memcmp(name, "style-hash", len) == 0)
		write_hash(style_parts, out);
	else if (len == 6 && memcmp(name, "script", len) == 0)
		write_parts(script_parts, out);
	else if (len == 11 && memcmp(name, "script-hash", len) == 0)
		write_hash(script_parts, out);
	else if (len == 4 && memcmp(name, "data", len) == 0)
		write_data(in, c, out);
	else
		return false;
	return true;
}

static void write_page(const struct writer_input *in, const struct columns *c, FILE *out)
{
	const char *at = (const char *)embedded_flamegraph_html, *open, *close;
	const char *end = at + embedded_flamegraph_html_len;

	while ((open = memmem(at, (size_t)(end - at), "{{", 2))) {
		fwrite(at, 1, (size_t)(open - at), out);
		close = memmem(open, (size_t)(end - open), "}}", 2);
		if (!close || !write_part(open + 2, (size_t)(close - open - 2), in, c, out)) {
			fwrite(open, 1, 2, out);
			at = open + 2;
			continue;
		}
		at = close + 2;
	}
	fwrite(at, 1, (size_t)(end - at), out);
}

static enum ps_status write_tree(const struct writer_input *in, const struct tree *t, FILE *out,
				 struct ps_err *err)
{
	struct columns c;
	enum ps_status st;

	columns_init(&c, in->profile, t);
	st = columns_build(&c);
	if (st == PS_OK)
		write_page(in, &c, out);
	columns_deinit(&c);
	if (st)
		return ps_fail(err, st, "there is not enough memory for the names");
	if (fflush(out) || ferror(out))
		return ps_fail(err, PS_IO, "the page could not be written");
	return PS_OK;
}

/* Threads and lines are always told apart in the page: it merges them itself when its
 * user asks for it, and the view only says how it starts. */
static enum ps_status flamegraph_write(const struct writer_input *in, FILE *out, struct ps_err *err)
{
	struct view all = in->view;
	struct tree tree;
	enum ps_status st;

	all.threads = true;
	all.functions = false;
	st = tree_build(in->profile, &all, &tree, err);
	if (st == PS_OK)
		st = write_tree(in, &tree, out, err);
	tree_deinit(&tree);
	return st;
}

static const char *const suffixes[] = { ".html", ".htm", NULL };

const struct writer flamegraph_writer = {
	.name = "flamegraph",
	.suffixes = suffixes,
	.summary = "a page to look at in a browser; one file, works without network",
	.write = flamegraph_write,
};
