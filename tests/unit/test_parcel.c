/* SPDX-License-Identifier: MIT */
/* A parcel for this very process. */
#include "profiler/parcel.h"

#include "profiler/parcel_folder.h"

#include "tests/support/temporary.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct parcel make(int *channel)
{
	struct parcel p;
	struct ps_err err = { 0 };

	cr_assert_eq(parcel_choose(getpid(), &p, &err), PS_OK, "%s", err.msg);
	cr_expect_neq(access(p.inside, F_OK), 0, "choosing makes nothing");
	cr_assert_eq(parcel_make(&p, channel, &err), PS_OK, "%s", err.msg);
	cr_assert_eq(parcel_add(&p, PARCEL_SCRIPT, "pass\n", 5, &err), PS_OK, "%s", err.msg);
	cr_assert_eq(parcel_add(&p, PARCEL_PROBE, "", 0, &err), PS_OK, "%s", err.msg);
	cr_assert_eq(parcel_hand_over(&p, &err), PS_OK, "%s", err.msg);
	return p;
}

static int first_free(void)
{
	int fd = open("/", O_PATH);

	close(fd);
	return fd;
}

static struct stat look(const struct parcel *p, const char *name)
{
	char path[PARCEL_PATH_MAX + 16];
	struct stat st = { 0 };

	snprintf(path, sizeof path, "%s/%s", p->inside, name);
	cr_expect_eq(lstat(path, &st), 0, "%s", path);
	return st;
}

static void put_script(const char *folder, char ret_path[static PARCEL_PATH_MAX + 16])
{
	snprintf(ret_path, PARCEL_PATH_MAX + 16, "%s/%s", folder, PARCEL_SCRIPT);
	close(open(ret_path, O_CREAT | O_WRONLY, 0600));
}

Test(parcel, is_made_for_its_owner_alone_and_leaves_nothing)
{
	int channel = -1;
	struct parcel p = make(&channel);
	struct stat st = look(&p, ".");

	cr_expect(S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0700);
	st = look(&p, PARCEL_SCRIPT);
	cr_expect(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_size == 5);
	st = look(&p, PARCEL_CHANNEL);
	cr_expect(S_ISFIFO(st.st_mode) && (st.st_mode & 07777) == 0600);
	parcel_remove(&p);
	cr_expect_neq(access(p.inside, F_OK), 0);
	parcel_remove(&p); /* once more is nothing */
	close(channel);
}

Test(parcel, the_script_is_claimed_once)
{
	int channel = -1;
	struct parcel p = make(&channel), copy;

	cr_expect(parcel_has_script(&p));
	copy = p;
	cr_expect(parcel_claim(&p));
	cr_expect(parcel_claim(&p), "it is ours");
	cr_expect_not(parcel_claim(&copy), "and nobody else's");
	cr_expect_not(parcel_has_script(&p));
	parcel_remove(&p);
	close(channel);
}

Test(parcel, a_copy_from_before_can_remove_what_was_made_later)
{
	struct parcel p, copy;
	int channel = -1;

	cr_assert_eq(parcel_choose(getpid(), &p, NULL), PS_OK);
	copy = p;
	copy.parent = dup(p.parent);
	cr_assert_eq(parcel_make(&p, &channel, NULL), PS_OK);
	parcel_remove(&copy);
	cr_expect_neq(access(p.inside, F_OK), 0);
	parcel_remove(&p);
	close(channel);
}

/* Somebody who owns the temporary folder puts a link where ours is to be. */
Test(parcel, no_link_is_followed)
{
	char elsewhere[TEMPORARY_PATH], name[PARCEL_PATH_MAX + 16];
	struct parcel p;
	int channel = -1;

	temporary_folder(elsewhere);
	cr_assert_eq(parcel_choose(getpid(), &p, NULL), PS_OK);
	cr_assert_eq(symlink(elsewhere, p.inside), 0);
	cr_expect_eq(parcel_make(&p, &channel, NULL), PS_IO);
	put_script(elsewhere, name);
	parcel_remove(&p);
	cr_expect_eq(access(name, F_OK), 0, "what the link leads to is left alone");
	unlink(name);
	rmdir(elsewhere);
	unlink(p.inside);
}

/* It may mount there what is not its own, in its own namespace: /proc lies in / like that. */
Test(parcel, another_mount_is_not_entered)
{
	int root = open("/", O_DIRECTORY | O_RDONLY), folder;

	errno = 0;
	cr_expect_eq(parcel_folder_open(root, "proc"), -1);
	cr_expect_eq(errno, EXDEV);
	folder = parcel_folder_open(root, "etc");
	cr_expect_geq(folder, 0);
	cr_expect_not(parcel_folder_is_fresh(folder), "it is not of the kind that we make");
	close(folder);
	close(root);
}

