/* SPDX-License-Identifier: MIT */
/* Invariants
 *  1. stack[0] is the empty stack; a stack's parent has a lower id than it.
 *  2. Everything is reserved before anything is published, so that a failure leaves the
 *     profile as it was.
 *  3. A thread's name has memory of its own, for it may change for as long as the thread
 *     lives; all other text is there to stay, and lies in the arena.
 */
#include "profiler/profile.h"

#include "profiler/mem.h"

#include <stdlib.h>
#include <string.h>

struct profile {
	struct mem mem;
	struct arena text;

	struct profile_function *functions;
	uint32_t nfunctions, functions_cap;
	struct table function_table;

	struct profile_stack *stacks;
	uint32_t nstacks, stacks_cap;
	struct table stack_table;

	struct profile_thread *threads;
	uint32_t nthreads, threads_cap;

	struct profile_total *totals;
	uint32_t ntotals, totals_cap;
	struct table total_table;
};

enum ps_status profile_create(size_t max_bytes, struct profile **ret)
{
	struct profile *p = calloc(1, sizeof *p);
	enum ps_status st;

	if (!p)
		return PS_NOMEM;
	p->mem.max = max_bytes;
	arena_init(&p->text, &p->mem);
	table_init(&p->function_table, &p->mem);
	table_init(&p->stack_table, &p->mem);
	table_init(&p->total_table, &p->mem);
	st = mem_reserve(&p->mem, (void **)&p->stacks, &p->stacks_cap, 1, sizeof *p->stacks);
	if (st) {
		profile_destroy(p);
		return st;
	}
	p->stacks[p->nstacks++] = (struct profile_stack){ 0 };
	*ret = p;
	return PS_OK;
}

static void free_name(struct profile *p, struct profile_text name)
{
	void *at = (void *)(uintptr_t)name.at;

	(void)!mem_resize(&p->mem, &at, name.len, 0); /* giving back cannot fail */
}

void profile_destroy(struct profile *p)
{
	if (!p)
		return;
	table_deinit(&p->total_table);
	table_deinit(&p->stack_table);
	table_deinit(&p->function_table);
	arena_deinit(&p->text);
	for (uint32_t i = 0; i < p->nthreads; i++)
		free_name(p, p->threads[i].name);
	free(p->totals);
	free(p->threads);
	free(p->stacks);
	free(p->functions);
	free(p);
}

static enum ps_status keep_text(struct profile *p, struct profile_text t, struct profile_text *ret)
{
	void *copy = NULL;

	if (t.len) {
		PS_TRY(arena_take(&p->text, t.len, &copy));
		memcpy(copy, t.at, t.len);
	}
	*ret = (struct profile_text){ copy, t.len };
	return PS_OK;
}

