/* SPDX-License-Identifier: MIT */
/* output/tree.h - a profile as a view wants to see it: a tree of frames, and counts.
 *
 * Equal stacks are one node, whatever they were told apart by in the profile and not in
 * the view: idle or not, lines of a function, threads. A parent's node is always lower
 * than its children's. Takes time linear in the profile, whatever the depth of stacks.
 */
#ifndef OUTPUT_TREE_H
#define OUTPUT_TREE_H

#include "output/writer.h"
#include "profiler/mem.h"

struct tree_frame {
	func_id function;
	uint32_t line; /* being executed, or the function's first if the view merges lines */
};

struct tree_node {
	uint32_t parent;
	uint32_t frame;
};

/* How often a node was the whole stack of a thread: (thread, node) occurs once. */
struct tree_sample {
	uint32_t thread; /* 0 for all if the view does not tell threads apart */
	uint32_t node;
	uint64_t count;
};

/* What the view leaves out, by why. */
struct tree_hidden {
	uint64_t idle;      /* neither executing Python nor ready to run */
	uint64_t by_mode;   /* not of the view's mode */
	uint64_t frameless; /* no Python frame at all: there is no stack to show */
};

struct tree {
	struct tree_frame *frames;
	struct tree_node *nodes; /* 0 is the root, which is no frame; the rest 1 .. n-1 */
	struct tree_sample *samples;
	uint32_t nframes, nnodes, nsamples;
	uint64_t count; /* of all samples */
	uint32_t depth; /* of the deepest node; the root's is 0 */
	struct tree_hidden hidden;

	struct mem mem; /* the rest is the tree's own business */
	uint32_t frames_cap, nodes_cap, samples_cap;
	struct table frame_table, node_table, sample_table;
};

/* tree_deinit() is to be called after failure, too. */
enum ps_status tree_build(const struct profile *p, const struct view *v, struct tree *t,
			  struct ps_err *err) PS_MUST_USE;
void tree_deinit(struct tree *t);

/* For writers that cannot tell some frames or threads apart: frame i becomes
 * frame_into[i], thread i thread_into[i] (NULL leaves all as they are). Nodes and samples
 * that become equal are merged; frames keep their numbers. */
enum ps_status tree_merge(struct tree *t, const uint32_t *frame_into, const uint32_t *thread_into,
			  struct ps_err *err) PS_MUST_USE;

#endif
