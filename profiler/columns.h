/* SPDX-License-Identifier: MIT */
/* profiler/columns.h - text in columns of a terminal. Of UTF-8, one character takes one
 * column, wide ones two and combining ones none; that is as terminals have it, near enough
 * without their tables. */
#ifndef PROFILER_COLUMNS_H
#define PROFILER_COLUMNS_H

#include <stdio.h>

unsigned columns_of(const char *text);

/* Bytes of text's beginning that fit into so many columns. */
size_t columns_fit(const char *text, unsigned columns);

/* Writes text, and blanks up to that width. Nothing is cut. */
void columns_put(FILE *out, const char *text, unsigned width);

/* Writes text after what already stands in `indent` columns of the line, broken between
 * words into lines of at most `width` columns, each further one indented. width 0, or one
 * that leaves no room: one line. Ends with a newline. */
void columns_wrap(FILE *out, const char *text, unsigned indent, unsigned width);

#endif
