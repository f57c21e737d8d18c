/* SPDX-License-Identifier: MIT */
#include "output/tree.h"

#include "profiler/scope.h"

#include <stdlib.h>
#include <string.h>

static enum ps_status no_memory(struct ps_err *err, enum ps_status st)
{
	if (st != PS_OK)
		ps_fail(err, st, "there is not enough memory for the tree of stacks");
	return st;
}

static void tree_init(struct tree *t)
{
	*t = (struct tree){ .mem = { .max = SIZE_MAX } };
	table_init(&t->frame_table, &t->mem);
	table_init(&t->node_table, &t->mem);
	table_init(&t->sample_table, &t->mem);
}

void tree_deinit(struct tree *t)
{
	table_deinit(&t->frame_table);
	table_deinit(&t->node_table);
	table_deinit(&t->sample_table);
	free(t->frames);
	free(t->nodes);
	free(t->samples);
	*t = (struct tree){ 0 };
}

static enum ps_status frame_of(struct tree *t, func_id f, uint32_t line, uint32_t *ret)
{
	uint32_t hash = hash_words(f.v, line), at = TABLE_START, id;

	while ((id = table_next(&t->frame_table, hash, &at)) != TABLE_NONE) {
		if (t->frames[id].function.v == f.v && t->frames[id].line == line) {
			*ret = id;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&t->mem, (void **)&t->frames, &t->frames_cap, t->nframes + 1,
			   sizeof *t->frames));
	PS_TRY(table_reserve(&t->frame_table));
	table_insert(&t->frame_table, hash, t->nframes);
	*ret = t->nframes;
	t->frames[t->nframes++] = (struct tree_frame){ f, line };
	return PS_OK;
}

static enum ps_status node_of(struct tree *t, uint32_t parent, uint32_t frame, uint32_t *ret)
{
	uint32_t hash = hash_words(parent, frame), at = TABLE_START, id;

	while ((id = table_next(&t->node_table, hash, &at)) != TABLE_NONE) {
		if (t->nodes[id].parent == parent && t->nodes[id].frame == frame) {
			*ret = id;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&t->mem, (void **)&t->nodes, &t->nodes_cap, t->nnodes + 1,
			   sizeof *t->nodes));
	PS_TRY(table_reserve(&t->node_table));
	table_insert(&t->node_table, hash, t->nnodes);
	*ret = t->nnodes;
	t->nodes[t->nnodes++] = (struct tree_node){ parent, frame };
	return PS_OK;
}

static enum ps_status count_sample(struct tree *t, struct tree_sample s)
{
	uint32_t hash = hash_words(s.thread, s.node), at = TABLE_START, id;

	t->count += s.count;
	while ((id = table_next(&t->sample_table, hash, &at)) != TABLE_NONE) {
		if (t->samples[id].thread == s.thread && t->samples[id].node == s.node) {
			t->samples[id].count += s.count;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&t->mem, (void **)&t->samples, &t->samples_cap, t->nsamples + 1,
			   sizeof *t->samples));
	PS_TRY(table_reserve(&t->sample_table));
	table_insert(&t->sample_table, hash, t->nsamples);
	t->samples[t->nsamples++] = s;
	return PS_OK;
}

static bool total_shown(const struct view *v, const struct profile_total *total,
			struct tree_hidden *hidden)
{
	if (!view_shows(v, total)) {
		if (view_mode_hides(v, total))
			hidden->by_mode += total->count;
		else
			hidden->idle += total->count;
		return false;
	}
	if (total->stack.v == STACK_EMPTY.v) {
		hidden->frameless += total->count;
		return false;
	}
	return true;
}

/* Which stacks the view shows, or lie below one that it shows. */
static void mark_shown(const struct profile *p, const struct view *v, uint32_t *mark,
		       struct tree_hidden *hidden)
{
	struct profile_total total;
	size_t pos = 0;

	while (profile_next_total(p, &pos, &total)) {
		if (total_shown(v, &total, hidden))
			mark[total.stack.v] = 1;
	}
	for (uint32_t s = profile_nstacks(p); s-- > 1;) {
		if (mark[s])
			mark[profile_stack_at(p, (stack_id){ s }).parent.v] = 1;
	}
}

