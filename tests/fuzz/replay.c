/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over the files and folders that are named: what a fuzzer has found
 * stays found, also where there is no fuzzer. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/tail_page.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20 };

static int replay_file(const char *path)
{
	static char bytes[INPUT_MAX];
	FILE *in = fopen(path, "rb");
	size_t len = in ? fread(bytes, 1, sizeof bytes, in) : 0;

	if (!in) {
		perror(path);
		return 0;
	}
	fclose(in);
	LLVMFuzzerTestOneInput(tail_page(bytes, len), len);
	return 1;
}

static int replay(const char *path)
{
	struct stat st;
	struct dirent *e;
	DIR *dir;
	int n = 0;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return replay_file(path);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		char inner[4096];

		snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
		if (e->d_name[0] != '.')
			n += replay_file(inner);
	}
	if (dir)
		closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++)
		n += replay(argv[i]);
	printf("%d inputs\n", n);
	return n ? 0 : 1;
}
