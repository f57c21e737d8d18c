/* SPDX-License-Identifier: MIT */
#include "profiler/checks.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PTRACE (1ull << CAP_SYS_PTRACE)

/* Two processes of one ordinary user, of which one may look into the other. */
static struct diagnosis peers(void)
{
	struct proc_status status = { .tgid = 10,
				      .pid_depth = 1,
				      .uid = { 1000, 1000, 1000, 1000 },
				      .gid = { 100, 100, 100, 100 },
				      .threads = 3 };

	return (struct diagnosis){ .situation = { .pid = 77,
						  .own_proc = true,
						  .seen = true,
						  .exists = true,
						  .stat = { .state = 'S' },
						  .self = status,
						  .target = status,
						  .user_ns = RELATION_SAME,
						  .pid_ns = RELATION_SAME,
						  .mount_ns = RELATION_SAME,
						  .dumpable = ANSWER_YES,
						  .yama_scope = NO_YAMA,
						  .root = "/",
						  .read_error = EFAULT,
						  .ptrace_error = ESRCH },
				   .inside = { .looked = true,
					       .site = { .runtime = 0x1000, .found_by = "section" },
					       .identity = { .kind = PYTHON_CPYTHON,
							     .version = 0x030f02f0,
							     .parts = 3 },
					       .remote_debug = ANSWER_YES } };
}

static struct diagnosis refused(void)
{
	struct diagnosis d = peers();

	d.situation.open_error = EACCES;
	return d;
}

static void be_root(struct situation *s, uint64_t capabilities)
{
	s->self = (struct proc_status){ .cap_effective = capabilities,
					.cap_permitted = capabilities };
}

/* That this one check is the first to forbid it, with these words and this help. */
static void expect(const struct diagnosis *d, const char *name, const char *says, const char *helps)
{
	struct ps_err say;
	const struct check *c = checks_first_bad(d, STAGE_LOOK, &say);

	cr_assert(c, "nothing forbids it, %s should", name);
	cr_expect_str_eq(c->name, name, "%s: %s", c->name, say.msg);
	cr_expect(strstr(say.msg, says), "%s: '%s' lacks '%s'", name, say.msg, says);
	cr_expect(strstr(say.hint, helps), "%s: '%s' lacks '%s'", name, say.hint, helps);
	cr_expect(c->brief[0]);
}

static const struct check *named(const char *name)
{
	for (unsigned i = 0; i < nchecks; i++) {
		if (strcmp(checks[i].name, name) == 0)
			return &checks[i];
	}
	cr_assert_fail("there is no check %s", name);
	return NULL;
}

static enum verdict verdict_of(const struct diagnosis *d, const char *name, const char *says)
{
	struct ps_err say;
	enum verdict v = check_run(named(name), d, &say);

	cr_expect(strstr(say.msg, says), "%s: '%s' lacks '%s'", name, say.msg, says);
	return v;
}

Test(checks, nothing_is_in_the_way_of_peers)
{
	struct diagnosis d = peers();
	struct ps_err say;

	for (unsigned i = 0; i < nchecks; i++) {
		enum verdict v = check_run(&checks[i], &d, &say);

		cr_expect_eq(v, VERDICT_GOOD, "%s: %s", checks[i].name, say.msg);
		cr_expect(say.msg[0], "%s says something", checks[i].name);
		cr_expect_not(say.hint[0], "%s needs no help", checks[i].name);
	}
}

Test(checks, of_audit_hooks_before_3_14)
{
	struct diagnosis d = peers();

	d.inside.identity.version = 0x030b07f0;
	d.inside.hooks = ANSWER_NO;
	cr_expect_eq(verdict_of(&d, "audit hooks", "none"), VERDICT_GOOD);
	d.inside.hooks = ANSWER_UNKNOWN;
	cr_expect_eq(verdict_of(&d, "audit hooks", "cannot be read"), VERDICT_UNSURE);
	d.inside.hooks = ANSWER_YES;
	cr_expect_eq(verdict_of(&d, "audit hooks", "has some"), VERDICT_BAD);
	strcpy(d.inside.ring_why.msg, "its symbols were stripped");
	cr_expect_eq(verdict_of(&d, "way in", "stripped"), VERDICT_BAD);
}

