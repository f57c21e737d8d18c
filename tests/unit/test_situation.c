/* SPDX-License-Identifier: MIT */
/* Files that tell how two processes stand to each other, in a folder of this test's own; and
 * the kernel's answers about this very process. */
#include "profiler/situation.h"

#include "tests/support/temporary.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OTHER = 77, PARENT = 70 };

struct tree {
	char root[TEMPORARY_PATH];
};

static void make_folders(char *path)
{
	for (char *at = path + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		cr_assert(mkdir(path, 0755) == 0 || errno == EEXIST, "%s", path);
		*at = '/';
	}
}

__attribute__((format(printf, 3, 4))) static void put(struct tree *t, const char *name,
						      const char *fmt, ...)
{
	char path[512];
	va_list ap;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", t->root, name);
	make_folders(path);
	f = fopen(path, "we");
	cr_assert(f, "%s", path);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
}

static void put_link(struct tree *t, const char *name, const char *to)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", t->root, name);
	make_folders(path);
	unlink(path);
	cr_assert_eq(symlink(to, path), 0, "%s", path);
}

static void put_stat(struct tree *t, int pid, char state, unsigned long flags)
{
	char name[64];

	snprintf(name, sizeof name, "proc/%d/stat", pid);
	put(t, name, "%d (a b) %c 1 1 1 0 -1 %lu 0 0 0 0 0 0 0 0 20 0 1 0 4242 0\n", pid, state,
	    flags);
}

static void put_status(struct tree *t, int pid, int ppid, unsigned uid, unsigned long long caps)
{
	char name[64];

	snprintf(name, sizeof name, "proc/%d/status", pid);
	put(t, name,
	    "Name:\tx\nTgid:\t%d\nPPid:\t%d\nTracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\n"
	    "Gid:\t5\t5\t5\t5\nNSpid:\t%d\nThreads:\t3\nCapPrm:\t%llx\nCapEff:\t%llx\n"
	    "Seccomp:\t2\n",
	    pid, ppid, uid, uid, uid, uid, pid, caps, caps);
}

/* This process, and one of the same user beside it. */
static struct tree *grow(void)
{
	struct tree *t = calloc(1, sizeof *t);
	char self[16];

	cr_assert(t);
	temporary_folder(t->root);
	snprintf(self, sizeof self, "%d", getpid());
	put_stat(t, getpid(), 'R', 0);
	put_stat(t, OTHER, 'S', 0x400);
	put_status(t, getpid(), 1, getuid(), 0);
	put_status(t, OTHER, PARENT, getuid(), 0);
	put_status(t, PARENT, 1, getuid(), 0);
	put_status(t, 1, 0, 0, ~0ull >> 23);
	put_link(t, "proc/self", self);
	put_link(t, "proc/self/ns/user", "user:[100]");
	put_link(t, "proc/self/ns/mnt", "mnt:[200]");
	put_link(t, "proc/self/ns/pid", "pid:[300]");
	put_link(t, "proc/77/ns/user", "user:[100]");
	put_link(t, "proc/77/ns/mnt", "mnt:[200]");
	put_link(t, "proc/77/ns/pid", "pid:[300]");
	put_link(t, "proc/77/root", "/");
	put(t, "proc/77/mem", "%s", "");
	put(t, "proc/self/uid_map", "0 0 4294967295\n");
	put(t, "proc/77/uid_map", "0 0 4294967295\n");
	return t;
}

static void fell(struct tree *t)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", t->root);
	cr_expect_eq(system(command), 0);
	free(t);
}

static struct situation look(const struct tree *t)
{
	struct situation s;

	situation_read(t->root, OTHER, &s);
	return s;
}

static void drop(struct tree *t, const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", t->root, name);
	cr_assert_eq(unlink(path), 0, "%s", path);
}

Test(situation, of_two_equals)
{
	struct tree *t = grow();
	struct situation s = look(t);

	cr_expect(s.own_proc && s.seen && s.exists && !s.descends);
	cr_expect_eq(s.stat.state, 'S');
	cr_expect_not(s.stat.kernel);
	cr_expect_eq(s.target.threads, 3);
	cr_expect_eq(s.target.uid[2], getuid());
	cr_expect_eq(s.target.gid[2], 5);
	cr_expect_eq(s.user_ns, RELATION_SAME);
	cr_expect_eq(s.mount_ns, RELATION_SAME);
	cr_expect_eq(s.pid_ns, RELATION_SAME);
	cr_expect_eq(s.yama_scope, NO_YAMA);
	cr_expect_str_eq(s.root, "/");
	cr_expect_str_empty(s.modules);
	cr_expect_str_empty(s.profile);
	cr_expect_eq(s.open_error, NOT_TRIED);
	cr_expect_eq(s.ptrace_error, NOT_TRIED);
	/* Of root's processes the files belong to root in any case. */
	cr_expect_eq(s.dumpable, getuid() ? ANSWER_YES : ANSWER_UNKNOWN);
	fell(t);
}

Test(situation, of_a_process_that_is_not_there)
{
	struct tree *t = grow();
	struct situation s;

	situation_read(t->root, 4711, &s);
	cr_expect_not(s.seen || s.exists || s.descends);
	cr_expect(s.own_proc);
	cr_expect_eq(s.dumpable, ANSWER_UNKNOWN);
	fell(t);
}

Test(situation, of_a_kernel_thread)
{
	struct tree *t = grow();

	put_stat(t, OTHER, 'I', 0x208040);
	cr_expect(look(t).stat.kernel);
	fell(t);
}

