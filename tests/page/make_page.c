/* SPDX-License-Identifier: MIT */
/* Writes profiles that the page's tests look at: make_page FIXTURE FILE [OPTION]...
 * The format follows FILE's suffix; options are those of a view. */
#include "output/writer.h"

#include <stdlib.h>
#include <string.h>

static struct profile *profile;
static const struct recording_moment moments[] = {
	{ 1250000000, "/srv/out/50% #1? of \xc3\xa4.heap1.heapsnapshot", false },
	{ 9000000000, "<img src=x onerror=window.broken=4>.heap2.psheap", false },
	{ 9500000000, "app.heap3.psheap", true },
};
static struct recording_facts facts = {
	.command = "python3 -X dev server.py --port 8080",
	.program = "server.py",
	.pid = 4242,
	.python = "CPython 3.14.0",
	.started_ns = 1767225600000000000,
	.duration_ns = 10000000000,
	.period_ns = 1000000,
	.rate_asked = 1000,
	.rate_achieved = 998.7,
	.ended = "after its duration",
	.counts = {
		.consistent = 9900,
		.repaired = { [REPAIR_WINDOW] = 40, [REPAIR_CUT] = 3 },
		.lost = { [LOST_TORN] = 17, [LOST_FAULT] = 2 },
		.truncated = 5,
		.ticks = 9987,
		.skipped = 13,
		.late_max_ns = 1830000,
		.late_sum_ns = 9987ull * 61000,
	},
};

static void must(enum ps_status st)
{
	if (st != PS_OK) {
		fprintf(stderr, "make_page: %s\n", ps_status_name(st));
		exit(1);
	}
}

static struct profile_text text(const char *s)
{
	return (struct profile_text){ s, (uint32_t)strlen(s) };
}

static thread_id thread(const char *name, uint64_t tid)
{
	struct profile_thread t = { .name = text(name), .tid = tid, .target_tid = tid };
	thread_id id;

	must(profile_thread(profile, &t, &id));
	return id;
}

/* The stack with one more frame: a function that starts at first and executes line. */
static stack_id call(stack_id parent, const char *name, const char *file, uint32_t first,
		     uint32_t line)
{
	struct profile_function f = { text(name), text(file), first, FUNCTION_PYTHON };
	func_id id;

	if (strcmp(name, "<frames left out>") == 0)
		f.kind = FUNCTION_OMITTED;
	if (strcmp(name, "<GC>") == 0)
		f.kind = FUNCTION_GC;
	must(profile_function(profile, &f, &id));
	must(profile_push(profile, parent, id, line, &parent));
	return parent;
}

static void add(thread_id t, stack_id s, uint32_t count)
{
	must(profile_add(profile, t, s, STATE_GIL | STATE_WORK | STATE_CPU, count));
}

#define APP  "/srv/shop/server.py"
#define LIB  "/usr/lib/python3.14/"
#define SITE "/srv/venv/lib/python3.14/site-packages/"

/* 1000 samples: half below handle (line 40 and 44), a recursion, one sole leaf. */
static void small(void)
{
	thread_id main = thread("MainThread", 4242);
	stack_id module = call(STACK_EMPTY, "<module>", APP, 1, 120);
	stack_id serve = call(module, "Server.serve", APP, 30, 33);
	stack_id query = call(call(serve, "Server.handle", APP, 38, 40), "Cursor.query",
			      SITE "db/cursor.py", 200, 214);
	stack_id render = call(call(serve, "Server.handle", APP, 38, 44), "render",
			       SITE "templates/render.py", 10, 12);
	stack_id walk = call(serve, "walk", APP, 70, 72);

	add(main, query, 300);
	add(main, call(query, "JSONDecoder.decode", LIB "json/decoder.py", 330, 337), 100);
	add(main, render, 60);
	add(main, call(render, "Template.<locals>.inner", SITE "templates/render.py", 50, 51), 40);
	add(main, call(walk, "walk", APP, 70, 74), 150);
	add(main, call(call(walk, "walk", APP, 70, 74), "walk", APP, 70, 71), 50);
	add(main, call(serve, "<GC>", "", 0, 0), 100);
	add(main, call(module, "main", APP, 100, 101), 200);
}

