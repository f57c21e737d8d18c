/* SPDX-License-Identifier: MIT */
#include "profiler/stop_signal.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t seen, count, requests;

static void note(int signal)
{
	seen = signal;
	count = count + 1;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

void stop_signal_catch(void)
{
	struct sigaction act = { .sa_handler = note }, old;

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
	}
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
}

void stop_signal_let_go(void)
{
	struct sigaction act = { .sa_handler = SIG_DFL }, old;

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == note)
			sigaction(signals[i], &act, NULL);
	}
}

int stop_signal_seen(void)
{
	return seen;
}

int stop_signal_count(void)
{
	return count;
}

static void note_request(int signal)
{
	(void)signal;
	requests = requests + 1;
}

void stop_signal_count_requests(void)
{
	struct sigaction act = { .sa_handler = note_request, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &act, NULL);
}

unsigned stop_signal_requests(void)
{
	return (unsigned)requests;
}
