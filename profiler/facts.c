/* SPDX-License-Identifier: MIT */
#include "profiler/facts.h"

const char *repair_reason_text(enum repair_reason r)
{
	static const char *const text[REPAIR_NREASONS] = {
		[REPAIR_WINDOW] = "stack had grown, read again",
		[REPAIR_MOVED] = "thread memory had moved, read again",
		[REPAIR_FOREIGN] = "frame outside the data stack read separately",
		[REPAIR_TOLD] = "generators told by code or by other samples",
		[REPAIR_ENDED] = "top frame ended before it was copied, put back",
		[REPAIR_CUT] = "top frame uncertain, left out",
	};

	return text[r];
}

const char *lost_reason_text(enum lost_reason r)
{
	static const char *const text[LOST_NREASONS] = {
		[LOST_FAULT] = "memory was gone",
		[LOST_TORN] = "changed while it was read",
		[LOST_REUSED] = "code object replaced",
		[LOST_FULL] = "memory bound of the profile reached",
		[LOST_EXEC] = "target was replacing its program",
	};

	return text[r];
}
