/* SPDX-License-Identifier: MIT */
#include "profiler/proc.h"

#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define REST " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 424242 20 21\n"

static bool stat_of(const char *text, struct proc_stat *ret)
{
	size_t len = strlen(text);

	return proc_parse_stat(tail_page(text, len), len, ret);
}

Test(proc, stat_of_any_name)
{
	static const char *const names[] = { "python", "a) R", "a) R 1 2 3", ")",
					     "((",     "",     " ",          "))\n" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct proc_stat s;
		char text[200];

		snprintf(text, sizeof text, "77 (%s) S" REST, names[i]);
		cr_assert(stat_of(text, &s), "%s", text);
		cr_expect_eq(s.state, 'S', "%s", text);
		cr_expect_eq(s.starttime, 424242, "%s", text);
		cr_expect_eq(s.cpu, -1, "%s: it does not say so much", text);
	}
}

Test(proc, stat_tells_the_cpu_and_the_policy)
{
	struct proc_stat s;

	cr_assert(stat_of("77 (a) R" REST, &s));
	cr_expect_eq(s.cpu, -1);
	cr_expect_eq(s.policy, -1);
	cr_assert(stat_of("77 (a) R 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 "
			  "27 28 29 30 31 32 33 34 35 36 37 38 3 40 2 42\n",
			  &s));
	cr_expect_eq(s.starttime, 22);
	cr_expect_eq(s.cpu, 3);
	cr_expect_eq(s.policy, 2);
}

Test(proc, stat_tells_threads_of_the_kernel)
{
	struct proc_stat s;

	cr_assert(stat_of("2 (kthreadd) S 0 0 0 0 -1 2129984 7 8 9 10 11 12 13 14 15 16 17 18 1\n",
			  &s));
	cr_expect(s.kernel);
	cr_assert(stat_of("77 (a) S 0 0 0 0 -1 4194304 7 8 9 10 11 12 13 14 15 16 17 18 1\n", &s));
	cr_expect_not(s.kernel);
}

Test(proc, knows_whether_proc_is_its_own)
{
	cr_expect(proc_is_ours());
}

Test(proc, stat_cut_at_any_length_is_refused_or_shorter)
{
	static const char text[] = "77 (a) R) S" REST;

	for (size_t len = 0; len < sizeof text; len++) {
		struct proc_stat s = { 0 };

		if (proc_parse_stat(tail_page(text, len), len, &s))
			cr_expect_leq(s.starttime, 424242);
	}
}

Test(proc, stat_of_what_is_none)
{
	static const char *const odd[] = { "",       "1",       "1 (x",     "1 (x)",
					   "1 (x) ", "1 (x) S", "1 (x) S 1" };

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct proc_stat s;

		cr_expect_not(stat_of(odd[i], &s), "'%s'", odd[i]);
	}
}

static bool status_of(const char *text, struct proc_status *ret)
{
	size_t len = strlen(text);

	return proc_parse_status(tail_page(text, len), len, ret);
}

Test(proc, status_takes_the_innermost_namespace)
{
	struct proc_status s;

	cr_assert(status_of("Name:\tx\nTgid:\t40\nPid:\t41\nPPid:\t39\nTracerPid:\t9\n"
			    "Uid:\t1\t2\t3\t4294967295\nGid:\t5\t6\t7\t8\n"
			    "NSpid:\t41\t17\t3\nThreads:\t12\nSigCgt:\t0000000180000002\nCapPrm:"
			    "\t00000000000000ff\n"
			    "CapEff:\t000001ffffffffff\nSeccomp:\t2\n",
			    &s));
	cr_expect_eq(s.ppid, 39);
	cr_expect_eq(s.pid_depth, 3);
	cr_expect_eq(s.gid[0], 5);
	cr_expect_eq(s.gid[3], 8);
	cr_expect_eq(s.threads, 12);
	cr_expect_eq(s.cap_permitted, 0xff);
	cr_expect_eq(s.caught, 0x180000002);
	cr_expect_eq(s.tgid, 40);
	cr_expect_eq(s.inner_tid, 3);
	cr_expect_eq(s.tracer, 9);
	cr_expect_eq(s.uid[0], 1);
	cr_expect_eq(s.uid[3], UINT32_MAX);
	cr_expect_eq(s.seccomp, 2);
	cr_expect_eq(s.cap_effective, 0x1ffffffffffull);
}

Test(proc, status_is_not_fooled_by_a_name)
{
	struct proc_status s;

	/* The kernel escapes newlines, but not colons. */
	cr_assert(status_of("Name:\tTgid:\t5\nTgid:\t40\nNSpid:\t41\n", &s));
	cr_expect_eq(s.tgid, 40);
	cr_expect_eq(s.inner_tid, 41);
	cr_expect_not(status_of("Name:\tTgid: 5\n", &s), "without a Tgid it is none");
	cr_expect_not(status_of("", &s));
}

