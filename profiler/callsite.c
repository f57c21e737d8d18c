/* SPDX-License-Identifier: MIT */
#include "profiler/callsite.h"

#include "profiler/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	SITES_MAX = 4096, /* powers of two; three quarters are used */
	PLACES_MAX = 1024,
	CALLERS_MAX = 4096,
	CALLERS_EACH = 4,    /* places that are kept of one code that calls another */
	CALLER_UNITS = 4096, /* of its bytecode that are looked at */
	CALL_UNITS = 4,      /* of a versioned call: itself, a counter, two of the version */
	MOVES_MAX = 8,       /* units between the call and what uses the generator */
	JUMPS_FROM = 256,    /* a jump's argument is a byte, so no jump to there starts before */
	WINDOW = JUMPS_FROM + MOVES_MAX + CALL_UNITS,
	ASK_FIRST = 16,      /* times that a site is met before it is looked at again ... */
	ASK_UNKNOWN = 8192,  /* ... which doubles up to this, as long as it is unknown ... */
	ASK_KNOWN = 1 << 16, /* ... and is this when it is known */
};

struct callsite {
	uint32_t code, unit;
	uint32_t generator;
	uint32_t version; /* of the function whose generator it uses; 0: that is not told */
	uint32_t left;    /* times that it may be met before it is looked at again */
	uint32_t patience;
	bool used, idle;
};

struct place {
	uint32_t code;
	uint32_t unit[DOING_NKINDS];
	bool met[DOING_NKINDS];
	bool used;
};

/* Where one code calls another. */
struct callers {
	uint32_t caller, callee;
	uint32_t n; /* places; unit[n..] are void */
	uint32_t unit[CALLERS_EACH];
	uint32_t left, patience; /* as of a callsite */
	bool used;
};

enum ps_status callsites_init(struct callsites *s)
{
	*s = (struct callsites){ .v = calloc(SITES_MAX, sizeof *s->v),
				 .places = calloc(PLACES_MAX, sizeof *s->places),
				 .callers = calloc(CALLERS_MAX, sizeof *s->callers) };
	if (s->v && s->places && s->callers)
		return PS_OK;
	callsites_deinit(s);
	return PS_NOMEM;
}

void callsites_deinit(struct callsites *s)
{
	free(s->v);
	free(s->places);
	free(s->callers);
	*s = (struct callsites){ 0 };
}

void callsites_clear(struct callsites *s)
{
	memset(s->v, 0, SITES_MAX * sizeof *s->v);
	memset(s->places, 0, PLACES_MAX * sizeof *s->places);
	memset(s->callers, 0, CALLERS_MAX * sizeof *s->callers);
	s->nsites = s->nplaces = s->ncallers = 0;
	s->any = false;
}

/* --- the tables: open addressing, never full, so that every search ends --- */

static struct callsite *site_slot(const struct callsites *s, uint32_t code, uint32_t unit)
{
	uint32_t i = hash_words(code, unit) % SITES_MAX;

	while (s->v[i].used && (s->v[i].code != code || s->v[i].unit != unit))
		i = (i + 1) % SITES_MAX;
	return &s->v[i];
}

static struct place *place_slot(const struct callsites *s, uint32_t code)
{
	uint32_t i = hash_words(code, 0) % PLACES_MAX;

	while (s->places[i].used && s->places[i].code != code)
		i = (i + 1) % PLACES_MAX;
	return &s->places[i];
}

static struct callers *callers_slot(const struct callsites *s, uint32_t caller, uint32_t callee)
{
	uint32_t i = hash_words(caller, callee) % CALLERS_MAX;

	while (s->callers[i].used &&
	       (s->callers[i].caller != caller || s->callers[i].callee != callee))
		i = (i + 1) % CALLERS_MAX;
	return &s->callers[i];
}

/* --- reading the bytecode --- */

static void know_opcodes(struct callsites *s, const struct code_cache *codes)
{
	if (s->minor == layout_minor(codes->layout))
		return;
	s->minor = layout_minor(codes->layout);
	opcode_classes(s->minor, s->classes);
}

/* The units up to and including the one in question, as far as they are looked at. */
struct units {
	const struct callsites *sites;
	uint8_t byte[2 * (WINDOW + 1)];
	uint32_t n; /* of which the last is the one in question */
};

static unsigned class_at(const struct units *u, uint32_t i)
{
	return u->sites->classes[u->byte[2 * i]];
}