Test(checks, every_answer_is_one_clause)
{
	/* Whatever is so: a message, no line breaks, no full stop. */
	for (unsigned seed = 0; seed < 4096; seed++) {
		struct diagnosis d = peers();
		struct situation *s = &d.situation;
		unsigned bit = 0;
		struct ps_err say;

#define CHANCE (seed >> bit++ & 1)
		s->open_error = CHANCE ? EACCES : 0;
		s->seen = CHANCE;
		s->user_ns = (enum relation)(seed % 5);
		s->pid_ns = s->mount_ns = s->user_ns;
		s->dumpable = (enum answer)(seed % 3);
		s->yama_scope = (int)(seed % 6) - 1;
		if (CHANCE)
			be_root(s, CHANCE ? PTRACE : 0);
		s->target.cap_permitted = CHANCE ? 1 : 0;
		s->own_read_error = CHANCE ? EPERM : 0;
		s->selinux_denies = CHANCE;
		s->own_proc = CHANCE || CHANCE;
		if (CHANCE)
			strcpy(s->own_profile, "docker-default (enforce)");
		s->own_write_error = s->own_read_error;
		s->open_rw_error = s->open_error;
		d.inside.looked = !s->open_error;
		d.inside.located = (enum ps_status)(seed % PS_NSTATUS);
		if (d.inside.located)
			strcpy(d.inside.why.msg, "something is so");
		d.inside.identity.kind = (enum python_kind)(seed % 3);
		d.inside.identity.version = (3u << 24) | (8 + seed % 10) << 16;
		d.inside.remote_debug = (enum answer)(seed / 3 % 3);
		d.inside.compiled_in = (enum answer)(seed / 9 % 3);
		d.inside.variable = (enum answer)(seed / 27 % 3);
		d.inside.identity.has_requests = seed % 5 == 0;
		for (unsigned i = 0; i < nchecks; i++) {
			enum verdict v = check_run(&checks[i], &d, &say);
			size_t len = strlen(say.msg);

			cr_expect(len > 0 && len < PS_MSG_MAX - 1, "%s", checks[i].name);
			cr_expect(!strchr(say.msg, '\n') && say.msg[len - 1] != '.', "%s", say.msg);
			cr_expect(v != VERDICT_BAD || say.hint[0] || checks[i].status == PS_GONE,
				  "%s: no help: %s", checks[i].name, say.msg);
		}
		if (s->open_error)
			cr_expect(checks_first_bad(&d, STAGE_LOOK, &say), "a refusal has a cause");
	}
}

Test(checks, another_user)
{
	struct diagnosis d = refused();

	d.situation.target.uid[1] = 0;
	expect(&d, "user", "runs as user 0, you are user 1000", "sudo");
	d = refused();
	d.situation.target.uid[2] = 5;
	expect(&d, "user", "real, effective and saved user are 1000, 1000 and 5", "sudo");
	d = refused();
	d.situation.target.gid[1] = 5;
	expect(&d, "user", "group", "sudo");
}

Test(checks, root_without_the_capability)
{
	struct diagnosis d = refused();

	be_root(&d.situation, ~PTRACE);
	expect(&d, "user", "CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE");
	d.situation.target = d.situation.self;
	d.situation.dumpable = ANSWER_NO;
	expect(&d, "dumpable", "not dumpable", "--cap-add=SYS_PTRACE");
	d.situation.dumpable = ANSWER_UNKNOWN;
	d.situation.target.cap_permitted = PTRACE;
	expect(&d, "capabilities", "mask 80000", "--cap-add=SYS_PTRACE");
	d.situation.target.cap_permitted = 0;
	d.situation.yama_scope = 1;
	expect(&d, "ptrace scope", "children", "--cap-add=SYS_PTRACE");
}

Test(checks, the_capability_overrides_all_but_modules)
{
	struct diagnosis d = refused();
	struct situation *s = &d.situation;

	s->target.uid[1] = 5;
	s->target.cap_permitted = ~0ull;
	s->dumpable = ANSWER_NO;
	s->yama_scope = 2;
	be_root(s, PTRACE);
	expect(&d, "security module", "a security module refuses it", "dmesg");
	s->user_ns = RELATION_INSIDE;
	expect(&d, "security module", "a security module refuses it", "dmesg");
	s->user_ns = RELATION_OUTSIDE;
	expect(&d, "user namespace", "another user namespace", "nsenter -t 77");
	s->user_ns = RELATION_SAME;
	s->yama_scope = 3;
	expect(&d, "ptrace scope", "ptrace_scope is 3, which forbids it to everyone", "reboot");
}

Test(checks, another_user_namespace)
{
	struct diagnosis d = refused();

	d.situation.user_ns = RELATION_OTHER;
	expect(&d, "user namespace", "another user namespace", "sudo");
	d.situation.user_ns = RELATION_INSIDE;
	expect(&d, "user namespace", "another user namespace", "sudo");
	d.situation.owns_user_ns = true;
	expect(&d, "security module", "refuses", "");
	cr_expect_eq(verdict_of(&d, "user namespace", "made it"), VERDICT_GOOD);
}