static void threads(void)
{
	thread_id main = thread("MainThread", 100), worker = thread("worker-1", 101);
	thread_id nameless = thread("", 102);
	stack_id run = call(STACK_EMPTY, "Thread.run", LIB "threading.py", 1000, 1010);
	stack_id work = call(run, "work", APP, 10, 12);

	add(main, call(STACK_EMPTY, "<module>", APP, 1, 99), 500);
	add(worker, work, 300);
	add(worker, call(work, "compute", APP, 20, 22), 100);
	add(nameless, work, 100);
	must(profile_add(profile, worker, run, 0, 4000));
}

#define MARKS "\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308"

static void hostile(void)
{
	static char longest[10241];
	thread_id t = thread("</script><script>window.broken=1</script>", 1);
	stack_id root;

	memset(longest, 'n', sizeof longest - 1);
	root = call(STACK_EMPTY, "<img src=x onerror=\"window.broken=2\">", "</script>", 1, 1);
	add(t, root, 100);
	add(t, call(root, longest, longest, 1, 2), 100);
	add(t, call(root, "a\nb\tc;d \x1b[31mred\x7f", "/srv/new\nline.py", 1, 2), 100);
	add(t, call(root, "abc\u202egnp.exe\u2066", "/srv/\u202ebidi.py", 1, 2), 100);
	add(t, call(root, "\u05e9\u05dc\u05d5\u05dd.\u05e2\u05d5\u05dc\u05dd", "/srv/rtl.py", 3, 4),
	    100);
	add(t, call(root, "Gr\u00f6\u00dfe.\u8a08\u7b97.\U0001f40d", "/srv/unicode.py", 3, 4), 100);
	add(t, call(root, "line\u2028separator<!--", "/srv/u2028.py", 3, 4), 100);
	add(t, call(root, "broken \xed\xa0\x80 \xff utf", "/srv/\xc3.py", 3, 4), 100);
	add(t, call(root, "zalgo" MARKS MARKS MARKS, "/srv/zalgo.py", 3, 4), 50);
	add(t, call(root, "__proto__", "constructor", 3, 4), 100);
	add(t, call(root, "", "", 0, 0), 100);
	facts.command = "python </title><script>window.broken=3</script>\n\u202e --x";
	facts.program = "<b>evil</b>";
}

static void deep(void)
{
	thread_id t = thread("MainThread", 1);
	stack_id s = call(STACK_EMPTY, "<module>", APP, 1, 9);

	for (unsigned i = 0; i < 4000; i++) {
		char name[32];

		snprintf(name, sizeof name, "level_%u", i);
		s = i == 2000 ? call(s, "<frames left out>", "", 0, 0)
			      : call(s, name, APP, 10 + i, 11 + i);
		add(t, s, i % 10 == 0 ? 2 : 1);
	}
	facts.counts.truncated = 4000;
}

/* A recursion whose depth varies: merged by callee, it is one chain of many stacks. */
static void recursion(void)
{
	thread_id t = thread("MainThread", 1);
	stack_id s = STACK_EMPTY;

	for (unsigned i = 0; i < 4000; i++) {
		s = call(s, "descend", APP, 10, 12 + i % 2);
		for (unsigned leaf = 0; leaf < 20; leaf++)
			add(t, call(s, "leaf", APP, 100, 101 + leaf), 1);
	}
}

static uint32_t random_below(uint64_t *state, uint32_t n)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*state >> 33) % n);
}

/* Few functions that call one another, and themselves, in thousands of ways. */
static void tangle(void)
{
	thread_id t[3] = { thread("a", 1), thread("b", 2), thread("c", 3) };
	uint64_t seed = 1;

	for (unsigned i = 0; i < 5000; i++) {
		uint32_t depth = 1 + random_below(&seed, 12);
		stack_id s = STACK_EMPTY;

		while (depth--) {
			uint32_t f = random_below(&seed, 9),
				 line = f * 100 + random_below(&seed, 3);
			char name[16];

			snprintf(name, sizeof name, "server_%u", f);
			s = call(s, name, f % 2 ? APP : LIB "x.py", f * 100, line);
		}
		add(t[random_below(&seed, 3)], s, 1 + random_below(&seed, 9));
	}
}

