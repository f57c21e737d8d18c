/* SPDX-License-Identifier: MIT */
#include "profiler/place.h"

#include "tests/support/temporary.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static char folder[TEMPORARY_PATH];

static void make_folder(void)
{
	temporary_folder(folder);
	setenv("TMPDIR", folder, 1);
	umask(022);
}

static void remove_folder(void)
{
	DIR *dir = opendir(folder);

	for (struct dirent *e; dir && (e = readdir(dir));)
		unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(folder);
}

TestSuite(place, .init = make_folder, .fini = remove_folder);

static const char *in_folder(const char *name)
{
	static char path[4][256];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	fchmod(fd, mode);
	close(fd);
}

static bool holds(const char *name, const char *text)
{
	char got[256] = "";
	int fd = open(in_folder(name), O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof got - 1);

	if (fd >= 0)
		close(fd);
	return n >= 0 && strcmp(got, text) == 0;
}

static unsigned files(void)
{
	DIR *dir = opendir(folder);
	unsigned n = 0;

	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static enum ps_status write_text(int fd, void *text, struct ps_err *err)
{
	ssize_t len = (ssize_t)strlen(text), n = write(fd, text, (size_t)len);

	(void)err;
	close(fd);
	return n == len ? PS_OK : PS_IO;
}

static enum ps_status write_half(int fd, void *text, struct ps_err *err)
{
	(void)!write(fd, text, strlen(text) / 2);
	close(fd);
	return ps_fail(err, PS_IO, "No space left on device");
}

/* Opens the place and writes the text. */
static enum ps_status write_to(const char *name, const char *text, struct ps_err *err)
{
	struct place p;
	char copy[64];
	enum ps_status st;

	snprintf(copy, sizeof copy, "%s", text);
	PS_TRY(place_open(in_folder(name), &p, err));
	st = place_write(&p, write_text, copy, err);
	place_close(&p);
	return st;
}

/* Runs check as a user who may do nothing in particular; it says whether all was well. */
static bool as_nobody(bool (*check)(void))
{
	int status, pid = fork();

	if (pid == 0)
		_exit(setgid(NOBODY) || setuid(NOBODY) || !check());
	waitpid(pid, &status, 0);
	return status == 0;
}

static void expect_name(const char *pattern, const char *expected)
{
	char *name = place_name(pattern, 42, "../my prog.py");

	cr_expect_str_eq(name, expected);
	free(name);
}

Test(place, names_are_made_of_facts)
{
	char *name;

	expect_name("a-%p.html", "a-42.html");
	expect_name("%n", "_._my_prog.py");
	expect_name("100%%%p", "100%42");
	expect_name("%x%", "%x%");
	name = place_name("%t", 1, "x");
	cr_expect_eq(strlen(name), strlen("20260101T000000"), "%s", name);
	free(name);
}

Test(place, a_new_file_has_the_usual_mode)
{
	struct stat st;

	cr_expect_eq(write_to("new.txt", "words", NULL), PS_OK);
	cr_expect(holds("new.txt", "words"));
	cr_assert_eq(stat(in_folder("new.txt"), &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0644);
	cr_expect_eq(files(), 1);
}

Test(place, a_file_that_is_replaced_gives_its_mode_and_owner)
{
	static const mode_t modes[] = { 0600, 0640, 0666, 0755 };

	cr_assert_eq(geteuid(), 0, "the tests need root");
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		struct stat st;

		put("old.txt", "old", modes[i]);
		cr_assert_eq(chown(in_folder("old.txt"), 1234, 4321), 0);
		cr_expect_eq(write_to("old.txt", "new", NULL), PS_OK);
		cr_expect(holds("old.txt", "new"));
		cr_assert_eq(stat(in_folder("old.txt"), &st), 0);
		cr_expect_eq(st.st_mode & 07777, modes[i], "%o", st.st_mode);
		cr_expect_eq(st.st_uid, 1234);
		cr_expect_eq(st.st_gid, 4321);
		cr_expect_eq(files(), 1);
	}
}

static bool replaces_what_a_group_shares(void)
{
	return write_to("shared.txt", "new", NULL) == PS_OK;
}

/* Who cannot give it to the old group gives the new one nothing in its stead. */
Test(place, where_the_group_cannot_stay_it_gets_no_more_than_all)
{
	struct stat st;

	cr_assert_eq(chmod(folder, 0777), 0);
	put("shared.txt", "old", 0);
	cr_assert_eq(chown(in_folder("shared.txt"), NOBODY, 4321), 0);
	cr_assert_eq(chmod(in_folder("shared.txt"), 0664), 0);
	cr_expect(as_nobody(replaces_what_a_group_shares));
	cr_expect(holds("shared.txt", "new"));
	cr_assert_eq(stat(in_folder("shared.txt"), &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0644, "%o", st.st_mode);
	cr_expect_eq(st.st_gid, NOBODY);
}

static bool is_refused(void)
{
	struct ps_err err = { 0 };

	return write_to("theirs.txt", "new", &err) == PS_IO && strstr(err.msg, "theirs.txt") &&
	       err.hint[0];
}

Test(place, what_one_may_not_write_is_not_replaced)
{
	cr_assert_eq(chmod(folder, 0777), 0);
	put("theirs.txt", "old", 0644);
	cr_expect(as_nobody(is_refused), "a file of root's");
	cr_assert_eq(chmod(in_folder("theirs.txt"), 0666), 0);
	cr_assert_eq(chmod(folder, 01777), 0);
	cr_expect(as_nobody(is_refused), "in a folder as /tmp is");
	cr_assert_eq(chown(in_folder("theirs.txt"), NOBODY, NOBODY), 0);
	cr_expect(is_refused(), "and there by root");
	cr_expect(holds("theirs.txt", "old"));
	cr_expect_eq(files(), 1);
}

Test(place, what_another_user_lays_there_meanwhile_is_not_replaced)
{
	struct ps_err err = { 0 };
	struct place p;
	char text[] = "new";

	cr_assert_eq(chmod(folder, 01777), 0);
	cr_assert_eq(place_open(in_folder("theirs.txt"), &p, NULL), PS_OK);
	put("theirs.txt", "old", 0666);
	cr_assert_eq(chown(in_folder("theirs.txt"), NOBODY, NOBODY), 0);
	cr_expect_eq(place_write(&p, write_text, text, &err), PS_IO);
	cr_expect(strstr(err.msg, "another user's"), "%s", err.msg);
	cr_expect(holds("theirs.txt", "old"));
	cr_expect_eq(files(), 1);
	place_close(&p);
}

Test(place, a_failure_leaves_the_old_file_and_nothing_else)
{
	struct ps_err err = { 0 };
	struct place p;
	char text[] = "new words";

	put("old.txt", "old", 0644);
	cr_assert_eq(place_open(in_folder("old.txt"), &p, NULL), PS_OK);
	cr_expect_eq(place_write(&p, write_half, text, &err), PS_IO);
	cr_expect(strstr(err.msg, "old.txt: No space"), "%s", err.msg);
	cr_expect(holds("old.txt", "old"));
	cr_expect_eq(files(), 1);
	place_close(&p);
}

Test(place, a_folder_and_what_is_not_there_are_refused)
{
	struct place p;
	struct ps_err err = { 0 };

	cr_expect_eq(place_open(folder, &p, &err), PS_IO);
	cr_expect(strstr(err.msg, "directory"), "%s", err.msg);
	cr_expect_eq(place_open(in_folder("no/such"), &p, &err), PS_IO);
	cr_expect(strstr(err.msg, "No such file"), "%s", err.msg);
	cr_expect_eq(place_open("", &p, &err), PS_IO);
	cr_expect_eq(files(), 0);
}

Test(place, a_file_that_is_there_is_called_as_it_was_given)
{
	struct place p;

	put("file.txt", "old", 0640);
	cr_assert_eq(chdir(in_folder("")), 0);
	cr_assert_eq(place_open("file.txt", &p, NULL), PS_OK);
	cr_expect_str_eq(p.path, "file.txt");
	place_close(&p);
}

Test(place, a_link_stays_and_what_it_names_is_replaced)
{
	char target[16];

	put("file.txt", "old", 0640);
	cr_assert_eq(symlink("file.txt", in_folder("link.txt")), 0);
	cr_expect_eq(write_to("link.txt", "new", NULL), PS_OK);
	cr_expect_eq(readlink(in_folder("link.txt"), target, sizeof target), 8);
	cr_expect(holds("file.txt", "new"));
}

/* A place that was fine when it was opened, and is not any more. */
static void rescue(const char *name, const char *text)
{
	char path[64], copy[64];
	struct place p = { .path = path };
	bool saved;

	snprintf(path, sizeof path, "/no/such/folder/%s", name);
	snprintf(copy, sizeof copy, "%s", text);
	p.path = strdup(path);
	saved = place_rescue(&p, "unused", write_text, copy);
	cr_expect(saved);
	cr_expect_eq(strncmp(p.path, folder, strlen(folder)), 0, "%s", p.path);
	place_close(&p);
}

Test(place, a_rescued_file_overwrites_nothing)
{
	struct stat st;

	put("out.html", "somebody's", 0600);
	cr_assert_eq(symlink("nowhere", in_folder("out-2.html")), 0);
	rescue("out.html", "first");
	rescue("out.html", "second");
	rescue("out.txt.gz", "third");
	rescue("out.txt.gz", "fourth");
	rescue("plain", "fifth");
	rescue("plain", "sixth");
	rescue(".hidden", "seventh");
	rescue(".hidden", "eighth");
	cr_expect(holds("out.html", "somebody's"));
	cr_expect_neq(stat(in_folder("out-2.html"), &st), 0, "the link leads nowhere still");
	cr_expect(holds("out-3.html", "first"));
	cr_expect(holds("out-4.html", "second"));
	cr_expect(holds("out.txt.gz", "third"));
	cr_expect(holds("out-2.txt.gz", "fourth"));
	cr_expect(holds("plain", "fifth"));
	cr_expect(holds("plain-2", "sixth"));
	cr_expect(holds(".hidden", "seventh"));
	cr_expect(holds(".hidden-2", "eighth"));
	cr_expect_eq(files(), 8);
}

/* The old file was private: what was to replace it is no less so. */
Test(place, a_rescued_file_has_the_mode_of_what_it_was_to_replace)
{
	char text[] = "words", *path;
	struct place p;
	struct stat st;

	cr_assert_eq(mkdir(in_folder("private"), 0700), 0);
	put("private/out.txt", "old", 0600);
	cr_assert_eq(place_open(in_folder("private/out.txt"), &p, NULL), PS_OK);
	cr_expect(place_rescue(&p, "unused", write_text, text));
	cr_expect_str_eq(p.path, in_folder("out.txt"));
	cr_assert_eq(stat(p.path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	place_close(&p);
	path = strdup(in_folder("private"));
	unlink(in_folder("private/out.txt"));
	rmdir(path);
	free(path);
}

Test(place, standard_output_is_rescued_under_a_name_of_its_own)
{
	char text[] = "words";
	struct place p;

	cr_assert_eq(place_open("-", &p, NULL), PS_OK);
	cr_expect(p.direct);
	cr_expect_str_eq(place_words(&p), "standard output");
	cr_expect(place_rescue(&p, "rescued.txt", write_text, text));
	cr_expect(holds("rescued.txt", "words"));
	place_close(&p);
}