Test(checks, a_process_that_is_not_dumpable)
{
	struct diagnosis d = refused();

	d.situation.dumpable = ANSWER_NO;
	expect(&d, "dumpable", "not dumpable", "sudo");
	d.situation.dumpable = ANSWER_UNKNOWN;
	expect(&d, "security module", "", "");
	cr_expect_eq(verdict_of(&d, "dumpable", "cannot be told"), VERDICT_UNSURE);
}

Test(checks, yama)
{
	static const struct {
		int scope;
		bool descends;
		const char *says, *helps;
	} rows[] = { { 1, false, "only for one's own children", "pysample record --" },
		     { 2, false, "only for root", "sudo" },
		     { 2, true, "only for root", "sudo" },
		     { 3, true, "forbids it to everyone", "reboot" },
		     { 9, false, "forbids it to everyone", "reboot" } };
	struct diagnosis d = refused();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		d.situation.yama_scope = rows[i].scope;
		d.situation.descends = rows[i].descends;
		expect(&d, "ptrace scope", rows[i].says, rows[i].helps);
	}
	d.situation.yama_scope = 1;
	d.situation.descends = true;
	cr_expect_eq(verdict_of(&d, "ptrace scope", "descendants"), VERDICT_GOOD);
	d.situation.yama_scope = 0;
	cr_expect_eq(verdict_of(&d, "ptrace scope", "restricts nobody"), VERDICT_GOOD);
	/* It may have asked for it itself (PR_SET_PTRACER), which nothing shows. */
	d = peers();
	d.situation.yama_scope = 1;
	cr_expect_eq(verdict_of(&d, "ptrace scope", "only for one's own children"), VERDICT_NOTE);
}

Test(checks, security_modules_by_what_is_known_of_them)
{
	struct diagnosis d = refused();
	struct situation *s = &d.situation;

	strcpy(s->modules, "capability,landlock,bpf");
	expect(&d, "security module", "capability,landlock,bpf", "sudo");
	strcpy(s->own_profile, "unconfined");
	strcpy(s->profile, "snap.x (enforce)");
	expect(&d, "security module", "\"snap.x (enforce)\"", "apparmor=unconfined");
	strcpy(s->profile, "unconfined");
	expect(&d, "security module", "a security module refuses it", "");
	s->selinux_denies = true;
	expect(&d, "security module", "SELinux", "setsebool deny_ptrace off");
	s->target.uid[1] = 5;
	expect(&d, "user", "", "");
	cr_expect_eq(verdict_of(&d, "security module", "not asked"), VERDICT_UNSURE);
}

Test(checks, a_proc_of_another_kind)
{
	struct diagnosis d = refused();

	d.situation.own_proc = false;
	expect(&d, "/proc", "pid namespace", "mount -t proc");
	d = refused();
	d.situation.seen = false;
	d.situation.target = (struct proc_status){ 0 };
	expect(&d, "visible", "hidepid", "sudo");
	d.situation.exists = false;
	expect(&d, "process", "there is no process 77", "");
}

Test(checks, processes_without_a_program)
{
	struct diagnosis d = peers();

	d.situation.stat.kernel = true;
	expect(&d, "process", "kernel", "");
	d = peers();
	d.situation.stat.state = 'Z';
	d.situation.target.threads = 1;
	expect(&d, "process", "zombie", "");
	d.situation.target.threads = 2;
	cr_expect_eq(verdict_of(&d, "process", "2 threads"), VERDICT_NOTE);
	cr_expect_eq(verdict_of(&d, "memory", "other threads"), VERDICT_GOOD);
}

Test(checks, filters_of_system_calls)
{
	struct diagnosis d = peers();

	d.situation.own_read_error = ENOSYS;
	cr_expect_eq(verdict_of(&d, "memory", "as a file only"), VERDICT_NOTE);
	d.situation.own_read_error = 0;
	d.situation.read_error = EPERM;
	cr_expect_eq(verdict_of(&d, "memory", "as a file only"), VERDICT_NOTE);
	d.situation.read_error = 0;
	cr_expect_eq(verdict_of(&d, "memory", "process_vm_readv"), VERDICT_GOOD);
	d.situation.ptrace_error = EPERM;
	cr_expect_eq(verdict_of(&d, "ptrace", "seccomp"), VERDICT_BAD);
	d.situation.ptrace_error = NOT_TRIED;
	cr_expect_eq(verdict_of(&d, "ptrace", "not tried"), VERDICT_UNSURE);
	d.situation.target.seccomp = 99;
	cr_expect_eq(verdict_of(&d, "seccomp", "it: ?"), VERDICT_GOOD);
}

