/* SPDX-License-Identifier: MIT */
#include "tests/support/built_profile.h"

#include <criterion/criterion.h>
#include <string.h>

struct profile *built_profile(void)
{
	struct profile *p = NULL;

	cr_assert_eq(profile_create(1u << 28, &p), PS_OK);
	return p;
}

static struct profile_text text(const char *s)
{
	return (struct profile_text){ s, (uint32_t)strlen(s) };
}

thread_id built_thread(struct profile *p, const char *name, uint64_t tid)
{
	struct profile_thread t = { .name = text(name), .tid = tid, .target_tid = tid };
	thread_id id;

	cr_assert_eq(profile_thread(p, &t, &id), PS_OK);
	return id;
}

static stack_id push(struct profile *p, stack_id parent, const struct profile_function *f,
		     uint32_t line)
{
	func_id id;

	cr_assert_eq(profile_function(p, f, &id), PS_OK);
	cr_assert_eq(profile_push(p, parent, id, line, &parent), PS_OK);
	return parent;
}

stack_id built_call(struct profile *p, stack_id parent, const char *name, const char *file,
		    uint32_t first, uint32_t line)
{
	struct profile_function f = { text(name), text(file), first, FUNCTION_PYTHON };

	return push(p, parent, &f, line);
}

stack_id built_marker(struct profile *p, stack_id parent, const char *name, enum function_kind kind)
{
	struct profile_function f = { .name = text(name), .kind = kind };

	return push(p, parent, &f, 0);
}

void built_add(struct profile *p, thread_id t, stack_id s, unsigned state, uint32_t count)
{
	cr_assert_eq(profile_add(p, t, s, state, count), PS_OK);
}

char *built_output(const struct profile *p, const char *format, struct view v)
{
	static const struct recording_facts facts = { .period_ns = 1000000 };
	struct writer_input in = { p, &facts, v };
	struct ps_err err;
	char *text_out = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text_out, &n);

	cr_assert_eq(writer_find(format)->write(&in, out, &err), PS_OK);
	fclose(out);
	return text_out;
}
