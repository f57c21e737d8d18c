/* SPDX-License-Identifier: MIT */
/* tests/support/tables.h - the tables of debug offsets that CPythons carry.
 *
 * 3.13.0, 3.13.18, 3.14.10 and 3.15.2 are the words of real builds for x86-64. The
 * free-threaded ones are what their headers give when compiled with Py_GIL_DISABLED. */
#ifndef TESTS_SUPPORT_TABLES_H
#define TESTS_SUPPORT_TABLES_H

#include "offsets/debug_offsets.h"

enum table_id {
	TABLE_3_13_0,
	TABLE_3_13_18,
	TABLE_3_13T,
	TABLE_3_14_10,
	TABLE_3_14T,
	TABLE_3_15_2,
	TABLE_3_15T,
	NTABLES
};

/* Its bytes as they lie in memory; returns how many. */
size_t table_bytes_of(enum table_id id, unsigned char ret[static DEBUG_OFFSETS_MAX]);
/* "3.14t" */
const char *table_name(enum table_id id);
/* Parsed; aborts if that fails. */
struct layout table_layout(enum table_id id);

#endif