Test(checks, another_tracer_is_in_the_way_of_stopping_only)
{
	struct diagnosis d = peers();
	struct ps_err say;

	d.situation.target.tracer = 4711;
	cr_expect_null(checks_first_bad(&d, STAGE_LOOK, &say));
	cr_assert(checks_first_bad(&d, STAGE_STOP, &say));
	cr_expect(strstr(say.msg, "4711"));
}

/* --- what is inside --- */

static const char *first_of(const struct diagnosis *d, enum stage stage)
{
	struct ps_err say;
	const struct check *c = checks_first_bad(d, stage, &say);

	return c ? c->name : "";
}

Test(checks, what_is_not_looked_at_is_not_known)
{
	struct diagnosis d = refused();

	d.inside = (struct inside){ 0 };
	cr_expect_str_empty(first_of(&d, STAGE_SAMPLE));
	cr_expect_str_empty(first_of(&d, STAGE_EXEC));
	cr_expect_eq(verdict_of(&d, "interpreter", "not looked at"), VERDICT_UNSURE);
	cr_expect_eq(verdict_of(&d, "way in", "not looked at"), VERDICT_UNSURE);
}

Test(checks, a_process_that_is_no_python)
{
	struct diagnosis d = peers();

	d.inside = (struct inside){ .looked = true, .located = PS_NOT_PYTHON };
	strcpy(d.inside.why.msg, "process 77 is not a Python");
	cr_expect_str_eq(first_of(&d, STAGE_SAMPLE), "interpreter");
	cr_expect_eq(verdict_of(&d, "interpreter", "process 77 is not a Python"), VERDICT_BAD);
	cr_expect_eq(verdict_of(&d, "remote debugging", "there is none"), VERDICT_UNSURE);
}

Test(checks, versions_that_are_not_sampled)
{
	struct diagnosis d = peers();

	d.inside.located = PS_UNSUPPORTED;
	d.inside.identity.version = 0x030c01f0;
	cr_expect_str_eq(first_of(&d, STAGE_SAMPLE), "version");
	cr_expect_str_empty(first_of(&d, STAGE_EXEC));
	cr_expect_eq(verdict_of(&d, "interpreter", "CPython 3.12.1"), VERDICT_GOOD);
	cr_expect_eq(verdict_of(&d, "way in", "pending calls"), VERDICT_GOOD);
	cr_expect_eq(verdict_of(&d, "remote debugging", "no switch"), VERDICT_GOOD);
	d.inside.identity.version = 0x031000f0;
	cr_expect_str_eq(first_of(&d, STAGE_SAMPLE), "version");
	cr_expect_str_eq(first_of(&d, STAGE_EXEC), "way in");
	d.inside.identity = (struct identity){ .kind = PYTHON_PYPY, .parts = 3 };
	d.inside.identity.version = 0x030b11f0;
	cr_expect_str_eq(first_of(&d, STAGE_SAMPLE), "version");
	cr_expect_str_eq(first_of(&d, STAGE_EXEC), "way in");
	d.inside.identity.has_requests = true;
	cr_expect_str_eq(first_of(&d, STAGE_SAMPLE), "version");
	cr_expect_str_empty(first_of(&d, STAGE_EXEC));
	cr_expect_eq(verdict_of(&d, "way in", "PyPy's"), VERDICT_GOOD);
}

Test(checks, interpreters_that_cannot_be_read_yet_or_at_all)
{
	struct diagnosis d = peers();

	d.inside.located = PS_NOT_READY;
	strcpy(d.inside.why.msg, "the interpreter has not started yet");
	cr_expect_str_eq(first_of(&d, STAGE_SAMPLE), "started");
	cr_expect_eq(verdict_of(&d, "started", "has not started"), VERDICT_BAD);
	cr_expect_eq(verdict_of(&d, "runtime", "not looked at"), VERDICT_UNSURE);
	d.inside.located = PS_UNSUPPORTED;
	strcpy(d.inside.why.msg, "runs CPython 3.15.2, but its table has absurd values");
	cr_expect_str_eq(first_of(&d, STAGE_SAMPLE), "runtime");
	cr_expect_eq(verdict_of(&d, "runtime", "absurd"), VERDICT_BAD);
}

