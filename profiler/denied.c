/* SPDX-License-Identifier: MIT */
#include "profiler/denied.h"

#include "profiler/proc.h"
#include "profiler/scope.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

static bool self_has(const struct proc_status *self, unsigned capability)
{
	return self->cap_effective >> capability & 1;
}

static int read_yama_scope(void)
{
	SCOPE_CLOSE int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	char digit = '0';

	if (fd < 0 || read(fd, &digit, 1) != 1)
		return 0;
	return digit - '0';
}

static bool same_user_namespace(int pid)
{
	char path[64];
	struct stat ours, theirs;

	snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
	/* Where even this is refused, nothing says that they differ. */
	if (stat("/proc/self/ns/user", &ours) || stat(path, &theirs))
		return true;
	return ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static bool ids_match(const struct proc_status *self, const struct proc_status *target)
{
	/* The caller's real id must be the target's real, effective and saved one. */
	return self->uid[0] == target->uid[0] && self->uid[0] == target->uid[1] &&
	       self->uid[0] == target->uid[2];
}

/* A process that cannot be dumped has its /proc files given to root. */
static bool is_dumpable(int pid, const struct proc_status *target)
{
	char path[64];
	struct stat s;

	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	return stat(path, &s) != 0 || s.st_uid == target->uid[1];
}

static enum ps_status explain_for_root(int pid, const struct proc_status *self, struct ps_err *err)
{
	if (read_yama_scope() == 3) {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: "
			"kernel.yama.ptrace_scope is 3, which forbids it to everyone",
			pid);
		ps_hint(err, "reboot with kernel.yama.ptrace_scope=2 or lower; at 3 it cannot be "
			     "changed");
	} else if (!self_has(self, CAP_SYS_PTRACE)) {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: "
			"this root has no CAP_SYS_PTRACE (as in a container)",
			pid);
		ps_hint(err, "start the container with --cap-add=SYS_PTRACE "
			     "(Kubernetes: securityContext.capabilities.add), or run pysample on "
			     "the host");
	} else if (!same_user_namespace(pid)) {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: "
			"it is in another user namespace",
			pid);
		ps_hint(err,
			"run pysample as root of the host, or inside that namespace: "
			"sudo nsenter -t %d -U -p -m pysample ...",
			pid);
	} else {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: a security module or "
			"seccomp profile refuses it%s",
			pid, self->seccomp ? " (this process runs under seccomp)" : "");
		ps_hint(err, "look at the kernel's log (dmesg), SELinux or AppArmor; in Docker: "
			     "--security-opt seccomp=unconfined");
	}
	return PS_DENIED;
}

enum ps_status denied_explain(int pid, struct ps_err *err)
{
	struct proc_status self = { 0 }, target = { 0 };
	int scope = read_yama_scope();

	if (!err)
		return PS_DENIED;
	if (proc_read_status(getpid(), getpid(), &self) != PS_OK ||
	    proc_read_status(pid, pid, &target) != PS_OK)
		return ps_fail(err, PS_DENIED, "not permitted to read process %d", pid);
	if (self.uid[1] == 0 || self_has(&self, CAP_SYS_PTRACE))
		return explain_for_root(pid, &self, err);
	if (!ids_match(&self, &target)) {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: it runs as user %u, "
			"you are user %u",
			pid, target.uid[1], self.uid[1]);
		ps_hint(err, "run it as that user or as root: sudo pysample ...");
	} else if (!same_user_namespace(pid)) {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: "
			"it is in another user namespace",
			pid);
		ps_hint(err, "run as root: sudo pysample ...");
	} else if (!is_dumpable(pid, &target)) {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: it is not dumpable "
			"(it changed its user, has file capabilities, or asked for it with prctl)",
			pid);
		ps_hint(err, "run as root: sudo pysample ...");
	} else if (scope >= 1) {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: "
			"kernel.yama.ptrace_scope is %d, which allows %s",
			pid, scope,
			scope == 1 ? "it only for one's own children" : "it only for root");
		ps_hint(err, scope == 1
				     ? "run as root: sudo pysample ...; or start the program with "
				       "pysample record -- CMD; or allow it: sudo sysctl "
				       "kernel.yama.ptrace_scope=0"
				     : "run as root: sudo pysample ...");
	} else {
		ps_fail(err, PS_DENIED,
			"not permitted to read process %d: a security module or "
			"seccomp profile refuses it%s",
			pid, self.seccomp ? " (this process runs under seccomp)" : "");
		ps_hint(err, "run as root: sudo pysample ...");
	}
	return PS_DENIED;
}