Test(situation, notices_that_proc_is_another_namespaces)
{
	struct tree *t = grow();

	put_link(t, "proc/self", "1");
	cr_expect_not(look(t).own_proc);
	drop(t, "proc/self");
	cr_expect_not(look(t).own_proc);
	fell(t);
}

Test(situation, knows_descendants)
{
	struct tree *t = grow();

	put_status(t, PARENT, getpid(), getuid(), 0);
	cr_expect(look(t).descends);
	put_status(t, PARENT, OTHER, getuid(), 0);
	cr_expect_not(look(t).descends, "a circle of parents has an end");
	fell(t);
}

Test(situation, files_of_another_owner_mean_not_dumpable)
{
	struct tree *t = grow();

	put_status(t, OTHER, PARENT, getuid() + 1, 0);
	cr_expect_eq(look(t).dumpable, ANSWER_NO);
	drop(t, "proc/77/mem");
	cr_expect_eq(look(t).dumpable, ANSWER_UNKNOWN);
	fell(t);
}

Test(situation, compares_user_namespaces)
{
	struct tree *t = grow();

	put_link(t, "proc/77/ns/user", "user:[101]");
	cr_expect_eq(look(t).user_ns, RELATION_OTHER);
	cr_expect_eq(look(t).dumpable, ANSWER_UNKNOWN, "its root is another's");
	drop(t, "proc/77/ns/user");
	cr_expect_eq(look(t).user_ns, RELATION_UNKNOWN, "equal maps say nothing");
	put(t, "proc/77/uid_map", "0 100000 65536\n");
	cr_expect_eq(look(t).user_ns, RELATION_OTHER);
	fell(t);
}

Test(situation, sees_inner_pid_namespaces_without_permission)
{
	struct tree *t = grow();
	struct situation s;

	drop(t, "proc/77/ns/pid");
	cr_expect_eq(look(t).pid_ns, RELATION_UNKNOWN);
	put(t, "proc/77/status", "Tgid:\t77\nNSpid:\t77\t5\t1\n");
	s = look(t);
	cr_expect_eq(s.pid_ns, RELATION_INSIDE);
	cr_expect_eq(s.target.inner_tid, 1);
	fell(t);
}

Test(situation, reads_what_security_modules_say)
{
	struct tree *t = grow();
	struct situation s;

	put(t, "proc/sys/kernel/yama/ptrace_scope", "2\n");
	put(t, "sys/kernel/security/lsm", "lockdown,capability,yama,apparmor");
	put(t, "sys/fs/selinux/booleans/deny_ptrace", "1 1");
	put(t, "proc/self/attr/current", "docker-default (enforce)\n");
	put(t, "proc/77/attr/current", "other\033[1m (enforce)\n");
	s = look(t);
	cr_expect_eq(s.yama_scope, 2);
	cr_expect_str_eq(s.modules, "lockdown,capability,yama,apparmor");
	cr_expect(s.selinux_denies);
	cr_expect_str_empty(s.own_profile, "AppArmor is not on");
	put(t, "sys/module/apparmor/parameters/enabled", "Y\n");
	put(t, "sys/fs/selinux/booleans/deny_ptrace", "0 1");
	s = look(t);
	cr_expect_str_eq(s.own_profile, "docker-default (enforce)");
	cr_expect_str_eq(s.profile, "other?[1m (enforce)");
	cr_expect_not(s.selinux_denies);
	fell(t);
}

Test(situation, takes_no_nonsense_for_a_scope)
{
	struct tree *t = grow();

	put(t, "proc/sys/kernel/yama/ptrace_scope", "%s", "");
	cr_expect_eq(look(t).yama_scope, NO_YAMA);
	put(t, "proc/sys/kernel/yama/ptrace_scope", "yes\n");
	cr_expect_eq(look(t).yama_scope, NO_YAMA);
	fell(t);
}

Test(situation, capabilities_count_where_their_namespace_does)
{
	static const struct {
		enum relation user_ns;
		bool owns, without, with;
	} rows[] = {
		{ RELATION_SAME, false, false, true },     { RELATION_UNKNOWN, false, false, true },
		{ RELATION_INSIDE, false, false, true },   { RELATION_INSIDE, true, true, true },
		{ RELATION_OUTSIDE, false, false, false }, { RELATION_OTHER, false, false, false }
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct situation s = { .user_ns = rows[i].user_ns, .owns_user_ns = rows[i].owns };

		cr_expect_eq(situation_privileged(&s, CAP_SYS_PTRACE), rows[i].without, "%zu", i);
		s.self.cap_effective = 1ull << CAP_SYS_PTRACE;
		cr_expect_eq(situation_privileged(&s, CAP_SYS_PTRACE), rows[i].with, "%zu", i);
	}
}

/* --- the kernel itself --- */

Test(situation, of_ones_own_child)
{
	struct situation s;
	int child = fork();

	cr_assert_geq(child, 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	situation_read("", child, &s);
	situation_try(&s);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	cr_expect(s.own_proc && s.seen && s.exists && s.descends);
	cr_expect_eq(s.open_error, 0);
	cr_expect_eq(s.open_rw_error, 0);
	cr_expect(s.read_error == EFAULT || s.read_error == 0, "%d", s.read_error);
	cr_expect_eq(s.own_read_error, 0);
	cr_expect_eq(s.own_write_error, 0);
	cr_expect_eq(s.ptrace_error, ESRCH);
}

Test(situation, of_nobody)
{
	struct situation s;

	situation_read("", INT32_MAX, &s);
	situation_try(&s);
	cr_expect_not(s.seen || s.exists);
	cr_expect_eq(s.open_error, ESRCH);
	cr_expect_eq(s.read_error, ESRCH);
}