Test(checks, why_remote_debugging_is_off)
{
	struct diagnosis d = peers();
	struct inside *in = &d.inside;

	cr_expect_eq(verdict_of(&d, "remote debugging", "it is on"), VERDICT_GOOD);
	in->remote_debug = ANSWER_UNKNOWN;
	cr_expect_eq(verdict_of(&d, "remote debugging", "cannot be read"), VERDICT_UNSURE);
	in->remote_debug = ANSWER_NO;
	in->variable = ANSWER_NO;
	cr_expect_eq(verdict_of(&d, "remote debugging", "embeds it"), VERDICT_BAD);
	in->variable = ANSWER_UNKNOWN;
	cr_expect_eq(verdict_of(&d, "remote debugging", "an option or a variable"), VERDICT_BAD);
	in->variable = ANSWER_YES;
	cr_expect_eq(verdict_of(&d, "remote debugging", "PYTHON_DISABLE_REMOTE_DEBUG"),
		     VERDICT_BAD);
	in->variable_empty = true;
	cr_expect_eq(verdict_of(&d, "remote debugging", "though it is empty"), VERDICT_BAD);
	in->args.ignores_environment = true;
	cr_expect_eq(verdict_of(&d, "remote debugging", "embeds it"), VERDICT_BAD);
	in->args.disables_remote_debug = true;
	cr_expect_eq(verdict_of(&d, "remote debugging", "-X disable-remote-debug"), VERDICT_BAD);
	in->compiled_in = ANSWER_NO;
	cr_expect_eq(verdict_of(&d, "remote debugging", "built without it"), VERDICT_BAD);
	cr_expect_str_eq(first_of(&d, STAGE_EXEC), "remote debugging");
	cr_expect_str_empty(first_of(&d, STAGE_SAMPLE), "sampling does not need it");
}

Test(checks, why_a_pypy_takes_no_requests)
{
	struct diagnosis d = peers();
	struct inside *in = &d.inside;

	in->identity = (struct identity){ .kind = PYTHON_PYPY };
	cr_expect_eq(verdict_of(&d, "remote debugging", "7.3.18"), VERDICT_NOTE);
	in->identity.has_requests = true;
	cr_expect_eq(verdict_of(&d, "remote debugging", "nothing at its start"), VERDICT_GOOD);
	in->variable = ANSWER_YES;
	in->variable_empty = true;
	cr_expect_eq(verdict_of(&d, "remote debugging", "nothing at its start"), VERDICT_GOOD);
	in->variable_empty = false;
	in->args.ignores_environment = true;
	cr_expect_eq(verdict_of(&d, "remote debugging", "PYTHON_DISABLE"), VERDICT_BAD);
	in->args.disables_remote_debug = true;
	cr_expect_eq(verdict_of(&d, "remote debugging", "-X disable"), VERDICT_BAD);
}

Test(checks, writing_and_stopped_processes)
{
	struct diagnosis d = peers();
	struct situation *s = &d.situation;

	s->own_write_error = EPERM;
	cr_expect_eq(verdict_of(&d, "writing", "as a file only"), VERDICT_NOTE);
	s->open_rw_error = EACCES;
	cr_expect_eq(verdict_of(&d, "writing", "neither"), VERDICT_BAD);
	s->own_write_error = 0;
	cr_expect_eq(verdict_of(&d, "writing", "can be written"), VERDICT_GOOD);
	s->open_error = EACCES;
	cr_expect_eq(verdict_of(&d, "writing", "not even reading"), VERDICT_UNSURE);
	s->stat.state = 'T';
	cr_expect_eq(verdict_of(&d, "at work", "stopped"), VERDICT_NOTE);
	s->stat.state = 'Z';
	cr_expect_eq(verdict_of(&d, "at work", "main thread has ended"), VERDICT_NOTE);
}

Test(checks, namespaces_and_roots_are_told)
{
	struct diagnosis d = peers();

	d.situation.pid_ns = RELATION_INSIDE;
	d.situation.target.inner_tid = 17;
	cr_expect_eq(verdict_of(&d, "pid namespace", "process 17"), VERDICT_GOOD);
	d.situation.mount_ns = RELATION_OTHER;
	cr_expect_eq(verdict_of(&d, "mount namespace", "another"), VERDICT_GOOD);
	strcpy(d.situation.root, "/srv/jail");
	cr_expect_eq(verdict_of(&d, "mount namespace", "/srv/jail"), VERDICT_GOOD);
	d.situation.mount_ns = d.situation.pid_ns = RELATION_UNKNOWN;
	cr_expect_eq(verdict_of(&d, "mount namespace", "cannot be told"), VERDICT_UNSURE);
	cr_expect_eq(verdict_of(&d, "pid namespace", "cannot be told"), VERDICT_UNSURE);
}
