/* SPDX-License-Identifier: MIT */
/* profiler/stop_signal.h - the signals that end a recording.
 *
 * And SIGUSR1, which asks for a heap dump. The one mutable thing of the whole program: a signal
 * handler can reach nothing else. */
#ifndef PROFILER_STOP_SIGNAL_H
#define PROFILER_STOP_SIGNAL_H

/* Catches SIGINT, SIGTERM and SIGHUP from now on; ignores SIGPIPE, so that a closed
 * output is an error and not our end. What is ignored already (nohup) stays so. */
void stop_signal_catch(void);
/* From now on they end us, as if they had never been caught. */
void stop_signal_let_go(void);
/* The last one that came, 0 if none did. */
int stop_signal_seen(void);
/* From now on SIGUSR1 is counted as well, and ends nothing. */
void stop_signal_count_requests(void);
unsigned stop_signal_requests(void);
/* How many came. */
int stop_signal_count(void);

#endif
