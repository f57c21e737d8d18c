/* SPDX-License-Identifier: MIT */
#include "profiler/start.h"

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

int start_wait(int pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 0;
	}
	return start_exit_code(status);
}
