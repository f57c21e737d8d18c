/* SPDX-License-Identifier: MIT */
/* tests/support/subject.h - a process of the test's own, to be stopped and looked at.
 *
 * It ends with the test, whatever becomes of it. Functions abort when something fails. */
#ifndef TESTS_SUPPORT_SUBJECT_H
#define TESTS_SUPPORT_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

/* What the test and its subject both see. */
struct shared {
	uint64_t work;    /* grows while the subject runs */
	uint32_t ready;   /* threads of it, or steps, that have come so far */
	uint32_t go;      /* set by the test */
	uint32_t signals; /* that it has handled */
};

struct subject {
	int pid;
	struct shared *shared;
};

void subject_start(struct subject *s, void (*run)(struct shared *shared));
/* Kills and reaps it; also if it has been reaped. */
void subject_end(struct subject *s);

/* Until *at is at least that: for both sides. */
void subject_await(const uint32_t *at, uint32_t least);
/* Until the state letter of that thread in /proc is one of these. */
void subject_await_state(int pid, int tid, const char *letters);
bool subject_runs(const struct subject *s); /* its work grows, sooner or later */

/* For the subject: threads that work for ever, or until go. */
void subject_work(struct shared *shared);
void subject_start_thread(void *(*run)(void *), struct shared *shared);
void *subject_worker(void *shared);

#endif