/* Who owns the folder around it may move another of ours there, with all that is in it. */
Test(parcel, a_folder_that_was_used_is_not_the_one_that_was_just_made)
{
	char folder[TEMPORARY_PATH], name[TEMPORARY_PATH + 8];
	int fd;

	temporary_folder(folder);
	fd = open(folder, O_DIRECTORY | O_RDONLY);
	cr_expect(parcel_folder_is_fresh(fd));
	snprintf(name, sizeof name, "%s/x", folder);
	cr_assert_eq(mkdir(name, 0700), 0);
	cr_expect_not(parcel_folder_is_fresh(fd));
	rmdir(name);
	cr_expect(parcel_folder_is_fresh(fd));
	chmod(folder, 0750);
	cr_expect_not(parcel_folder_is_fresh(fd));
	close(fd);
	rmdir(folder);
}

/* A folder in two others, the modes and owners of which, from the outer one on, are these. */
Test(parcel, a_folder_that_others_may_change_is_not_kept)
{
	enum { US = 64998, OTHER = 64999 };
	static const struct {
		mode_t modes[3];
		uid_t owners[3];
		bool kept;
	} rows[] = {
		{ { 0755, 0755, 0700 }, { 0, 0, US }, true },
		{ { 0755, 0755, 01777 }, { 0, 0, 0 }, true },
		{ { 01777, 01777, 01777 }, { US, 0, US }, true },
		{ { 0755, 0755, 0777 }, { 0, 0, 0 }, false },
		{ { 0755, 0755, 0775 }, { 0, 0, US }, false },
		{ { 0755, 0777, 0700 }, { 0, 0, US }, false },
		{ { 0777, 0755, 0700 }, { 0, 0, US }, false },
		{ { 0755, 0755, 01777 }, { 0, 0, OTHER }, false },
		{ { 0755, 0755, 0700 }, { 0, OTHER, US }, false },
		{ { 0755, 0755, 0700 }, { OTHER, 0, US }, false },
	};
	char outer[TEMPORARY_PATH], middle[TEMPORARY_PATH + 8], inner[TEMPORARY_PATH + 8];
	const char *const names[] = { outer, middle, inner };
	const uint32_t trusted[] = { US, 0 };
	int top, within, beside = open("/etc", O_PATH);

	cr_assert_eq(geteuid(), 0u, "these tests are run by root");
	temporary_folder(outer);
	snprintf(middle, sizeof middle, "%s/x", outer);
	snprintf(inner, sizeof inner, "%s/x/x", outer);
	cr_assert(mkdir(middle, 0700) == 0 && mkdir(inner, 0700) == 0);
	top = open(names[0], O_PATH);
	within = open(names[2], O_DIRECTORY | O_RDONLY);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int k = 0; k < 3; k++) {
			cr_assert_eq(chown(names[k], rows[i].owners[k], 0), 0);
			cr_assert_eq(chmod(names[k], rows[i].modes[k]), 0);
		}
		cr_expect_eq(parcel_folder_is_kept(within, top, trusted, 2), rows[i].kept,
			     "row %zu", i);
	}
	cr_assert_eq(chown(names[0], 0, 0), 0);
	cr_expect(parcel_folder_is_kept(within, top, trusted, 2));
	cr_expect_not(parcel_folder_is_kept(within, beside, trusted, 2),
		      "it does not lie in there");
	close(beside);
	close(top);
	close(within);
	for (int i = 3; i-- > 0;)
		rmdir(names[i]);
}

/* What it is that stands there cannot be found out. */
Test(parcel, a_folder_that_cannot_be_looked_at_goes_again)
{
	for (int left = 0; left < 2; left++) { /* none to open it, none to see that it is empty */
		struct rlimit all, few;
		struct ps_err err = { 0 };
		struct parcel p;
		int channel = -1;

		cr_assert_eq(parcel_choose(getpid(), &p, &err), PS_OK, "%s", err.msg);
		cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
		few = all;
		few.rlim_cur = (rlim_t)first_free() + (rlim_t)left;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		cr_expect_eq(parcel_make(&p, &channel, &err), PS_IO);
		parcel_remove(&p);
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		cr_expect(strstr(err.msg, strerror(EMFILE)), "%s", err.msg);
		cr_expect_neq(access(p.inside, F_OK), 0, "with %d files left", left);
	}
}

/* A folder that is not as we make ours is none that a guard may empty. */
Test(parcel, a_guard_leaves_alone_what_others_may_enter)
{
	char name[PARCEL_PATH_MAX + 16];
	struct parcel p;

	cr_assert_eq(parcel_choose(getpid(), &p, NULL), PS_OK);
	cr_assert_eq(mkdir(p.inside, 0700), 0);
	cr_assert_eq(chmod(p.inside, 0750), 0);
	put_script(p.inside, name);
	parcel_remove(&p);
	cr_expect_eq(access(name, F_OK), 0);
	unlink(name);
	rmdir(p.inside);
}

