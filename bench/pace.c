/* SPDX-License-Identifier: MIT */
/* What is the least that it costs to look so often? Sleeps to the same deadlines as a recording,
 * and calls process_vm_readv for the bytes of one sample, or nothing: who samples by a sleep and
 * a read cannot take less. Says "ready" when it begins, and how often it has done so after an
 * interrupt.
 *
 *   bench_pace PID HZ read|sleep
 */
#include "bench/pieces.h"
#include "profiler/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE = 1000 }; /* samples, by which the sampler knows what it has to read */

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void plan(struct target *t, struct pieces *p)
{
	struct sampler s;
	struct profile *profile;
	struct ps_err err;

	if (profile_create((size_t)1 << 30, &profile) || sampler_open(t, profile, &s, &err))
		exit(1);
	for (int i = 0; i < SETTLE; i++) {
		if (sampler_tick(&s, clock_now(), 1) != PS_OK)
			exit(1);
	}
	if (!pieces_plan(p, &s, 1))
		exit(1);
	sampler_close(&s);
	profile_destroy(profile);
}

int main(int argc, char **argv)
{
	static struct pieces p;
	struct schedule when;
	struct target target;
	struct ps_err err;
	unsigned long looks = 0;
	bool reads = argc > 3 && strcmp(argv[3], "read") == 0;

	if (argc < 4 || atof(argv[2]) <= 0 || target_open(atoi(argv[1]), &target, &err)) {
		fprintf(stderr, "bench_pace PID HZ read|sleep\n");
		return 1;
	}
	plan(&target, &p);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = interrupt }, NULL);
	puts("ready");
	fflush(stdout);
	schedule_init(&when, clock_now(), (uint64_t)(1e9 / atof(argv[2])), (uint64_t)target.pid);
	while (!interrupted) {
		if (!clock_sleep_until(when.deadline))
			continue;
		(void)schedule_take(&when, clock_now());
		looks++;
		if (reads && process_vm_readv(target.pid, p.local, p.n, p.remote, p.n, 0) < 0)
			return 1;
	}
	printf("%lu\n", looks);
	return 0;
}