static bool text_equal(struct profile_text a, struct profile_text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static bool function_equal(const struct profile_function *a, const struct profile_function *b)
{
	return a->line == b->line && a->kind == b->kind && text_equal(a->name, b->name) &&
	       text_equal(a->file, b->file);
}

static uint32_t function_hash(const struct profile_function *f)
{
	uint32_t h = hash_bytes(f->name.at, f->name.len, f->line * 2 + (uint32_t)f->kind);

	return hash_bytes(f->file.at, f->file.len, h);
}

enum ps_status profile_function(struct profile *p, const struct profile_function *f, func_id *ret)
{
	uint32_t hash = function_hash(f), at = TABLE_START, id;
	struct profile_function kept = *f;

	while ((id = table_next(&p->function_table, hash, &at)) != TABLE_NONE) {
		if (function_equal(&p->functions[id], f)) {
			*ret = (func_id){ id };
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&p->mem, (void **)&p->functions, &p->functions_cap, p->nfunctions + 1,
			   sizeof *p->functions));
	PS_TRY(table_reserve(&p->function_table));
	PS_TRY(keep_text(p, f->name, &kept.name));
	PS_TRY(keep_text(p, f->file, &kept.file));
	table_insert(&p->function_table, hash, p->nfunctions);
	*ret = (func_id){ p->nfunctions };
	p->functions[p->nfunctions++] = kept;
	return PS_OK;
}

static uint32_t hash_stack(stack_id parent, func_id f, uint32_t line)
{
	return hash_words((uint64_t)parent.v << 32 | f.v, line);
}

bool profile_find(const struct profile *p, stack_id parent, func_id f, uint32_t line, stack_id *ret)
{
	uint32_t at = TABLE_START, id, hash = hash_stack(parent, f, line);

	while ((id = table_next(&p->stack_table, hash, &at)) != TABLE_NONE) {
		const struct profile_stack *s = &p->stacks[id];

		if (s->parent.v == parent.v && s->function.v == f.v && s->line == line) {
			*ret = (stack_id){ id };
			return true;
		}
	}
	return false;
}

enum ps_status profile_push(struct profile *p, stack_id parent, func_id f, uint32_t line,
			    stack_id *ret)
{
	if (profile_find(p, parent, f, line, ret))
		return PS_OK;
	PS_TRY(mem_reserve(&p->mem, (void **)&p->stacks, &p->stacks_cap, p->nstacks + 1,
			   sizeof *p->stacks));
	PS_TRY(table_reserve(&p->stack_table));
	table_insert(&p->stack_table, hash_stack(parent, f, line), p->nstacks);
	*ret = (stack_id){ p->nstacks };
	p->stacks[p->nstacks++] = (struct profile_stack){ parent, f, line };
	return PS_OK;
}

static enum ps_status keep_name(struct profile *p, struct profile_text name,
				struct profile_text *ret)
{
	void *copy = NULL;

	if (name.len) {
		PS_TRY(mem_resize(&p->mem, &copy, 0, name.len));
		memcpy(copy, name.at, name.len);
	}
	*ret = (struct profile_text){ copy, name.len };
	return PS_OK;
}

enum ps_status profile_thread(struct profile *p, const struct profile_thread *t, thread_id *ret)
{
	struct profile_thread kept = *t;

	PS_TRY(mem_reserve(&p->mem, (void **)&p->threads, &p->threads_cap, p->nthreads + 1,
			   sizeof *p->threads));
	PS_TRY(keep_name(p, t->name, &kept.name));
	*ret = (thread_id){ p->nthreads };
	p->threads[p->nthreads++] = kept;
	return PS_OK;
}

enum ps_status profile_rename(struct profile *p, thread_id t, struct profile_text name)
{
	struct profile_text before = p->threads[t.v].name;

	if (text_equal(before, name))
		return PS_OK;
	/* First the new one, for it may be a part of the old. */
	PS_TRY(keep_name(p, name, &p->threads[t.v].name));
	free_name(p, before);
	return PS_OK;
}

enum ps_status profile_add(struct profile *p, thread_id t, stack_id stack, unsigned state,
			   uint32_t count)
{
	uint32_t hash = hash_words((uint64_t)stack.v << 32 | t.v, state);
	uint32_t at = TABLE_START, id;

	while ((id = table_next(&p->total_table, hash, &at)) != TABLE_NONE) {
		struct profile_total *total = &p->totals[id];

		if (total->stack.v == stack.v && total->thread.v == t.v && total->state == state) {
			total->count += count;
			return PS_OK;
		}
	}
	PS_TRY(mem_reserve(&p->mem, (void **)&p->totals, &p->totals_cap, p->ntotals + 1,
			   sizeof *p->totals));
	PS_TRY(table_reserve(&p->total_table));
	table_insert(&p->total_table, hash, p->ntotals);
	p->totals[p->ntotals++] = (struct profile_total){ t, stack, state, count };
	return PS_OK;
}

uint32_t profile_nfunctions(const struct profile *p)
{
	return p->nfunctions;
}

uint32_t profile_nstacks(const struct profile *p)
{
	return p->nstacks;
}

uint32_t profile_nthreads(const struct profile *p)
{
	return p->nthreads;
}

struct profile_function profile_function_at(const struct profile *p, func_id f)
{
	return p->functions[f.v];
}

struct profile_stack profile_stack_at(const struct profile *p, stack_id s)
{
	return p->stacks[s.v];
}

struct profile_thread profile_thread_at(const struct profile *p, thread_id t)
{
	return p->threads[t.v];
}

bool profile_next_total(const struct profile *p, size_t *pos, struct profile_total *ret)
{
	if (*pos >= p->ntotals)
		return false;
	*ret = p->totals[(*pos)++];
	return true;
}

size_t profile_bytes(const struct profile *p)
{
	return p->mem.used;
}