/* The target's user owns our folder, and may put another of their own in its place. */
Test(parcel, a_guard_leaves_alone_what_has_the_name_of_the_folder_but_is_another)
{
	char name[PARCEL_PATH_MAX + 16], elsewhere[PARCEL_PATH_MAX + 16];
	struct parcel_id id = { 0 };
	struct parcel p, copy;
	int channel = -1;

	cr_assert_eq(parcel_choose(getpid(), &p, NULL), PS_OK);
	p.id = &id;
	copy = p;
	copy.parent = dup(p.parent);
	cr_assert_eq(parcel_make(&p, &channel, NULL), PS_OK);
	snprintf(elsewhere, sizeof elsewhere, "%s-away", p.inside);
	cr_assert_eq(rename(p.inside, elsewhere), 0);
	cr_assert_eq(mkdir(p.inside, 0700), 0);
	put_script(p.inside, name);
	parcel_remove(&copy);
	cr_expect_eq(access(name, F_OK), 0);
	unlink(name);
	rmdir(p.inside);
	rename(elsewhere, p.inside);
	parcel_remove(&p);
	cr_expect_neq(access(p.inside, F_OK), 0);
	close(channel);
}

/* A default ACL as the kernel has it: linux/posix_acl_xattr.h. */
static void let_in_by_default(const char *folder, uint32_t uid)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entry[5];
	} acl = { 2,
		  { { 1, 7, ~0u }, { 2, 7, uid }, { 4, 7, ~0u }, { 16, 7, ~0u }, { 32, 7, ~0u } } };

	cr_assert_eq(setxattr(folder, "system.posix_acl_default", &acl, sizeof acl, 0), 0, "%s",
		     strerror(errno));
}

/* What another user gets there: 0, or errno. */
static int try_as(uint32_t uid, const char *path)
{
	int status, child = fork();

	if (child == 0) {
		int fd = setgid(uid) || setuid(uid) ? 0 : open(path, O_RDONLY);

		_exit(fd < 0 ? errno : 0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

/* parcel.h says why. */
Test(parcel, a_default_acl_of_the_folder_around_lets_nobody_in)
{
	enum { OTHER = 12345 };
	char around[TEMPORARY_PATH], name[PARCEL_PATH_MAX + 16];
	struct parcel p;
	int channel = -1, plain;

	temporary_folder(around);
	let_in_by_default(around, OTHER);
	chmod(around, 0777);
	snprintf(name, sizeof name, "%s/plain", around);
	plain = open(name, O_CREAT | O_WRONLY, 0666);
	cr_expect_eq(try_as(OTHER, name), 0, "so the list is in force");
	cr_assert_eq(parcel_choose(getpid(), &p, NULL), PS_OK);
	close(p.parent);
	p.parent = open(around, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	snprintf(p.inside, sizeof p.inside, "%s/%s", around, p.name);
	cr_assert_eq(parcel_make(&p, &channel, NULL), PS_OK);
	cr_assert_eq(parcel_add(&p, PARCEL_SCRIPT, "pass\n", 5, NULL), PS_OK);
	cr_assert_eq(parcel_hand_over(&p, NULL), PS_OK);
	cr_expect_eq(try_as(OTHER, p.inside), EACCES);
	snprintf(name, sizeof name, "%s/%s", p.inside, PARCEL_SCRIPT);
	cr_expect_eq(try_as(OTHER, name), EACCES);
	chmod(p.inside, 0701);
	cr_expect_eq(try_as(OTHER, name), EACCES, "nor does the script's own");
	parcel_remove(&p);
	close(channel);
	close(plain);
	snprintf(name, sizeof name, "%s/plain", around);
	unlink(name);
	cr_expect_eq(rmdir(around), 0);
}

Test(parcel, tells_whether_the_script_was_read)
{
	for (int timed = 0; timed < 2; timed++) {
		int channel = -1, fd;
		struct parcel p = make(&channel);
		char name[PARCEL_PATH_MAX + 16], byte;

		snprintf(name, sizeof name, "%s/%s", p.inside, PARCEL_SCRIPT);
		parcel_watch(&p);
		cr_expect(p.timed, "/tmp keeps times of access");
		if (!timed) { /* as where it does not */
			p.timed = false;
			cr_assert(parcel_watch_events(&p));
		}
		cr_expect_not(parcel_was_read(&p));
		fd = open(name, O_RDONLY);
		cr_expect_not(parcel_was_read(&p), "opening alone is nothing");
		cr_expect_eq(read(fd, &byte, 1), 1);
		cr_expect(parcel_was_read(&p));
		cr_expect(parcel_was_read(&p), "and it stays so");
		close(fd);
		parcel_remove(&p);
		close(channel);
	}
}

Test(parcel, no_such_process)
{
	struct parcel p;
	struct ps_err err = { 0 };

	cr_expect_eq(parcel_choose(999999999, &p, &err), PS_GONE);
}