Test(proc, status_of_an_old_kernel_has_gaps)
{
	struct proc_status s;

	cr_assert(status_of("Tgid:\t40\nNSpid:\t\n", &s));
	cr_expect_eq(s.inner_tid, 0);
	cr_expect_eq(s.pid_depth, 0);
	cr_expect_eq(s.seccomp, 0);
	cr_assert(status_of("Tgid:", &s));
	cr_expect_eq(s.tgid, 0);
}

Test(proc, status_cut_at_any_length)
{
	static const char text[] =
		"Name:\tx\nTgid:\t40\nUid:\t1\t2\t3\t4\nNSpid:\t41\t17\t3\nSeccomp:\t2\n";

	for (size_t len = 0; len < sizeof text; len++) {
		struct proc_status s;

		(void)!proc_parse_status(tail_page(text, len), len, &s);
	}
}

Test(proc, schedstat_is_three_numbers)
{
	static const char *const bad[] = { "",     "x",     "7",      "7 ",    "7 5",
					   "7 5 ", "7 5 x", "7  5 6", " 7 5 6" };
	struct proc_schedstat s = { .ran_ns = 77, .times = 77 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_not(
			proc_parse_schedstat(tail_page(bad[i], strlen(bad[i])), strlen(bad[i]), &s),
			"'%s'", bad[i]);
	cr_expect_eq(s.ran_ns, 77, "unchanged on failure");
	cr_expect(proc_parse_schedstat(tail_page("123456789 5 6\n", 14), 14, &s));
	cr_expect_eq(s.ran_ns, 123456789);
	cr_expect_eq(s.waited_ns, 5);
	cr_expect_eq(s.times, 6);
	cr_expect(proc_parse_schedstat(tail_page("0 0 0", 5), 5, &s));
	cr_expect_eq(s.times, 0);
}

Test(proc, printable_text_is_utf8_without_controls)
{
	static const struct {
		const char *raw, *shown;
	} rows[] = { { "plain", "plain" },
		     { "a\nb\033[1m\177", "a?b?[1m?" },
		     { "w\303\266rker \342\202\254 \360\237\220\215",
		       "w\303\266rker \342\202\254 \360\237\220\215" },
		     { "\377\200", "??" },
		     { "\303", "?" },
		     { "\342\202", "??" },
		     { "\300\257", "??" },
		     { "", "" } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = strlen(rows[i].raw) + 1;
		char *text = tail_page(rows[i].raw, len);

		proc_make_printable(text);
		cr_expect_str_eq(text, rows[i].shown);
	}
}

Test(proc, reads_this_process)
{
	int pid = getpid();
	struct proc_stat stat;
	struct proc_status status;
	char comm[32], *command;

	cr_assert_eq(prctl(PR_SET_NAME, "a) R \t("), 0);
	cr_assert_eq(proc_read_stat(pid, pid, &stat), PS_OK);
	cr_expect_eq(stat.state, 'R');
	cr_expect_gt(stat.starttime, 0);
	cr_assert_eq(proc_read_status(pid, pid, &status), PS_OK);
	cr_expect_eq(status.tgid, pid);
	cr_expect_eq(status.uid[0], getuid());
	proc_comm(pid, pid, comm);
	cr_expect_str_eq(comm, "a) R ?(");
	command = proc_command_line(pid);
	cr_assert(command);
	cr_expect(command[0]);
	free(command);
}

static bool note_thread(int tid, void *ctx)
{
	*(int *)ctx = tid;
	return false;
}

Test(proc, says_that_a_process_is_gone)
{
	struct proc_stat stat;
	struct ps_err err = { 0 };
	char comm[32], *text;
	size_t len;
	int tid = 0;

	cr_expect_eq(proc_read_stat(INT32_MAX, INT32_MAX, &stat), PS_GONE);
	cr_expect_eq(proc_read_file(INT32_MAX, "maps", 100, &text, &len, &err), PS_GONE);
	cr_expect(err.msg[0]);
	proc_comm(INT32_MAX, INT32_MAX, comm);
	cr_expect_str_eq(comm, "?");
	cr_expect_eq(proc_each_thread(INT32_MAX, note_thread, &tid), PS_GONE);
	cr_expect_eq(proc_each_thread(getpid(), note_thread, &tid), PS_OK);
	cr_expect_eq(tid, getpid());
}

Test(proc, read_file_cuts_at_its_maximum)
{
	char *text;
	size_t len;

	cr_assert_eq(proc_read_file(getpid(), "maps", 10, &text, &len, NULL), PS_OK);
	cr_expect_geq(len, 10);
	cr_expect_eq(text[len], '\0');
	free(text);
}
