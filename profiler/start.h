/* SPDX-License-Identifier: MIT */
/* profiler/start.h - a command that is started to be sampled.
 *
 * It has this process's terminal, files, environment and process group, so that it gets
 * the terminal's signals as it would without us. It is never killed from here.
 */
#ifndef PROFILER_START_H
#define PROFILER_START_H

#include "profiler/error.h"

#include <stdbool.h>

/* Returns once the program is running (exec has succeeded). PS_IO: it cannot be run. */
enum ps_status start_command(char **argv, int *ret_pid, struct ps_err *err) PS_MUST_USE;
/* Whether it has not ended yet. */
bool start_is_running(int pid);
/* Waits for its end and turns its wait status into an exit code, as a shell does. */
int start_wait(int pid);
int start_exit_code(int wait_status);

#endif