/* Turns marks into nodes: afterwards node[s] is that of stack s. */
static enum ps_status add_nodes(struct tree *t, const struct profile *p, const struct view *v,
				uint32_t *node, uint32_t *depth)
{
	PS_TRY(mem_reserve(&t->mem, (void **)&t->nodes, &t->nodes_cap, 1, sizeof *t->nodes));
	t->nodes[t->nnodes++] = (struct tree_node){ 0, 0 };
	node[0] = 0;
	for (uint32_t s = 1; s < profile_nstacks(p); s++) {
		struct profile_stack stack = profile_stack_at(p, (stack_id){ s });
		uint32_t line = stack.line, frame;

		if (!node[s])
			continue;
		depth[s] = depth[stack.parent.v];
		node[s] = node[stack.parent.v];
		if (v->no_gc && profile_function_at(p, stack.function).kind == FUNCTION_GC)
			continue;
		if (v->functions)
			line = profile_function_at(p, stack.function).line;
		PS_TRY(frame_of(t, stack.function, line, &frame));
		PS_TRY(node_of(t, node[s], frame, &node[s]));
		if (++depth[s] > t->depth)
			t->depth = depth[s];
	}
	return PS_OK;
}

static enum ps_status add_samples(struct tree *t, const struct profile *p, const struct view *v,
				  const uint32_t *node)
{
	struct tree_hidden ignored = { 0 };
	struct profile_total total;
	size_t pos = 0;

	while (profile_next_total(p, &pos, &total)) {
		struct tree_sample s = {
			.thread = v->threads ? total.thread.v : 0,
			.node = node[total.stack.v],
			.count = total.count,
		};

		if (total_shown(v, &total, &ignored))
			PS_TRY(count_sample(t, s));
	}
	return PS_OK;
}

enum ps_status tree_build(const struct profile *p, const struct view *v, struct tree *t,
			  struct ps_err *err)
{
	SCOPE_FREE uint32_t *node = calloc(profile_nstacks(p), sizeof *node);
	SCOPE_FREE uint32_t *depth = calloc(profile_nstacks(p), sizeof *depth);

	tree_init(t);
	if (!node || !depth)
		return no_memory(err, PS_NOMEM);
	mark_shown(p, v, node, &t->hidden);
	PS_TRY(no_memory(err, add_nodes(t, p, v, node, depth)));
	return no_memory(err, add_samples(t, p, v, node));
}

/* Nodes are rebuilt in place: a node that stays never gets a higher number. */
static enum ps_status merge_nodes(struct tree *t, const uint32_t *frame_into, uint32_t *node_into)
{
	uint32_t n = t->nnodes;

	table_clear(&t->node_table);
	t->nnodes = 1;
	for (uint32_t i = 1; i < n; i++) {
		struct tree_node old = t->nodes[i];

		PS_TRY(node_of(t, node_into[old.parent],
			       frame_into ? frame_into[old.frame] : old.frame, &node_into[i]));
	}
	return PS_OK;
}

static enum ps_status merge_samples(struct tree *t, const uint32_t *node_into,
				    const uint32_t *thread_into)
{
	uint32_t n = t->nsamples;

	table_clear(&t->sample_table);
	t->nsamples = 0;
	t->count = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct tree_sample s = t->samples[i];

		s.node = node_into[s.node];
		if (thread_into)
			s.thread = thread_into[s.thread];
		PS_TRY(count_sample(t, s));
	}
	return PS_OK;
}

enum ps_status tree_merge(struct tree *t, const uint32_t *frame_into, const uint32_t *thread_into,
			  struct ps_err *err)
{
	SCOPE_FREE uint32_t *node_into = calloc(t->nnodes, sizeof *node_into);

	if (!node_into)
		return no_memory(err, PS_NOMEM);
	PS_TRY(no_memory(err, merge_nodes(t, frame_into, node_into)));
	return no_memory(err, merge_samples(t, node_into, thread_into));
}
