/* SPDX-License-Identifier: MIT */
/* profiler/checks.h - what may stand between pysample and a process, one thing a row.
 *
 * One table serves all: `doctor` shows every row, `ls` the first that forbids in a word or
 * two, and every verb that the kernel refuses says that row's text and remedy.
 *
 * To add a check: what it looks at into situation.h or inside.h, its row into checks.c, in the
 * place where the kernel has it, a test of each answer into tests/unit/test_checks.c.
 */
#ifndef PROFILER_CHECKS_H
#define PROFILER_CHECKS_H

#include "profiler/inside.h"

enum verdict {
	VERDICT_GOOD,
	VERDICT_NOTE,   /* good, but there is something to know */
	VERDICT_UNSURE, /* this cannot be told from here */
	VERDICT_BAD,
};

/* What a check is about; later ones need the earlier ones. */
enum stage {
	STAGE_LOOK,   /* to read its memory */
	STAGE_SAMPLE, /* to understand what is in it */
	STAGE_STOP,   /* to stop it */
	STAGE_EXEC,   /* to run code in it */
};

/* All that is known of one process. */
struct diagnosis {
	struct situation situation;
	struct inside inside;
};

struct check {
	const char *name;  /* as doctor shows it */
	const char *brief; /* as ls does where it is bad */
	enum stage stage;
	enum ps_status status; /* with what a verb fails where it is bad */
	bool rule; /* of the kernel's: where the kernel lets us nevertheless, it is not bad */
	/* Says what is so, and what helps. The message is a clause that may follow a colon. */
	enum verdict (*test)(const struct diagnosis *d, struct ps_err *say);
};

extern const struct check checks[];
extern const unsigned nchecks;

/* Runs one. say->msg is never empty then; say->hint is where it is bad or to be noted. */
enum verdict check_run(const struct check *c, const struct diagnosis *d, struct ps_err *say);
/* The first of that stage that is bad; NULL: none is. */
const struct check *checks_first_bad(const struct diagnosis *d, enum stage stage,
				     struct ps_err *say);

#endif
