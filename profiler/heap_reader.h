/* SPDX-License-Identifier: MIT */
/* profiler/heap_reader.h - what the files that read a dump share; docs/heap-format.md is
 * what they read.
 *
 * The bytes are gone through three times, for edges lead to objects that come later:
 *   SCAN   strings, types, objects get their numbers; edges of objects are counted
 *   ROOTS  threads, frames and groups of roots become objects; their edges are counted
 *   FILL   edges are put where there is room for them
 * What SCAN and ROOTS have checked FILL finds again, for the bytes do not change.
 */
#ifndef PROFILER_HEAP_READER_H
#define PROFILER_HEAP_READER_H

#include "profiler/heap_cursor.h"
#include "profiler/heap_dump.h"
#include "profiler/heap_ids.h"

enum heap_pass { HEAP_SCAN, HEAP_ROOTS, HEAP_FILL };

enum { HEAP_CHUNK_OBJECTS = 65536, HEAP_CHUNK_TARGETS = 1 << 18, HEAP_FIRST_ID = 65536 };
enum { HEAP_TEXT_MAX = 1024 }; /* what is longer is cut */

/* The dump's own words that are also ours. */
enum {
	HEAP_WORD_DICT = 1,
	HEAP_WORD_CLASS = 2,
	HEAP_WORD_WEAK = 10,
	HEAP_WORD_CODE = 20,
	HEAP_WORD_GLOBALS = 21,
	HEAP_WORD_FRAME = 24,
};

struct heap_reader {
	struct heap_dump *dump;
	struct heap_graph *graph; /* the dump's */
	struct ps_err *err;
	enum heap_pass pass;
	struct heap_ids objects, strings, types; /* to objects, texts, types of the graph */
	uint64_t *type_id;                       /* by type of the graph */
	uint32_t *type_mark; /* by type: a text for an object that is a name, plus 1; or 0 */
	uint32_t type_ids_cap, type_marks_cap;
	/* By object: how many edges there will be; in FILL, where the next goes. */
	uint32_t *next;
	uint32_t next_cap;
	uint32_t object;      /* in FILL: the next that is told for the first time */
	uint32_t first_group; /* that is the first object which the file does not tell */
	uint32_t group;       /* the next thread or frame */
	uint32_t *met;        /* of a chunk's objects: which they are; HEAP_NONE: told before */
	uint64_t told_objects, told_targets, told_strings, told_types, told_chunks;
};

/* PS_FORMAT with that message. */
enum ps_status heap_reader_fail(struct heap_reader *r, const char *what);
/* PS_FORMAT if the chunk was shorter than what it says it holds, or longer. */
enum ps_status heap_reader_check(struct heap_reader *r, const struct heap_cursor *c);

/* The text that a string id stands for; of an object that is no string, "<type>". */
enum ps_status heap_reader_name(struct heap_reader *r, uint64_t id, uint32_t *ret) PS_MUST_USE;
enum ps_status heap_reader_text(struct heap_reader *r, const unsigned char *at, uint32_t len,
				uint32_t *ret) PS_MUST_USE;
/* A new object, and its place in next[]. */
enum ps_status heap_reader_object(struct heap_reader *r, struct heap_object o) PS_MUST_USE;
/* Counts an edge, or puts it. An id that is no object of the dump is left out. */
enum ps_status heap_reader_edge(struct heap_reader *r, uint32_t from, enum heap_edge_kind kind,
				uint32_t label, uint64_t target) PS_MUST_USE;

/* The format's own words; before anything else. */
enum ps_status heap_read_words(struct heap_reader *r) PS_MUST_USE;
/* A type as an object, and its dict or a module's, are told from others by name. Last. */
void heap_read_object_names(struct heap_reader *r);

/* One chunk's payload each. */
enum ps_status heap_read_strings(struct heap_reader *r, struct heap_cursor *c, uint32_t flags);
enum ps_status heap_read_type(struct heap_reader *r, struct heap_cursor *c, uint32_t flags);
enum ps_status heap_read_objects(struct heap_reader *r, struct heap_cursor *c, uint32_t flags);
enum ps_status heap_read_more(struct heap_reader *r, struct heap_cursor *c, uint32_t flags);
enum ps_status heap_read_thread(struct heap_reader *r, struct heap_cursor *c, uint32_t flags);
enum ps_status heap_read_roots(struct heap_reader *r, struct heap_cursor *c, uint32_t flags);
/* Before the first of them: the groups. */
enum ps_status heap_read_groups(struct heap_reader *r) PS_MUST_USE;

#endif