/* Does a jump lead to behind the call, which ends before unit `after`, so that the generator
 * may come from elsewhere? What is no jump but a cache that looks like one only makes us
 * know less. */
static bool is_jumped_over(const struct units *u, uint32_t call, uint32_t after)
{
	for (uint32_t i = 0; i < call; i++) {
		uint32_t to = i + 1 + u->byte[2 * i + 1];

		/* Conditional jumps have one unit of cache, from behind which they count. */
		if ((class_at(u, i) & OP_JUMPS) &&
		    ((to >= after && to < u->n) || (to + 1 >= after && to + 1 < u->n)))
			return true;
	}
	return false;
}

/* The version of the function whose result the last unit uses; 0: that is not plain. */
static uint32_t version_of_call(const struct units *u)
{
	uint32_t end = u->n - 1; /* of the call, caches included: up to here all only moves */

	for (unsigned moved = 0; moved <= MOVES_MAX && end >= CALL_UNITS; moved++) {
		uint32_t call = end - CALL_UNITS, version;

		if (class_at(u, call) & OP_VERSIONED) {
			memcpy(&version, u->byte + 2 * call + 4, sizeof version);
			return is_jumped_over(u, call, end) ? 0 : version;
		}
		if (class_at(u, end - 1) & OP_MOVES)
			end--;
		else if (end >= 2 && class_at(u, end - 2) & OP_CACHED)
			end -= 2;
		else
			return 0;
	}
	return 0;
}

static uint32_t generator_of_version(const struct code_cache *codes, uint32_t version)
{
	uint32_t found = NO_GENERATOR;

	for (uint32_t i = 0; i < codes->ncodes; i++) {
		if (codes->codes[i].version != version || !(codes->codes[i].flags & CODE_GENERATOR))
			continue;
		/* Versions are of an interpreter each. */
		if (found != NO_GENERATOR)
			return NO_GENERATOR;
		found = i;
	}
	return found;
}

static uint32_t look(struct callsites *s, struct code_cache *codes, raddr instr, uint32_t unit,
		     uint32_t *ret_version)
{
	struct units u = { .sites = s, .n = (unit < WINDOW ? unit : WINDOW) + 1 };

	*ret_version = 0;
	know_opcodes(s, codes);
	if (target_read(codes->target, instr - 2 * (raddr)(u.n - 1), u.byte, 2 * u.n))
		return NO_GENERATOR;
	/* What only stores the generator, say in a list, runs no code of it. */
	if (!(class_at(&u, u.n - 1) & (OP_RESUMES | OP_USES)))
		return NO_GENERATOR;
	*ret_version = version_of_call(&u);
	return *ret_version ? generator_of_version(codes, *ret_version) : NO_GENERATOR;
}

uint32_t callsite_find(struct callsites *s, struct code_cache *codes, uint32_t code, raddr instr,
		       uint32_t unit)
{
	struct callsite *site = site_slot(s, code, unit);

	if (!site->used) {
		if (s->nsites >= SITES_MAX / 4 * 3)
			return NO_GENERATOR;
		s->nsites++;
		*site = (struct callsite){ .code = code,
					   .unit = unit,
					   .generator = NO_GENERATOR,
					   .patience = ASK_FIRST,
					   .used = true };
	}
	if (site->left) {
		site->left--;
		return site->generator;
	}
	site->generator = look(s, codes, instr, unit, &site->version);
	if (site->generator != NO_GENERATOR) {
		site->left = ASK_KNOWN;
		s->any = true;
	} else {
		site->left = site->patience;
		site->patience *= site->patience < ASK_UNKNOWN ? 2 : 1;
	}
	return site->generator;
}

bool callsite_excludes(struct callsites *s, struct code_cache *codes, uint32_t code, raddr instr,
		       uint32_t unit, uint32_t generator)
{
	uint32_t version = codes->codes[generator].version;
	const struct callsite *site;

	if (callsite_find(s, codes, code, instr, unit) != NO_GENERATOR)
		return false;
	site = site_slot(s, code, unit);
	return site->used && site->version && version && version != site->version;
}

