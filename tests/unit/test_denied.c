/* SPDX-License-Identifier: MIT */
/* Real refusals, met by a child that has given up what it needs. Which rule forbids what is
 * tested with the checks; here, that what is said holds together. */
#include "profiler/denied.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(denied, .timeout = 60);

Test(denied, nobody_has_to_listen)
{
	cr_expect_eq(denied_explain(getpid(), NULL), PS_DENIED);
	cr_expect_eq(denied_stopping(getpid(), EPERM, NULL), PS_DENIED);
}

Test(denied, what_is_not_in_the_way_any_more_is_not_made_up)
{
	struct ps_err err = { 0 };

	cr_expect_eq(denied_explain(getpid(), &err), PS_DENIED);
	cr_expect(strstr(err.msg, "not permitted to read process"), "%s", err.msg);
	cr_expect(strstr(err.msg, "a moment ago"), "%s", err.msg);
	cr_expect_str_empty(err.hint);
}

Test(denied, a_process_that_is_not_there_is_said_to_be_gone)
{
	struct ps_err err = { 0 };

	cr_expect_eq(denied_explain(INT_MAX, &err), PS_DENIED);
	cr_expect(strstr(err.msg, "no process 2147483647"), "%s", err.msg);
	cr_expect_eq(denied_stopping(INT_MAX, ESRCH, &err), PS_DENIED);
	cr_expect(strstr(err.msg, "no process 2147483647"), "%s", err.msg);
}

Test(denied, a_failure_that_no_rule_explains_has_its_own_words)
{
	struct ps_err err = { 0 };

	cr_expect_eq(denied_stopping(getpid(), EIO, &err), PS_DENIED);
	cr_expect(strstr(err.msg, "not permitted to stop process"), "%s", err.msg);
	cr_expect(strstr(err.msg, "Input/output error"), "%s", err.msg);
	cr_expect_str_eq(err.hint, "leave out --blocking");
}

/* What a child says once it has done that to itself. */
static struct ps_err said_after(void (*give_up)(void), enum ps_status (*say)(struct ps_err *err))
{
	struct ps_err err = { 0 };
	int ends[2], child;

	cr_assert_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		give_up();
		_exit(say(&err) != PS_DENIED || write(ends[1], &err, sizeof err) != sizeof err);
	}
	close(ends[1]);
	cr_expect_eq(read(ends[0], &err, sizeof err), (ssize_t)sizeof err);
	close(ends[0]);
	waitpid(child, NULL, 0);
	return err;
}

static void become_nobody(void)
{
	if (setgid(65534) || setuid(65534))
		_exit(1);
}

static enum ps_status about_reading_the_parent(struct ps_err *err)
{
	return denied_explain(getppid(), err);
}

static enum ps_status about_stopping_the_parent(struct ps_err *err)
{
	return denied_stopping(getppid(), EPERM, err);
}

Test(denied, another_user_is_named_with_what_helps)
{
	struct ps_err err = said_after(become_nobody, about_reading_the_parent);

	cr_expect(strstr(err.msg, "it runs as user"), "%s", err.msg);
	cr_expect(strstr(err.msg, "you are user 65534"), "%s", err.msg);
	cr_expect(strstr(err.hint, "sudo"), "%s", err.hint);
	/* Leaving out --blocking would not help there. */
	err = said_after(become_nobody, about_stopping_the_parent);
	cr_expect(strstr(err.msg, "you are user 65534"), "%s", err.msg);
	cr_expect_not(strstr(err.hint, "--blocking"), "%s", err.hint);
}

static void forbid_ptrace(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		_exit(1);
}

Test(denied, a_filter_that_forbids_ptrace_is_named_with_both_ways_out)
{
	struct ps_err err = said_after(forbid_ptrace, about_stopping_the_parent);

	cr_expect(strstr(err.msg, "not permitted to stop process"), "%s", err.msg);
	cr_expect(strstr(err.msg, "may not call ptrace (Permission denied)"), "%s", err.msg);
	cr_expect(strstr(err.msg, "seccomp"), "%s", err.msg);
	cr_expect(strstr(err.hint, "seccomp=unconfined"), "%s", err.hint);
	cr_expect(strstr(err.hint, "; or leave out --blocking"), "%s", err.hint);
}
