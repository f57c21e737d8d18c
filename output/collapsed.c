/* SPDX-License-Identifier: MIT */
/* Labels first, then lines. Frames that read alike (names differ in what has to be
 * replaced, or functions of one name execute one line) are merged by their labels, so
 * that no two lines show the same stack. */
#include "output/collapsed.h"

#include "output/json.h"
#include "output/tree.h"
#include "profiler/mem.h"
#include "profiler/scope.h"

#include <inttypes.h>
#include <string.h>

/* Texts of frames and of threads, each once. */
struct labels {
	struct mem mem;
	struct table table;
	char *text;
	uint32_t text_cap, len;
	struct label {
		uint32_t at, len;
	} * label;
	uint32_t n, label_cap;
};

static void labels_init(struct labels *l)
{
	*l = (struct labels){ .mem = { .max = SIZE_MAX } };
	table_init(&l->table, &l->mem);
}

static void labels_deinit(struct labels *l)
{
	table_deinit(&l->table);
	free(l->text);
	free(l->label);
}

static enum ps_status put(struct labels *l, const void *bytes, size_t n)
{
	if (n > UINT32_MAX / 2 - l->len)
		return PS_LIMIT;
	PS_TRY(mem_reserve(&l->mem, (void **)&l->text, &l->text_cap, l->len + (uint32_t)n, 1));
	memcpy(l->text + l->len, bytes, n);
	l->len += (uint32_t)n;
	return PS_OK;
}

static bool is_separator(const unsigned char *s, unsigned len)
{
	if (len == 1)
		return *s < 0x20 || *s == 0x7f;
	if (len == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	return len == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9);
}

static enum ps_status put_name(struct labels *l, struct profile_text t)
{
	const unsigned char *s = (const unsigned char *)t.at;

	if (t.len == 0)
		return put(l, "?", 1);
	for (uint32_t i = 0; i < t.len;) {
		unsigned len = utf8_length(s + i, t.len - i);

		if (len == 0)
			PS_TRY(put(l, "\xef\xbf\xbd", 3));
		else if (s[i] == ';')
			PS_TRY(put(l, ":", 1));
		else if (is_separator(s + i, len))
			PS_TRY(put(l, " ", 1));
		else
			PS_TRY(put(l, s + i, len));
		i += len ? len : 1;
	}
	return PS_OK;
}

/* What was put since `at` is a label: *ret is its number, the same for the same text. */
static enum ps_status finish_label(struct labels *l, uint32_t start, uint32_t *ret)
{
	uint32_t len = l->len - start, hash = hash_bytes(l->text + start, len, 0);
	uint32_t at = TABLE_START, id;

	while ((id = table_next(&l->table, hash, &at)) != TABLE_NONE) {
		if (l->label[id].len == len &&
		    memcmp(l->text + l->label[id].at, l->text + start, len) == 0) {
			l->len = start;
			*ret = id;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&l->mem, (void **)&l->label, &l->label_cap, l->n + 1, sizeof *l->label));
	PS_TRY(table_reserve(&l->table));
	table_insert(&l->table, hash, l->n);
	*ret = l->n;
	l->label[l->n++] = (struct label){ start, len };
	return PS_OK;
}

static enum ps_status label_frame(struct labels *l, struct profile_function f, uint32_t line,
				  uint32_t *ret)
{
	uint32_t start = l->len;
	char tail[24];

	PS_TRY(put_name(l, f.name));
	if (f.file.len && f.kind == FUNCTION_PYTHON) {
		PS_TRY(put(l, " (", 2));
		PS_TRY(put_name(l, f.file));
		snprintf(tail, sizeof tail, line ? ":%" PRIu32 ")" : ")", line);
		PS_TRY(put(l, tail, strlen(tail)));
	}
	return finish_label(l, start, ret);
}

static enum ps_status label_thread(struct labels *l, struct profile_thread t, uint32_t *ret)
{
	uint32_t start = l->len;
	char head[48];