/* A cache that looks like such a call does not hold that version behind it, too. */
static void look_for_calls(struct callsites *s, struct code_cache *codes, struct callers *c)
{
	const struct code *caller = &codes->codes[c->caller];
	uint32_t n = caller->nunits < CALLER_UNITS ? caller->nunits : CALLER_UNITS;
	uint32_t version = codes->codes[c->callee].version;
	uint8_t byte[2 * CALLER_UNITS];

	c->n = 0;
	know_opcodes(s, codes);
	if (!version || target_read(codes->target, caller->units_at, byte, 2 * (size_t)n))
		return;
	for (uint32_t i = 0; i + CALL_UNITS <= n && c->n < CALLERS_EACH; i++) {
		if (s->classes[byte[2 * i]] & OP_VERSIONED &&
		    memcmp(byte + 2 * i + 4, &version, sizeof version) == 0)
			c->unit[c->n++] = i;
	}
}

/* NULL: there is no room for what is known of these two. */
static const struct callers *calls_between(struct callsites *s, struct code_cache *codes,
					   uint32_t caller, uint32_t callee)
{
	struct callers *c = callers_slot(s, caller, callee);

	if (!c->used) {
		if (s->ncallers >= CALLERS_MAX / 4 * 3)
			return NULL;
		s->ncallers++;
		*c = (struct callers){
			.caller = caller, .callee = callee, .patience = ASK_FIRST, .used = true
		};
	}
	if (c->left) {
		c->left--;
	} else {
		look_for_calls(s, codes, c);
		c->left = c->n ? ASK_KNOWN : c->patience;
		c->patience *= c->patience < ASK_UNKNOWN ? 2 : 1;
	}
	return c;
}

bool callsite_of(struct callsites *s, struct code_cache *codes, uint32_t caller, uint32_t callee,
		 uint32_t near, uint32_t *ret_unit)
{
	const struct callers *c = calls_between(s, codes, caller, callee);

	for (uint32_t i = 0; c && i < c->n; i++) {
		if (i == 0 || c->unit[i] == near)
			*ret_unit = c->unit[i];
	}
	return c && c->n;
}

/* As the code was when it was first read. */
static bool called_then(struct callsites *s, struct code_cache *codes, uint32_t caller,
			uint32_t callee, uint32_t unit)
{
	unsigned marks = code_marks(&codes->codes[caller], unit);
	const struct callers *c;

	if (!(marks & MARK_CALLS) || !(marks & MARK_VERSIONED) || !codes->codes[callee].version)
		return marks & MARK_CALLS;
	c = calls_between(s, codes, caller, callee);
	for (uint32_t i = 0; c && i < c->n; i++) {
		if (c->unit[i] == unit)
			return true;
	}
	return !c || c->n == CALLERS_EACH;
}

bool callsite_calls(struct callsites *s, struct code_cache *codes, uint32_t caller, uint32_t callee,
		    raddr instr, uint32_t unit)
{
	uint8_t byte[2 * CALL_UNITS];
	uint32_t version;
	unsigned class;

	if (called_then(s, codes, caller, callee, unit))
		return true;
	know_opcodes(s, codes);
	if (target_read(codes->target, instr, byte, sizeof byte))
		return false;
	class = s->classes[byte[0]];
	memcpy(&version, byte + 4, sizeof version);
	if (!(class & OP_CALLS) ||
	    (class & OP_VERSIONED && version != codes->codes[callee].version))
		return false;
	/* Specialized anew: what it is for may change again. */
	code_set_marks(&codes->codes[caller], unit, class & MARKS & ~MARK_VERSIONED);
	return true;
}

/* --- what was met --- */

bool callsite_is_running(const struct callsites *s, uint32_t code, uint32_t unit)
{
	const struct callsite *site = site_slot(s, code, unit);

	return !site->used || !site->idle;
}

void callsite_note_running(struct callsites *s, uint32_t code, uint32_t unit, bool running)
{
	struct callsite *site = site_slot(s, code, unit);

	if (site->used)
		site->idle = !running;
}

void callsite_note_place(struct callsites *s, uint32_t code, uint32_t unit, enum doing doing)
{
	struct place *p = place_slot(s, code);

	if (!p->used) {
		if (s->nplaces >= PLACES_MAX / 4 * 3)
			return;
		s->nplaces++;
		*p = (struct place){ .code = code, .used = true };
	}
	p->unit[doing] = unit;
	p->met[doing] = true;
	if (doing != DOING_CALL) {
		p->unit[DOING_ON_TOP] = unit;
		p->met[DOING_ON_TOP] = true;
	}
}

bool callsite_place(const struct callsites *s, uint32_t code, enum doing doing, uint32_t *ret_unit)
{
	const struct place *p = place_slot(s, code);

	if (!p->used || !p->met[doing])
		return false;
	*ret_unit = p->unit[doing];
	return true;
}