/* 100 000 functions, each in a frame of its own, below one another at random. */
static void big(void)
{
	enum { FRAMES = 100000, KEPT = 512 };
	thread_id t[4];
	stack_id kept[KEPT];
	uint64_t seed = 7;

	for (unsigned i = 0; i < 4; i++)
		t[i] = thread(i ? "worker" : "MainThread", 100 + i);
	for (unsigned i = 0; i < KEPT; i++)
		kept[i] = call(STACK_EMPTY, "<module>", APP, 1, 2);
	for (unsigned i = 0; i < FRAMES; i++) {
		char name[64], file[96];
		stack_id *slot = &kept[random_below(&seed, KEPT)];

		snprintf(name, sizeof name, "Module%u.Class%u.method_%u", i / 500, i / 20, i);
		snprintf(file, sizeof file, "%spackage_%u/module_%u.py",
			 i % 3 == 0   ? SITE
			 : i % 3 == 1 ? LIB
				      : "/srv/app/",
			 i / 2000, i / 100);
		*slot = call(random_below(&seed, 40) ? *slot : kept[0], name, file, i % 1000 + 1,
			     i % 1000 + 5);
		add(t[i % 4], *slot, 1 + random_below(&seed, 20));
	}
}

/* As big, and wide: all 100 000 called by one function, all equally often. */
static void wide(void)
{
	thread_id t = thread("MainThread", 1);
	stack_id root = call(STACK_EMPTY, "<module>", APP, 1, 2);

	for (unsigned i = 0; i < 100000; i++) {
		char name[32];

		snprintf(name, sizeof name, "function_%u", i);
		add(t, call(root, name, APP, i + 1, i + 2), 1);
	}
}

static void empty(void)
{
	thread_id t = thread("MainThread", 1);
	stack_id s = call(STACK_EMPTY, "<module>", APP, 1, 2);

	must(profile_add(profile, t, s, 0, 5000));
	must(profile_add(profile, t, STACK_EMPTY, STATE_WORK, 7));
}

static void nothing(void)
{
}

/* A heap: counts are bytes, and a function's file is how it is held. 3 MiB and a half. */
static void heap(void)
{
	thread_id t = thread("heap", 0);
	stack_id cache = call(STACK_EMPTY, "app.Cache", ".cache", 0, 0);

	facts.bytes = true;
	facts.period_ns = 0;
	add(t, call(cache, "app.Session", "[*]", 0, 0), 3 << 20);
	add(t, cache, 1 << 19);
}

static void dumps(void)
{
	small();
	facts.moments = moments;
	facts.nmoments = sizeof moments / sizeof *moments;
}

static const struct fixture {
	const char *name;
	void (*make)(void);
} fixtures[] = {
	{ "small", small },     { "threads", threads },     { "hostile", hostile },
	{ "deep", deep },       { "recursion", recursion }, { "big100k", big },
	{ "wide", wide },       { "tangle", tangle },       { "empty", empty },
	{ "nothing", nothing }, { "heap", heap },           { "dumps", dumps },
};

static struct view view_of(int n, char **options)
{
	struct view v = { 0 };

	for (int i = 0; i < n; i++) {
		v.idle |= strcmp(options[i], "--idle") == 0;
		if (strcmp(options[i], "--gil") == 0)
			v.mode = MODE_GIL;
		if (strcmp(options[i], "--exception") == 0)
			v.mode = MODE_EXCEPTION;
		v.threads |= strcmp(options[i], "--threads") == 0;
		v.functions |= strcmp(options[i], "--function") == 0;
	}
	return v;
}

static int write_file(const char *path, const struct view *v)
{
	struct writer_input in = { profile, &facts, *v };
	const struct writer *w = writer_for_file(path);
	struct ps_err err;
	FILE *out = w ? fopen(path, "w") : NULL;

	if (!out) {
		fprintf(stderr, "make_page: cannot write %s\n", path);
		return 1;
	}
	if (w->write(&in, out, &err) != PS_OK) {
		fprintf(stderr, "make_page: %s\n", err.msg);
		return 1;
	}
	return fclose(out) ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	must(profile_create(1u << 30, &profile));
	for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) {
		if (strcmp(fixtures[i].name, argv[1]) == 0) {
			struct view v = view_of(argc - 3, argv + 3);
			int failed;

			fixtures[i].make();
			failed = write_file(argv[2], &v);
			profile_destroy(profile);
			return failed;
		}
	}
	return 2;
}