	snprintf(head, sizeof head, "thread (%" PRIu64 ")", t.tid);
	PS_TRY(put(l, head, strlen(head)));
	if (t.name.len) {
		PS_TRY(put(l, ": ", 2));
		PS_TRY(put_name(l, t.name));
	}
	return finish_label(l, start, ret);
}

/* Numbers of labels take the place of numbers of frames and threads. */
static enum ps_status label_all(struct labels *l, const struct profile *p, const struct tree *t,
				uint32_t *frame_label, uint32_t *thread_label)
{
	for (uint32_t i = 0; i < t->nframes; i++) {
		struct profile_function f = profile_function_at(p, t->frames[i].function);

		PS_TRY(label_frame(l, f, t->frames[i].line, &frame_label[i]));
	}
	for (uint32_t i = 0; i < profile_nthreads(p); i++) {
		struct profile_thread thread = profile_thread_at(p, (thread_id){ i });

		PS_TRY(label_thread(l, thread, &thread_label[i]));
	}
	return PS_OK;
}

static void write_label(const struct labels *l, uint32_t i, FILE *out)
{
	fwrite(l->text + l->label[i].at, 1, l->label[i].len, out);
}

/* path has room for the tree's depth. */
static void write_stack(const struct tree *t, const struct labels *l, uint32_t node, uint32_t *path,
			FILE *out)
{
	uint32_t n = 0;

	for (; node; node = t->nodes[node].parent)
		path[n++] = t->nodes[node].frame;
	while (n--) {
		write_label(l, path[n], out);
		if (n)
			putc(';', out);
	}
}

static enum ps_status write_lines(const struct tree *t, const struct labels *l, bool threads,
				  FILE *out)
{
	SCOPE_FREE uint32_t *path = calloc(t->depth + 1, sizeof *path);

	if (!path)
		return PS_NOMEM;
	for (uint32_t i = 0; i < t->nsamples; i++) {
		if (threads) {
			write_label(l, t->samples[i].thread, out);
			putc(';', out);
		}
		write_stack(t, l, t->samples[i].node, path, out);
		fprintf(out, " %" PRIu64 "\n", t->samples[i].count);
	}
	return PS_OK;
}

static enum ps_status write_tree(const struct writer_input *in, struct tree *t, struct labels *l,
				 FILE *out, struct ps_err *err)
{
	SCOPE_FREE uint32_t *frame_label = calloc(t->nframes + 1, sizeof *frame_label);
	SCOPE_FREE uint32_t *thread_label =
		calloc(profile_nthreads(in->profile) + 1, sizeof *thread_label);
	enum ps_status st = PS_NOMEM;

	if (frame_label && thread_label)
		st = label_all(l, in->profile, t, frame_label, thread_label);
	if (st)
		return ps_fail(err, st, "there is not enough memory for the names");
	PS_TRY(tree_merge(t, frame_label, in->view.threads ? thread_label : NULL, err));
	st = write_lines(t, l, in->view.threads, out);
	if (st)
		return ps_fail(err, st, "there is not enough memory for a stack");
	if (fflush(out) || ferror(out))
		return ps_fail(err, PS_IO, "the stacks could not be written");
	return PS_OK;
}

static enum ps_status collapsed_write(const struct writer_input *in, FILE *out, struct ps_err *err)
{
	struct labels labels;
	struct tree tree;
	enum ps_status st;

	labels_init(&labels);
	st = tree_build(in->profile, &in->view, &tree, err);
	if (st == PS_OK)
		st = write_tree(in, &tree, &labels, out, err);
	tree_deinit(&tree);
	labels_deinit(&labels);
	return st;
}

static const char *const suffixes[] = { ".txt", ".folded", ".collapsed", NULL };

const struct writer collapsed_writer = {
	.name = "collapsed",
	.suffixes = suffixes,
	.summary = "one line of text for each stack, root first, and its count",
	.write = collapsed_write,
};
