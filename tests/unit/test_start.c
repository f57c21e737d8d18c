/* SPDX-License-Identifier: MIT */
/* Commands of ours: their exit codes, and the signals that come while we wait for them. */
#include "profiler/start.h"

#include "profiler/stop_signal.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int start_shell(const char *script)
{
	char shell[] = "/bin/sh", option[] = "-c";
	char *argv[] = { shell, option, strdup(script), NULL };
	struct ps_err err = { 0 };
	int pid = 0;

	cr_assert_eq(start_command(argv, &pid, &err), PS_OK, "%s", err.msg);
	free(argv[2]);
	return pid;
}

static int run(const char *script)
{
	return start_wait(start_shell(script));
}

Test(start, exit_codes_are_as_shells_say_them, .timeout = 30)
{
	cr_expect_eq(run("exit 0"), 0);
	cr_expect_eq(run("exit 42"), 42);
	cr_expect_eq(run("kill -KILL $$"), 128 + SIGKILL);
}

Test(start, what_cannot_be_run_says_why, .timeout = 30)
{
	char path[] = "/no/such/program", tmp[] = "/tmp";
	char *missing[] = { path, NULL }, *folder[] = { tmp, NULL };
	struct ps_err err = { 0 };
	int pid = 0;

	cr_expect_eq(start_command(missing, &pid, &err), PS_IO);
	cr_expect(strstr(err.msg, "/no/such/program: No such file"), "%s", err.msg);
	cr_expect(err.hint[0]);
	cr_expect_eq(start_command(folder, &pid, &err), PS_IO);
	cr_expect(strstr(err.msg, "Permission denied"), "%s", err.msg);
	cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1, "nothing is left of them");
}

/* Where SIGCHLD is ignored, the kernel keeps no status. */
Test(start, has_the_exit_code_also_where_ends_are_ignored, .timeout = 30)
{
	signal(SIGCHLD, SIG_IGN);
	cr_expect_eq(run("exit 5"), 5);
}

/* We ignore SIGPIPE for ourselves; a program that is run by us does not know that. */
Test(start, the_command_does_not_inherit_what_we_ignore, .timeout = 30)
{
	stop_signal_catch();
	cr_expect_eq(run("kill -PIPE $$"), 128 + SIGPIPE);
}

/* --- signals --- */

/* Sends them to this process one after the other, the last again and again. */
static int send_to_us(const int *signals, int n)
{
	int us = getpid(), pid = fork();
	const struct timespec pause = { 0, 100000000 };

	if (pid)
		return pid;
	for (int i = 0; getppid() == us; i++) {
		nanosleep(&pause, NULL);
		kill(us, signals[i < n ? i : n - 1]);
	}
	_exit(0);
}

static void end(int pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void expect_passed_on(const int *signals, int n, int code)
{
	int pid, sender, ready[2];
	char byte, script[256];

	stop_signal_catch();
	cr_assert_eq(pipe(ready), 0);
	snprintf(script, sizeof script,
		 "trap 'exit 7' TERM; trap 'exit 8' INT; trap 'exit 9' HUP;"
		 "echo >/proc/self/fd/%d; while :; do sleep 0.02; done",
		 ready[1]);
	pid = start_shell(script);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	sender = send_to_us(signals, n);
	cr_expect_eq(start_wait(pid), code);
	end(sender);
}

Test(start, a_signal_that_comes_while_we_wait_is_passed_on, .timeout = 30)
{
	expect_passed_on((int[]){ SIGTERM }, 1, 7);
}

Test(start, so_is_the_end_of_the_terminal, .timeout = 30)
{
	expect_passed_on((int[]){ SIGHUP }, 1, 9);
}

/* A first Ctrl-C came to the command from the terminal as well. */
Test(start, a_first_interrupt_is_not_doubled, .timeout = 30)
{
	expect_passed_on((int[]){ SIGINT, SIGTERM }, 2, 7);
}

Test(start, a_second_interrupt_is_passed_on, .timeout = 30)
{
	expect_passed_on((int[]){ SIGINT, SIGINT }, 2, 8);
}
