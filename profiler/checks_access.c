/* SPDX-License-Identifier: MIT */
/* The rules are those of __ptrace_may_access() (kernel/ptrace.c), which reading another's
 * memory has to pass: first the users and groups, then whether it may be dumped, then the
 * security modules, of which the first is "capability" (cap_ptrace_access_check() in
 * security/commoncap.c) and another is Yama (security/yama/yama_lsm.c). Each is passed as
 * well by who holds CAP_SYS_PTRACE in the target's user namespace, but for a ptrace_scope
 * of 3 and the other modules. Kernel lockdown is not among them: it guards the kernel's
 * memory, not that of processes. */
#include "profiler/checks_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define HINT_SUDO "run as root: sudo pysample ..."
#define HINT_CONTAINER                                                            \
	"start the container with --cap-add=SYS_PTRACE "                          \
	"(Kubernetes: securityContext.capabilities.add), or run pysample on the " \
	"host"
#define HINT_SECCOMP                                                              \
	"in Docker: --security-opt seccomp=unconfined, or a profile that allows " \
	"process_vm_readv, process_vm_writev and ptrace"

static bool privileged(const struct situation *s)
{
	return situation_privileged(s, CAP_SYS_PTRACE);
}

static bool is_root(const struct situation *s)
{
	return s->self.uid[1] == 0;
}

static bool denies(int error)
{
	return error == EACCES || error == EPERM;
}

/* What helps who lacks the capability: a container's root may be given it, others are to
 * become root. */
static void hint_capability(const struct situation *s, struct ps_err *say)
{
	ps_hint(say, "%s", is_root(s) ? HINT_CONTAINER : HINT_SUDO);
}

enum verdict check_own_proc(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	if (s->own_proc)
		return check_say(say, VERDICT_GOOD, "it is that of pysample's pid namespace");
	check_say(say, VERDICT_BAD,
		  "/proc is not that of pysample's own pid namespace, so process ids mean others");
	ps_hint(say, "mount it anew: sudo unshare --mount sh -c 'mount -t proc proc /proc && "
		     "pysample ...'");
	return VERDICT_BAD;
}

enum verdict check_seen(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	if (s->seen)
		return check_say(say, VERDICT_GOOD, "/proc shows it");
	if (!s->exists)
		return check_say(say, VERDICT_UNSURE, "there is no such process");
	check_say(say, VERDICT_BAD,
		  "/proc hides it: it is mounted with hidepid, which shows others' processes to "
		  "root");
	ps_hint(say, HINT_SUDO);
	return VERDICT_BAD;
}

enum verdict check_alive(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	static const struct {
		char state;
		const char *text;
	} states[] = { { 'R', "running" },
		       { 'S', "sleeping" },
		       { 'D', "in uninterruptible sleep" },
		       { 'T', "stopped by a signal" },
		       { 't', "stopped by a tracer" },
		       { 'I', "idle" } };
	const char *doing = "ended, but for other threads";

	if (!s->exists)
		return check_say(say, VERDICT_BAD, "there is no process %d", s->pid);
	if (!s->seen)
		return check_say(say, VERDICT_UNSURE, "it lives, more is not to be seen");
	if (s->stat.kernel)
		return check_say(say, VERDICT_BAD,
				 "it is a thread of the kernel and has no program");
	/* Two: the main thread, which waits for the other, is counted. */
	if ((s->stat.state == 'Z' && s->target.threads <= 1) || s->stat.state == 'X')
		return check_say(say, VERDICT_BAD, "process %d has ended (a zombie is left)",
				 s->pid);
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		if (states[i].state == s->stat.state)
			doing = states[i].text;
	}
	return check_say(say, s->stat.state == 'Z' ? VERDICT_NOTE : VERDICT_GOOD,
			 "%" PRIu32 " thread%s, the main one %s", s->target.threads,
			 s->target.threads == 1 ? "" : "s", doing);
}

