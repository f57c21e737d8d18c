/* SPDX-License-Identifier: MIT */
/* How close to the limit is a sample? Takes samples of all threads as fast as it goes, and
 * in turns with that calls process_vm_readv alone for the same bytes: once for each look,
 * and once for eight of them.
 *
 *   bench_raw PID ROUNDS SECONDS      prints: samples/s, bare reads/s, bare reads/s by eights
 */
#include "bench/pieces.h"
#include "profiler/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { EIGHT = 8 };

static double sample_for(struct sampler *s, uint64_t ns)
{
	uint64_t began = clock_now(), now = began, before = s->counts.ticks;

	while (now - began < ns) {
		if (sampler_burst(s, now, 1) != PS_OK)
			exit(1);
		now = clock_now();
	}
	return (double)(s->counts.ticks - before) * 1e9 / (double)(now - began);
}

static double read_for(struct sampler *s, uint64_t ns, unsigned times)
{
	static struct pieces p;
	uint64_t began = clock_now(), now = began, n = 0;

	times = pieces_plan(&p, s, times);
	if (!times)
		exit(1);
	for (; now - began < ns; n += times) {
		if (process_vm_readv(s->target->pid, p.local, p.n, p.remote, p.n, 0) < 0)
			exit(1);
		now = clock_now();
	}
	return (double)n * 1e9 / (double)(now - began);
}

int main(int argc, char **argv)
{
	struct target target;
	struct sampler s;
	struct profile *profile;
	struct ps_err err;
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	uint64_t ns = (uint64_t)((argc > 3 ? atof(argv[3]) : 1) * 1e9);

	if (argc < 2 || profile_create((size_t)1 << 30, &profile) ||
	    target_open(atoi(argv[1]), &target, &err) || sampler_open(&target, profile, &s, &err)) {
		fprintf(stderr, "cannot attach\n");
		return 1;
	}
	sampler_keep_still(&s);
	sample_for(&s, ns / 4);
	for (int i = 0; i < rounds; i++) {
		double samples = sample_for(&s, ns), reads = read_for(&s, ns, 1);

		printf("%.0f %.0f %.0f\n", samples, reads, read_for(&s, ns, EIGHT));
	}
	sampler_close(&s);
	target_close(&target);
	profile_destroy(profile);
	return 0;
}
