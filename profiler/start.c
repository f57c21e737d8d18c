/* SPDX-License-Identifier: MIT */
#include "profiler/start.h"

#include "profiler/stop_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_BY_SIGNAL = 128 };

static void run_child(char **argv, int report)
{
	int why;

	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	why = errno;
	(void)!write(report, &why, sizeof why);
	_exit(127);
}

enum ps_status start_command(char **argv, int *ret_pid, struct ps_err *err)
{
	int report[2], why = 0;
	pid_t pid;
	ssize_t n;

	signal(SIGCHLD, SIG_DFL); /* if ours ignores it, there is no status to wait for */
	if (pipe2(report, O_CLOEXEC))
		return ps_fail(err, PS_IO, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		why = errno;
		close(report[0]);
		close(report[1]);
		return ps_fail(err, PS_IO, "fork: %s", strerror(why));
	}
	if (pid == 0)
		run_child(argv, report[1]);
	close(report[1]);
	/* Closed by exec, or told why there was none. */
	while ((n = read(report[0], &why, sizeof why)) < 0 && errno == EINTR)
		;
	close(report[0]);
	if (n > 0) {
		waitpid(pid, NULL, 0);
		ps_fail(err, PS_IO, "cannot run %s: %s", argv[0], strerror(why));
		if (why == ENOENT)
			ps_hint(err, "give its path, or check PATH (sudo has one of its own)");
		return PS_IO;
	}
	*ret_pid = pid;
	return PS_OK;
}

int start_exit_code(int wait_status)
{
	return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
				      : EXIT_BY_SIGNAL + WTERMSIG(wait_status);
}

/* What comes to us while we only wait for it was meant for it. A first Ctrl-C came to it
 * from the terminal as well, and is not doubled. */
static void pass_on_signal(int pid, int *passed)
{
	int count = stop_signal_count(), signal = stop_signal_seen();

	if (count != *passed && (signal != SIGINT || count > 1))
		kill(pid, signal);
	*passed = count;
}

bool start_is_running(int pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

int start_wait(int pid)
{
	int status = 0, passed = stop_signal_count();

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 0;
		pass_on_signal(pid, &passed);
	}
	return start_exit_code(status);
}