/* The caller's real id must be the target's real, effective and saved one. */
static bool same_user(const struct situation *s)
{
	const uint32_t *u = s->target.uid;

	return s->self.uid[0] == u[0] && s->self.uid[0] == u[1] && s->self.uid[0] == u[2];
}

static bool same_group(const struct situation *s)
{
	const uint32_t *g = s->target.gid;

	return s->self.gid[0] == g[0] && s->self.gid[0] == g[1] && s->self.gid[0] == g[2];
}

enum verdict check_user(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	const char *lacks =
		is_root(s) ? ", and this root has no CAP_SYS_PTRACE (as in a container)" : "";
	const uint32_t *u = s->target.uid;

	if (!s->seen)
		return check_say(say, VERDICT_UNSURE, "its user is not to be seen");
	if (same_user(s) && same_group(s))
		return check_say(say, VERDICT_GOOD, "it runs as user %u, as pysample does", u[1]);
	if (s->user_ns == RELATION_OUTSIDE)
		return check_say(say, VERDICT_UNSURE, "users of another namespace do not compare");
	if (privileged(s))
		return check_say(
			say, VERDICT_GOOD,
			"it runs as user %u; CAP_SYS_PTRACE is held, for which users do not "
			"matter",
			u[1]);
	hint_capability(s, say);
	if (s->self.uid[0] != u[1])
		check_say(say, VERDICT_BAD, "it runs as user %u, you are user %u%s", u[1],
			  s->self.uid[0], lacks);
	else if (!same_user(s))
		check_say(say, VERDICT_BAD,
			  "its real, effective and saved user are %u, %u and %u; all have to be "
			  "yours, %u%s",
			  u[0], u[1], u[2], s->self.uid[0], lacks);
	else
		check_say(say, VERDICT_BAD,
			  "its real, effective and saved group are %u, %u and %u; all have to be "
			  "yours, %u%s",
			  s->target.gid[0], s->target.gid[1], s->target.gid[2], s->self.gid[0],
			  lacks);
	if (!is_root(s) && s->self.uid[0] != u[1])
		ps_hint(say, "run it as that user or as root: sudo pysample ...");
	return VERDICT_BAD;
}

enum verdict check_user_namespace(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	switch (s->user_ns) {
	case RELATION_SAME:
		return check_say(say, VERDICT_GOOD, "the same as pysample's");
	case RELATION_UNKNOWN:
		return check_say(say, VERDICT_UNSURE, "whether it is pysample's cannot be told");
	default:
		break;
	}
	if (privileged(s))
		return check_say(say, VERDICT_GOOD, "one inside pysample's, where %s counts",
				 s->owns_user_ns ? "being who made it" : "CAP_SYS_PTRACE");
	if (s->user_ns == RELATION_OUTSIDE) {
		check_say(say, VERDICT_BAD,
			  "it is in another user namespace, in which the capabilities of "
			  "pysample's do "
			  "not count");
		ps_hint(say,
			"run pysample as root of the host, or inside that namespace: "
			"sudo nsenter -t %d -U -p -m pysample ...",
			s->pid);
		return VERDICT_BAD;
	}
	check_say(say, VERDICT_BAD, "it is in another user namespace");
	hint_capability(s, say);
	return VERDICT_BAD;
}

enum verdict check_dumpable(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	if (s->dumpable == ANSWER_YES)
		return check_say(say, VERDICT_GOOD, "yes");
	if (privileged(s))
		return check_say(say, VERDICT_GOOD,
				 "%s; CAP_SYS_PTRACE is held, for which it does not "
				 "matter",
				 s->dumpable == ANSWER_NO ? "no" : "not to be told from outside");
	if (s->dumpable == ANSWER_UNKNOWN)
		return check_say(say, VERDICT_UNSURE, "cannot be told from outside");
	check_say(say, VERDICT_BAD,
		  "it is not dumpable (it changed its user, has file capabilities, its program may "
		  "not "
		  "be read, or it asked for it with prctl)");
	hint_capability(s, say);
	return VERDICT_BAD;
}

