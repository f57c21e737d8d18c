/* SPDX-License-Identifier: MIT */
/* A machine in a folder: /proc and control groups. */
#include "profiler/heap_memory.h"

#include "tests/support/temporary.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static char *make_root(void)
{
	char *root = malloc(TEMPORARY_PATH);

	cr_assert(root);
	temporary_folder(root);
	return root;
}

static void put(const char *root, const char *path, const char *text)
{
	char whole[512];
	int fd;

	snprintf(whole, sizeof whole, "%s%s", root, path);
	for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0700);
		*slash = '/';
	}
	fd = open(whole, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	cr_assert_geq(fd, 0, "%s", whole);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void drop(char *root)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", root);
	cr_assert_eq(system(command), 0);
	free(root);
}

static void put_process(const char *root, const char *groups)
{
	put(root, "/proc/7/smaps_rollup",
	    "5000-7fff ---p 00000000 00:00 0 [rollup]\nRss: 300000 kB\nAnonymous: 102400 kB\n");
	put(root, "/proc/meminfo",
	    "MemTotal: 9999999 kB\nMemAvailable: 4096000 kB\nSwapFree: 0 kB\n");
	put(root, "/proc/7/cgroup", groups);
}

static struct heap_memory read_it(const char *root)
{
	struct heap_memory m;
	struct ps_err err = { 0 };

	cr_assert_eq(heap_memory_read(root, 7, false, &m, &err), PS_OK, "%s", err.msg);
	return m;
}

Test(heap_memory, a_pypy_needs_more)
{
	char *root = make_root();

	put_process(root, "0::/\n");
	put(root, "/proc/7/maps",
	    "1000-2000 r-xp 0 08:01 1 /usr/bin/python3.13\n"
	    "2000-3000 rw-p 0 00:00 0 [heap]\n");
	cr_expect_eq(read_it(root).needed, (uint64_t)(125 + 150 + 8) * MIB);
	put(root, "/proc/7/maps", "1000-2000 r-xp 0 08:01 1 /home/pypy/bin/python3\n");
	cr_expect_eq(read_it(root).needed, (uint64_t)(125 + 150 + 8) * MIB);
	put(root, "/proc/7/maps",
	    "1000-2000 r-xp 0 08:01 1 /usr/bin/pypy3.11\n"
	    "2000-3000 r-xp 0 08:01 2 /usr/lib/libpypy3.11-c.so\n");
	cr_expect_eq(read_it(root).needed, (uint64_t)(1000 + 100 + 8) * MIB);
	drop(root);
}

Test(heap_memory, a_walk_in_the_process_needs_some_as_well)
{
	char *root = make_root();
	struct heap_memory m;

	put_process(root, "0::/\n");
	cr_assert_eq(heap_memory_read(root, 7, true, &m, NULL), PS_OK);
	cr_expect_eq(m.needed, (uint64_t)(175 + 8) * MIB);
	put(root, "/proc/7/smaps_rollup", "Anonymous: 4194304 kB\n");
	cr_expect_eq(read_it(root).needed, (uint64_t)(5120 + 160 + 8) * MIB, "bounded");
	drop(root);
}

Test(heap_memory, the_machine_is_the_limit_where_no_group_is)
{
	char *root = make_root();
	struct heap_memory m;

	put_process(root, "0::/\n");
	m = read_it(root);
	cr_expect_eq(m.needed, (uint64_t)(125 + 150 + 8) * MIB);
	cr_expect_eq(m.available, (uint64_t)4000 * MIB);
	cr_expect(strstr(m.limit, "machine"));
	drop(root);
}

Test(heap_memory, the_tightest_of_the_groups_above_counts)
{
	char *root = make_root();
	struct heap_memory m;

	put_process(root, "0::/a/b\n");
	put(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
	put(root, "/sys/fs/cgroup/a/b/memory.current", "5\n");
	put(root, "/sys/fs/cgroup/a/memory.max", "209715200\n");
	put(root, "/sys/fs/cgroup/a/memory.current", "157286400\n");
	m = read_it(root);
	cr_expect_eq(m.available, (uint64_t)50 * MIB);
	cr_expect(strstr(m.limit, "/a"), "%s", m.limit);
	put(root, "/sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 10485760\n");
	m = read_it(root);
	cr_expect_eq(m.available, (uint64_t)60 * MIB, "what can be given back is no obstacle");
	put(root, "/sys/fs/cgroup/a/memory.current", "999999999\n");
	m = read_it(root);
	cr_expect_eq(m.available, 0u);
	drop(root);
}

Test(heap_memory, groups_of_the_first_generation_count_as_well)
{
	char *root = make_root();
	struct heap_memory m;

	put_process(root, "9:cpu:/x\n8:memory:/c\n0::/\n");
	put(root, "/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "104857600\n");
	put(root, "/sys/fs/cgroup/memory/c/memory.usage_in_bytes", "20971520\n");
	m = read_it(root);
	cr_expect_eq(m.available, (uint64_t)80 * MIB);
	drop(root);
}

Test(heap_memory, what_is_not_there_or_makes_no_sense_is_no_limit)
{
	char *root = make_root();
	struct heap_memory m;

	put_process(root, "0::/../../etc\nnonsense\n:::\n");
	m = read_it(root);
	cr_expect_eq(m.available, (uint64_t)4000 * MIB);
	put(root, "/proc/7/cgroup", "");
	m = read_it(root);
	cr_expect_eq(m.available, (uint64_t)4000 * MIB);
	cr_expect_eq(heap_memory_read(root, 8, false, &m, NULL), PS_GONE);
	drop(root);
}

Test(heap_memory, a_dump_is_bounded_by_what_the_process_has)
{
	char *root = make_root();
	uint64_t rest = (uint64_t)256 * MIB;

	cr_assert_eq(heap_memory_most(root, 7, 0), rest);
	put(root, "/proc/7/status", "Name: x\nVmRSS:\t  20480 kB\nVmSwap:\t 1024 kB\n");
	cr_assert_eq(heap_memory_most(root, 7, 0), rest + (uint64_t)210 * MIB);
	cr_assert_eq(heap_memory_most(root, 7, rest * 4), rest * 4);
	put(root, "/proc/7/status", "VmRSS: 18446744073709551615 kB\nVmSwap: 7 kB\n");
	cr_assert_geq(heap_memory_most(root, 7, 0), rest);
	drop(root);
}
