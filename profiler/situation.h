/* SPDX-License-Identifier: MIT */
/* profiler/situation.h - how this process and another stand to each other: the facts by
 * which the kernel says whether one may look into the other, and what it says when asked.
 *
 * Facts only; what follows from them is in checks.h.
 */
#ifndef PROFILER_SITUATION_H
#define PROFILER_SITUATION_H

#include "profiler/error.h"
#include "profiler/proc.h"

enum answer { ANSWER_UNKNOWN, ANSWER_YES, ANSWER_NO };

enum relation {
	RELATION_UNKNOWN,
	RELATION_SAME,
	RELATION_INSIDE,  /* of a namespace: within ours */
	RELATION_OUTSIDE, /* around ours, or beside it */
	RELATION_OTHER,   /* not ours; whether inside or outside is not known */
};

enum { NOT_TRIED = -1, NO_YAMA = -1, SITUATION_TEXT_MAX = 128 };

struct situation {
	int pid;
	bool own_proc; /* /proc shows this process under the id that it has itself */
	bool seen;     /* /proc shows the target */
	bool exists;   /* seen, or the kernel knows it by that id nevertheless */
	bool descends; /* a child of this process, or a child's child, ... */
	struct proc_stat stat;
	struct proc_status self, target;
	enum relation user_ns, pid_ns, mount_ns;
	bool owns_user_ns; /* INSIDE, and this user made it (or the one around it) */
	enum answer dumpable;
	int yama_scope;
	char root[SITUATION_TEXT_MAX]; /* its root folder as we see it; empty: not known */

	/* Security modules; each empty or false where there is none. */
	char modules[SITUATION_TEXT_MAX];
	char profile[SITUATION_TEXT_MAX], own_profile[SITUATION_TEXT_MAX]; /* AppArmor's */
	bool selinux_denies;                                               /* deny_ptrace */

	/* What the kernel says when asked: 0, an errno, or NOT_TRIED. */
	int open_error;      /* the target's memory as a file, to read */
	int open_rw_error;   /* and to write */
	int read_error;      /* process_vm_readv() of the target; EFAULT is fine */
	int own_read_error;  /* and of ourselves: what forbids this is a filter of calls */
	int own_write_error; /* process_vm_writev(), the same */
	int ptrace_error;    /* ptrace() of nobody: ESRCH is fine */
};

/* What files tell. root is "" but in tests, which have a folder with its own proc and
 * sys. The attempts are NOT_TRIED. */
void situation_read(const char *root, int pid, struct situation *ret);
/* Asks the kernel, and completes what files did not tell. Changes nothing in the target. */
void situation_try(struct situation *s);

/* Does this process hold that capability where the target's user namespace counts it? */
bool situation_privileged(const struct situation *s, unsigned capability);

#endif