enum verdict check_capabilities(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	uint64_t more = s->target.cap_permitted & ~s->self.cap_permitted;

	if (!s->seen)
		return check_say(say, VERDICT_UNSURE, "its capabilities are not to be seen");
	if (privileged(s))
		return check_say(say, VERDICT_GOOD, "pysample holds CAP_SYS_PTRACE%s",
				 s->self.cap_effective >> CAP_SYS_PTRACE & 1 ? ""
									     : " in its namespace");
	if (!more)
		return check_say(say, VERDICT_GOOD, "it holds none that pysample lacks");
	check_say(say, VERDICT_BAD,
		  "it holds capabilities that pysample lacks (mask %" PRIx64
		  ", see capsh --decode)",
		  more);
	hint_capability(s, say);
	return VERDICT_BAD;
}

enum verdict check_yama(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	int scope = s->yama_scope;

	if (scope == NO_YAMA)
		return check_say(say, VERDICT_GOOD, "this kernel has no kernel.yama.ptrace_scope");
	if (scope == 0)
		return check_say(say, VERDICT_GOOD, "0: it restricts nobody");
	if (scope >= 3) {
		check_say(say, VERDICT_BAD,
			  "kernel.yama.ptrace_scope is %d, which forbids it to everyone", scope);
		ps_hint(say, "reboot with kernel.yama.ptrace_scope=2 or lower; at 3 it cannot be "
			     "changed");
		return VERDICT_BAD;
	}
	if (privileged(s))
		return check_say(say, VERDICT_GOOD,
				 "%d; CAP_SYS_PTRACE is held, for which it does not "
				 "matter",
				 scope);
	if (scope == 1 && s->descends)
		return check_say(say, VERDICT_GOOD,
				 "1, which allows it for descendants, as this is");
	check_say(say, VERDICT_BAD, "kernel.yama.ptrace_scope is %d, which allows %s", scope,
		  scope == 1 ? "it only for one's own children" : "it only for root");
	if (is_root(s))
		ps_hint(say, HINT_CONTAINER);
	else
		ps_hint(say, "%s",
			scope == 1 ? HINT_SUDO
				"; or start the program with pysample record -- CMD; "
				"or allow it: sudo sysctl kernel.yama.ptrace_scope=0"
				   : HINT_SUDO);
	return VERDICT_BAD;
}

static bool confined(const char *profile)
{
	return *profile && strcmp(profile, "unconfined") != 0;
}

/* None of them says why it refuses; what is left over when nothing else does is theirs. */
enum verdict check_modules(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	if (!denies(s->open_error))
		return check_say(say, VERDICT_GOOD, "none refuses (%s)",
				 *s->modules ? s->modules : "which there are is not to be seen");
	if (checks_explain(d))
		return check_say(say, VERDICT_UNSURE, "not asked: the kernel has refused before");
	if (s->selinux_denies) {
		check_say(say, VERDICT_BAD, "SELinux forbids it to everyone (deny_ptrace is on)");
		ps_hint(say, "sudo setsebool deny_ptrace off");
		return VERDICT_BAD;
	}
	if (confined(s->own_profile) || confined(s->profile)) {
		check_say(say, VERDICT_BAD,
			  "a security module refuses it; pysample runs under AppArmor's profile "
			  "\"%s\", "
			  "it under \"%s\"",
			  s->own_profile, s->profile);
		ps_hint(say, "run pysample unconfined, or under the same profile; in Docker: "
			     "--security-opt apparmor=unconfined");
		return VERDICT_BAD;
	}
	check_say(say, VERDICT_BAD,
		  "a security module refuses it (SELinux, AppArmor, Landlock or the like%s%s)",
		  *s->modules ? "; there are " : "", s->modules);
	ps_hint(say, "look at the kernel's log (dmesg, journalctl -k); %s",
		is_root(s) ? "a sandbox around pysample may forbid it as well" : HINT_SUDO);
	return VERDICT_BAD;
}

