/* SPDX-License-Identifier: MIT */
/* profiler/callsite.h - which generator an instruction resumes, told by the bytecode.
 *
 * A generator that is made, run and dropped within a microsecond cannot be copied in the
 * same moment as the frame that resumes it. But the bytecode around that frame's
 * instruction is not in doubt: where the call that made the generator stands right before
 * the instruction that uses it, as in `for x in gen():`, `sum(gen())` or `await coro()`,
 * no other generator can be on top there. The call says which function it called: its
 * inline cache holds the version that the interpreter specialized it for.
 *
 * What is not so plain (a generator from a variable, a call that was never specialized, a
 * jump to between the two) is NO_GENERATOR.
 *
 * Where in its code such a generator is, other samples tell, in which its frame was met
 * running: callsite_note() keeps the latest place of each kind.
 */
#ifndef PROFILER_CALLSITE_H
#define PROFILER_CALLSITE_H

#include "profiler/code.h"

#define NO_GENERATOR UINT32_MAX

/* What a generator that runs is doing. */
enum doing {
	DOING_WORK,   /* none of the following */
	DOING_CALL,   /* stands at an instruction that may have called a Python function */
	DOING_RESUME, /* ... or that uses another generator, as callsite_find() knows */
	DOING_ON_TOP, /* whichever of the first and the third was met last */
	DOING_NKINDS
};

struct callsites {
	struct callsite *v;
	struct place *places;
	struct callers *callers;
	uint32_t nsites, nplaces, ncallers;
	bool any; /* some site resumes a generator */
	uint8_t classes[OPCODES];
	unsigned minor;
};

enum ps_status callsites_init(struct callsites *s) PS_MUST_USE;
void callsites_deinit(struct callsites *s);
/* Code objects were replaced: nothing that was learnt holds. */
void callsites_clear(struct callsites *s);

/* The generator function (an index in the code cache) whose new generator the instruction
 * at that unit uses, or NO_GENERATOR. instr is its address. Reads the target now and then,
 * since code gets specialized as it runs. */
uint32_t callsite_find(struct callsites *s, struct code_cache *codes, uint32_t code, raddr instr,
		       uint32_t unit);

/* Does the instruction there use a generator of a function that was not met yet, which is another
 * than this one? By the versions, which a function may come to have anew: not to be relied upon
 * for long. */
bool callsite_excludes(struct callsites *s, struct code_cache *codes, uint32_t code, raddr instr,
		       uint32_t unit, uint32_t generator);

/* Can the caller's instruction there, as its bytecode has it, have called the callee by pushing
 * its frame? Asks the target where it could not when the code was first read: instructions are
 * specialized anew. One that is specialized for another function may still, once or twice. */
bool callsite_calls(struct callsites *s, struct code_cache *codes, uint32_t caller, uint32_t callee,
		    raddr instr, uint32_t unit);

/* Where code calls a function of that callee, by the versions in its calls: `near` if that is
 * one of the places, else the first. False: no call is specialized for it. */
bool callsite_of(struct callsites *s, struct code_cache *codes, uint32_t caller, uint32_t callee,
		 uint32_t near, uint32_t *ret_unit);

/* Does C code at that site, the consumer of a generator, have it running? As last noted;
 * true at first. */
bool callsite_is_running(const struct callsites *s, uint32_t code, uint32_t unit);
void callsite_note_running(struct callsites *s, uint32_t code, uint32_t unit, bool running);

/* A generator of that code was met running at that unit, doing that. */
void callsite_note_place(struct callsites *s, uint32_t code, uint32_t unit, enum doing doing);
/* Where one was met that did this; false: none was yet. */
bool callsite_place(const struct callsites *s, uint32_t code, enum doing doing, uint32_t *ret_unit);

#endif
