/* SPDX-License-Identifier: MIT */
/* tests/support/temporary.h - files and folders of a test's own, in /tmp. Who makes one removes
 * it. Functions abort where they cannot; they never fail. */
#ifndef TESTS_SUPPORT_TEMPORARY_H
#define TESTS_SUPPORT_TEMPORARY_H

enum { TEMPORARY_PATH = 64 };

/* Nobody but its owner may enter it. */
void temporary_folder(char ret_path[static TEMPORARY_PATH]);
/* Empty, open for reading and writing. */
int temporary_file(char ret_path[static TEMPORARY_PATH]);

#endif