enum verdict check_memory(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	if (s->open_error == NOT_TRIED)
		return check_say(say, VERDICT_UNSURE, "not tried");
	if (s->open_error) {
		check_say(say, VERDICT_BAD, "opening its memory fails: %s",
			  strerror(s->open_error));
		ps_hint(say, "see the first line above that says no");
		return VERDICT_BAD;
	}
	if (s->stat.state == 'Z')
		return check_say(say, VERDICT_GOOD, "it can be read through its other threads");
	if (s->own_read_error) {
		check_say(say, VERDICT_NOTE,
			  "it can be read as a file only, which is slower: process_vm_readv fails "
			  "for "
			  "pysample itself (%s), as under a seccomp filter",
			  strerror(s->own_read_error));
		ps_hint(say, HINT_SECCOMP);
		return VERDICT_NOTE;
	}
	if (s->read_error && s->read_error != EFAULT)
		return check_say(say, VERDICT_NOTE,
				 "it can be read as a file only, which is slower: process_vm_readv "
				 "fails (%s)",
				 strerror(s->read_error));
	return check_say(say, VERDICT_GOOD, "it can be read, by process_vm_readv");
}

enum verdict check_pid_namespace(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	switch (s->pid_ns) {
	case RELATION_SAME:
		return check_say(say, VERDICT_GOOD, "the same as pysample's");
	case RELATION_INSIDE:
		return check_say(
			say, VERDICT_GOOD,
			"one inside pysample's, where it is process %d; ids of threads are "
			"translated",
			s->target.inner_tid);
	default:
		return check_say(say, VERDICT_UNSURE, "whether it is pysample's cannot be told");
	}
}

enum verdict check_mount_namespace(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	const char *ns = s->mount_ns == RELATION_SAME    ? "the same as pysample's"
			 : s->mount_ns == RELATION_OTHER ? "another than pysample's"
							 : NULL;

	if (!ns)
		return check_say(say, VERDICT_UNSURE, "whether it is pysample's cannot be told");
	if (*s->root && strcmp(s->root, "/") != 0)
		return check_say(say, VERDICT_GOOD, "%s; its root folder is %s", ns, s->root);
	if (s->mount_ns == RELATION_OTHER)
		return check_say(say, VERDICT_GOOD, "%s; files are opened as the target has them",
				 ns);
	return check_say(say, VERDICT_GOOD, "%s", ns);
}

enum verdict check_seccomp(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	static const char *const modes[] = { "none", "strict", "a filter" };
	int theirs = s->target.seccomp, ours = s->self.seccomp;

	return check_say(say, VERDICT_GOOD,
			 "pysample: %s, it: %s; its own does not matter, for nothing is run in it",
			 ours >= 0 && ours < 3 ? modes[ours] : "?",
			 theirs >= 0 && theirs < 3 ? modes[theirs] : "?");
}

enum verdict check_tracer(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	if (!s->seen || !s->target.tracer)
		return check_say(say, s->seen ? VERDICT_GOOD : VERDICT_UNSURE, "no other");
	check_say(say, VERDICT_BAD, "process %d traces it (a debugger, strace)", s->target.tracer);
	ps_hint(say, "end that one first; reading without --blocking works beside it");
	return VERDICT_BAD;
}

enum verdict check_ptrace(const struct diagnosis *d, struct ps_err *say)
{
	const struct situation *s = &d->situation;
	if (s->ptrace_error == NOT_TRIED)
		return check_say(say, VERDICT_UNSURE, "not tried");
	if (s->ptrace_error == ESRCH)
		return check_say(say, VERDICT_GOOD, "pysample may call ptrace");
	check_say(say, VERDICT_BAD, "pysample may not call ptrace (%s), as under a seccomp filter",
		  strerror(s->ptrace_error));
	ps_hint(say, HINT_SECCOMP);
	return VERDICT_BAD;
}
