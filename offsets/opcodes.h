/* SPDX-License-Identifier: MIT */
/* offsets/opcodes.h - what is known of instructions, by their number.
 *
 * The numbers are those of each version's own Include/opcode_ids.h, which is fixed for
 * all releases of a minor version; a test asks the interpreters themselves. Only what
 * tells something about the frames on top of an instruction is listed. */
#ifndef OFFSETS_OPCODES_H
#define OFFSETS_OPCODES_H

#include <stdint.h>

enum opcode_class {
	OP_RETURNS = 1, /* the frame is on its way out */
	OP_RESUMES = 2, /* may resume a generator, by pushing its frame */
	OP_CALLS = 4,   /* may call a Python function, by pushing its frame */
	OP_USES = 8,    /* may give a value of the stack to C code that resumes generators */
	/* Moves values of the stack, or makes a value its own iterator: if it follows the call
	 * that made a generator, the generator is still on the stack, and no other was run. */
	OP_MOVES = 16,
	OP_CACHED = 32, /* the same, and one unit of cache follows it */
	OP_JUMPS = 64,  /* forward, by its argument */
	/* Specialized for one function: the second and third unit behind it (the first is a
	 * counter) are that function's version, _PyCallCache in pycore_code.h. */
	OP_VERSIONED = 128,
	/* Stands for another instruction, which is kept elsewhere. */
	OP_ANY = OP_RESUMES | OP_CALLS | OP_USES,
};

enum { OPCODES = 256 };

/* Classes of 3.minor's opcodes; all 0 for a version that is not known. */
void opcode_classes(unsigned minor, uint8_t ret[static OPCODES]);

#endif
