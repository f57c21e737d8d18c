/* SPDX-License-Identifier: MIT */
/* How close to the limit is a sample? Takes samples of all threads as fast as it goes, and
 * in turns with that calls process_vm_readv alone for the same bytes, which no sampler can
 * beat.
 *
 *   bench_raw PID ROUNDS SECONDS      prints: samples/s, bare reads/s, their ratio
 */
#include "profiler/clock.h"
#include "profiler/sampler.h"

#include <stdio.h>
#include <stdlib.h>

static double sample_for(struct sampler *s, uint64_t ns)
{
	uint64_t began = clock_now(), now = began, n = 0;

	for (; now - began < ns; n++) {
		if (sampler_tick(s, now, 1) != PS_OK)
			exit(1);
		now = clock_now();
	}
	return (double)n * 1e9 / (double)(now - began);
}

enum { PIECES_MAX = 1024 }; /* of one call: IOV_MAX */

/* The pieces of one sample of all threads, as they were predicted for it. */
static unsigned pieces_of(const struct sampler *s, struct iovec *remote)
{
	const struct layout *l = &s->site.layout;
	uint32_t head = l->at[F_INTERP_THREADS_HEAD], generation = l->at[F_INTERP_GENERATION];
	uint32_t len = layout_has(l, F_INTERP_GENERATION) ? generation - head + 8 : 8;
	unsigned n = 0;

	remote[n++] = (struct iovec){ (void *)(uintptr_t)(s->interpreters[0].at + head), len };
	for (uint32_t k = 0; k < s->nthreads; k++) {
		const struct thread *t = &s->threads[k];

		if (n + 1 + t->nchunks > PIECES_MAX)
			break;
		remote[n++] = (struct iovec){ (void *)(uintptr_t)t->at, l->span[S_THREAD] };
		for (uint32_t i = 0; i < t->nchunks; i++)
			remote[n++] = (struct iovec){ (void *)(uintptr_t)t->chunks[i].at,
						      t->chunks[i].window };
	}
	return n;
}

static double read_for(struct sampler *s, uint64_t ns)
{
	static unsigned char buffer[16 << 20];
	static struct iovec local[PIECES_MAX], remote[PIECES_MAX];
	unsigned pieces = pieces_of(s, remote);
	uint64_t began = clock_now(), now = began, n = 0;
	size_t used = 0;

	for (unsigned i = 0; i < pieces && used + remote[i].iov_len <= sizeof buffer; i++) {
		local[i] = (struct iovec){ buffer + used, remote[i].iov_len };
		used += remote[i].iov_len;
	}
	for (; now - began < ns; n++) {
		if (process_vm_readv(s->target->pid, local, pieces, remote, pieces, 0) < 0)
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
		double samples = sample_for(&s, ns), reads = read_for(&s, ns);

		printf("%.0f %.0f %.3f\n", samples, reads, samples / reads);
	}
	sampler_close(&s);
	target_close(&target);
	profile_destroy(profile);
	return 0;
}
