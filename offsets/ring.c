/* SPDX-License-Identifier: MIT */
/* Python/ceval.c (3.8 to 3.11) and Python/ceval_gil.c (3.12, 3.13): Py_AddPendingCall() adds at
 * the end, under a lock; the main thread takes from the beginning, under the lock, and calls
 * without it. It does so when the breaker is set and, up to 3.12, calls_to_do as well.
 *
 * Up to 3.12 the ring is full with one slot left free, so first == last means empty. 3.13
 * counts, and allows no more than 32 of its 300 slots to be used.
 *
 * Since 3.12 there are two: one of each interpreter, and one of the runtime for the main
 * thread, which is the one that Py_AddPendingCall() uses. BUSY is the former's for both.
 *
 * Until 3.11 the flag that calls are being made is a static variable of a function, and is not
 * seen from here. Calls that are added while one is made are made in the same round. That must not
 * happen to ours if the one before has left a trace function, which would take what runs ours for
 * the program. And in 3.11 it could hang: while a call is to be made, the breaker is set, and with
 * it the first instruction of a function that is traced is begun again and again (DO_TRACING and
 * handle_eval_breaker in Python/ceval.c). */
#include "offsets/ring.h"

#include <string.h>

#define IN_RUNTIME(at, width)           \
	{                               \
		RING_RUNTIME, width, at \
	}
#define IN_INTERPRETER(at, width)           \
	{                                   \
		RING_INTERPRETER, width, at \
	}
#define IN_THREAD(at, width)           \
	{                              \
		RING_THREAD, width, at \
	}
#define IN_GIL(at, width)           \
	{                           \
		RING_GIL, width, at \
	}

/* struct _pending_calls of 3.9 to 3.11. */
#define RING_3_9 .calls = 16, .slot = 16, .slots = 32, .first = 528, .marked = true

/* To add a version: HOWTO_ADD_PYTHON.md. Include/internal/pycore_*.h of each release. */
static const struct ring_layout layouts[] = {
	{ /* 3.8.18: pycore_pystate.h. Everything about calls is in the runtime. */
	  .minor = 8,
	  .word = { [RW_INTERPRETERS] = IN_RUNTIME(32, 8),
		    [RW_MAIN] = IN_RUNTIME(40, 8),
		    [RW_MAIN_IDENT] = IN_RUNTIME(72, 8),
		    [RW_STARTED] = IN_RUNTIME(12, 4),
		    [RW_FINALIZING] = IN_RUNTIME(16, 8),
		    [RW_RUNTIME_HOOKS] = IN_RUNTIME(1456, 8),
		    [RW_NEXT] = IN_INTERPRETER(0, 8),
		    [RW_ID] = IN_INTERPRETER(16, 8),
		    [RW_THREADS] = IN_INTERPRETER(8, 8),
		    [RW_HOOKS] = IN_INTERPRETER(2704, 8),
		    [RW_RECURSION_LIMIT] = IN_RUNTIME(584, 4),
		    [RW_EXTRA_USERS] = IN_INTERPRETER(576, 8),
		    [RW_EXTRA] = IN_INTERPRETER(584, 8),
		    [RW_THREAD_NEXT] = IN_THREAD(8, 8),
		    [RW_THREAD_INTERPRETER] = IN_THREAD(16, 8),
		    [RW_THREAD_IDENT] = IN_THREAD(176, 8),
		    [RW_ASYNC_EXC] = IN_THREAD(168, 8),
		    [RW_DEPTH] = IN_THREAD(32, 4),
		    [RW_BUSY] = IN_RUNTIME(600, 4), /* finishing */
		    [RW_LOCK] = IN_RUNTIME(608, 8),
		    [RW_CALLS_TO_DO] = IN_RUNTIME(616, 4),
		    [RW_BREAKER] = IN_RUNTIME(592, 4),
		    [RW_HOLDER] = IN_RUNTIME(1160, 8),
		    [RW_LOCKED] = IN_RUNTIME(1168, 4),
		    [RW_REASON_DROP] = IN_RUNTIME(596, 4),
		    [RW_REASON_SIGNALS] = IN_RUNTIME(1144, 4),
		    [RW_REASON_ASYNC] = IN_RUNTIME(620, 4) },
	  .ring = IN_RUNTIME(600, 8),
	  .calls = 24,
	  .slot = 16,
	  .slots = 32,
	  .first = 536,
	  .marked = true },
	{ /* 3.9.18: pycore_interp.h, pycore_runtime.h */
	  .minor = 9,
	  .word = { [RW_INTERPRETERS] = IN_RUNTIME(32, 8),
		    [RW_MAIN] = IN_RUNTIME(40, 8),
		    [RW_MAIN_IDENT] = IN_RUNTIME(72, 8),
		    [RW_STARTED] = IN_RUNTIME(12, 4),
		    [RW_FINALIZING] = IN_RUNTIME(16, 8),
		    [RW_RUNTIME_HOOKS] = IN_RUNTIME(648, 8),
		    [RW_NEXT] = IN_INTERPRETER(0, 8),
		    [RW_ID] = IN_INTERPRETER(24, 8),
		    [RW_THREADS] = IN_INTERPRETER(8, 8),
		    [RW_HOOKS] = IN_INTERPRETER(3536, 8),
		    [RW_RECURSION_LIMIT] = IN_INTERPRETER(64, 4),
		    [RW_EXTRA_USERS] = IN_INTERPRETER(1408, 8),
		    [RW_EXTRA] = IN_INTERPRETER(1416, 8),
		    [RW_THREAD_NEXT] = IN_THREAD(8, 8),
		    [RW_THREAD_INTERPRETER] = IN_THREAD(16, 8),
		    [RW_THREAD_IDENT] = IN_THREAD(176, 8),
		    [RW_ASYNC_EXC] = IN_THREAD(168, 8),
		    [RW_DEPTH] = IN_THREAD(32, 4),
		    [RW_LOCK] = IN_INTERPRETER(80, 8),
		    [RW_CALLS_TO_DO] = IN_INTERPRETER(88, 4),
		    [RW_BREAKER] = IN_INTERPRETER(72, 4),
		    [RW_HOLDER] = IN_RUNTIME(360, 8),
		    [RW_LOCKED] = IN_RUNTIME(368, 4),
		    [RW_REASON_DROP] = IN_INTERPRETER(76, 4),
		    [RW_REASON_SIGNALS] = IN_RUNTIME(344, 4),
		    [RW_REASON_ASYNC] = IN_INTERPRETER(92, 4) },
	  .ring = IN_INTERPRETER(80, 8),
	  RING_3_9 },
	{ /* 3.10.13: the same files */
	  .minor = 10,
	  .word = { [RW_INTERPRETERS] = IN_RUNTIME(32, 8),
		    [RW_MAIN] = IN_RUNTIME(40, 8),
		    [RW_MAIN_IDENT] = IN_RUNTIME(72, 8),
		    [RW_STARTED] = IN_RUNTIME(12, 4),
		    [RW_FINALIZING] = IN_RUNTIME(16, 8),
		    [RW_RUNTIME_HOOKS] = IN_RUNTIME(648, 8),
		    [RW_NEXT] = IN_INTERPRETER(0, 8),
		    [RW_ID] = IN_INTERPRETER(24, 8),
		    [RW_THREADS] = IN_INTERPRETER(8, 8),
		    [RW_HOOKS] = IN_INTERPRETER(3504, 8),
		    [RW_RECURSION_LIMIT] = IN_INTERPRETER(64, 4),
		    [RW_EXTRA_USERS] = IN_INTERPRETER(1376, 8),
		    [RW_EXTRA] = IN_INTERPRETER(1384, 8),
		    [RW_THREAD_NEXT] = IN_THREAD(8, 8),
		    [RW_THREAD_INTERPRETER] = IN_THREAD(16, 8),
		    [RW_THREAD_IDENT] = IN_THREAD(176, 8),
		    [RW_ASYNC_EXC] = IN_THREAD(168, 8),
		    [RW_DEPTH] = IN_THREAD(32, 4),
		    [RW_LOCK] = IN_INTERPRETER(80, 8),
		    [RW_CALLS_TO_DO] = IN_INTERPRETER(88, 4),
		    [RW_BREAKER] = IN_INTERPRETER(68, 4),
		    [RW_HOLDER] = IN_RUNTIME(360, 8),
		    [RW_LOCKED] = IN_RUNTIME(368, 4),
		    [RW_REASON_DROP] = IN_INTERPRETER(72, 4),
		    [RW_REASON_SIGNALS] = IN_RUNTIME(344, 4),
		    [RW_REASON_ASYNC] = IN_INTERPRETER(92, 4) },
	  .ring = IN_INTERPRETER(80, 8),
	  RING_3_9 },
	{ /* 3.11.7: the same files */
	  .minor = 11,
	  .word = { [RW_INTERPRETERS] = IN_RUNTIME(40, 8),
		    [RW_MAIN] = IN_RUNTIME(48, 8),
		    [RW_MAIN_IDENT] = IN_RUNTIME(80, 8),
		    [RW_STARTED] = IN_RUNTIME(16, 4),
		    [RW_FINALIZING] = IN_RUNTIME(24, 8),
		    [RW_RUNTIME_HOOKS] = IN_RUNTIME(656, 8),
		    [RW_NEXT] = IN_INTERPRETER(0, 8),
		    [RW_ID] = IN_INTERPRETER(48, 8),
		    [RW_THREADS] = IN_INTERPRETER(16, 8),
		    [RW_HOOKS] = IN_INTERPRETER(3552, 8),
		    [RW_RECURSION_LIMIT] = IN_INTERPRETER(96, 4),
		    [RW_EXTRA_USERS] = IN_INTERPRETER(1432, 8),
		    [RW_EXTRA] = IN_INTERPRETER(1440, 8),
		    [RW_THREAD_NEXT] = IN_THREAD(8, 8),
		    [RW_THREAD_INTERPRETER] = IN_THREAD(16, 8),
		    [RW_THREAD_IDENT] = IN_THREAD(152, 8),
		    [RW_THREAD_NATIVE] = IN_THREAD(160, 8),
		    [RW_ASYNC_EXC] = IN_THREAD(144, 8),
		    [RW_DEPTH_LEFT] = IN_THREAD(32, 4),
		    [RW_LOCK] = IN_INTERPRETER(112, 8),
		    [RW_CALLS_TO_DO] = IN_INTERPRETER(120, 4),
		    [RW_BREAKER] = IN_INTERPRETER(100, 4),
		    [RW_HOLDER] = IN_RUNTIME(368, 8),
		    [RW_LOCKED] = IN_RUNTIME(376, 4),
		    [RW_REASON_DROP] = IN_INTERPRETER(104, 4),
		    [RW_REASON_SIGNALS] = IN_RUNTIME(352, 4),
		    [RW_REASON_ASYNC] = IN_INTERPRETER(124, 4) },
	  .ring = IN_INTERPRETER(112, 8),
	  RING_3_9 },
	{ /* 3.12.1: pycore_ceval_state.h, pycore_interp.h, pycore_runtime.h */
	  .minor = 12,
	  .word = { [RW_INTERPRETERS] = IN_RUNTIME(40, 8),
		    [RW_MAIN] = IN_RUNTIME(48, 8),
		    [RW_MAIN_IDENT] = IN_RUNTIME(64, 8),
		    [RW_STARTED] = IN_RUNTIME(16, 4),
		    [RW_FINALIZING] = IN_RUNTIME(24, 8),
		    [RW_RUNTIME_HOOKS] = IN_RUNTIME(3064, 8),
		    [RW_NEXT] = IN_INTERPRETER(0, 8),
		    [RW_ID] = IN_INTERPRETER(8, 8),
		    [RW_THREADS] = IN_INTERPRETER(72, 8),
		    [RW_HOOKS] = IN_INTERPRETER(267208, 8),
		    [RW_RECURSION_LIMIT] = IN_INTERPRETER(376, 4),
		    [RW_EXTRA_USERS] = IN_INTERPRETER(1824, 8),
		    [RW_EXTRA] = IN_INTERPRETER(1832, 8),
		    [RW_GIL] = IN_INTERPRETER(384, 8),
		    [RW_THREAD_NEXT] = IN_THREAD(8, 8),
		    [RW_THREAD_INTERPRETER] = IN_THREAD(16, 8),
		    [RW_THREAD_IDENT] = IN_THREAD(136, 8),
		    [RW_THREAD_NATIVE] = IN_THREAD(144, 8),
		    [RW_ASYNC_EXC] = IN_THREAD(128, 8),
		    [RW_DEPTH_LEFT] = IN_THREAD(28, 4),
		    [RW_C_DEPTH_LEFT] = IN_THREAD(36, 4),
		    [RW_LOCK] = IN_RUNTIME(2024, 8),
		    [RW_BUSY] = IN_INTERPRETER(400, 4),
		    [RW_CALLS_TO_DO] = IN_RUNTIME(2032, 4),
		    [RW_BREAKER] = IN_INTERPRETER(368, 4),
		    [RW_HOLDER] = IN_GIL(8, 8),
		    [RW_LOCKED] = IN_GIL(16, 4),
		    [RW_REASON_DROP] = IN_INTERPRETER(372, 4),
		    [RW_REASON_SIGNALS] = IN_RUNTIME(2008, 4),
		    [RW_REASON_ASYNC] = IN_INTERPRETER(420, 4),
		    [RW_REASON_GC] = IN_INTERPRETER(396, 4),
		    [RW_REASON_CALLS] = IN_INTERPRETER(416, 4) },
	  .ring = IN_RUNTIME(2016, 8),
	  .calls = 24,
	  .slot = 16,
	  .slots = 32,
	  .first = 536 },
	{ /* 3.13.0: the same files. The runtime's part moves by 24 between 3.13.0 and 3.13.18:
	   * ring_layout_move(). */
	  .minor = 13,
	  .word = { [RW_INTERPRETERS] = IN_RUNTIME(632, 8),
		    [RW_MAIN] = IN_RUNTIME(640, 8),
		    [RW_MAIN_IDENT] = IN_RUNTIME(656, 8),
		    [RW_STARTED] = IN_RUNTIME(600, 4),
		    [RW_FINALIZING] = IN_RUNTIME(608, 8),
		    [RW_RUNTIME_HOOKS] = IN_RUNTIME(10424, 8),
		    [RW_NEXT] = IN_INTERPRETER(7264, 8),
		    [RW_ID] = IN_INTERPRETER(7272, 8),
		    [RW_THREADS] = IN_INTERPRETER(7344, 8),
		    [RW_HOOKS] = IN_INTERPRETER(10808, 8),
		    [RW_RECURSION_LIMIT] = IN_INTERPRETER(8, 4),
		    [RW_EXTRA_USERS] = IN_INTERPRETER(8552, 8),
		    [RW_EXTRA] = IN_INTERPRETER(8560, 8),
		    [RW_GIL] = IN_INTERPRETER(16, 8),
		    [RW_THREAD_NEXT] = IN_THREAD(8, 8),
		    [RW_THREAD_INTERPRETER] = IN_THREAD(16, 8),
		    [RW_THREAD_IDENT] = IN_THREAD(152, 8),
		    [RW_THREAD_NATIVE] = IN_THREAD(160, 8),
		    [RW_ASYNC_EXC] = IN_THREAD(144, 8),
		    [RW_DEPTH_LEFT] = IN_THREAD(44, 4),
		    [RW_C_DEPTH_LEFT] = IN_THREAD(52, 4),
		    [RW_LOCK] = IN_RUNTIME(2648, 1),
		    [RW_BUSY] = IN_INTERPRETER(32, 8), /* handling_thread */
		    [RW_BREAKER] = IN_THREAD(24, 1),
		    [RW_HOLDER] = IN_GIL(8, 8),
		    [RW_LOCKED] = IN_GIL(16, 4) },
	  .ring = IN_RUNTIME(2640, 8),
	  .calls = 24,
	  .slot = 24,
	  .slots = 300,
	  .first = 7224,
	  .pending = 12,
	  .limits = 16,
	  .breaker_bit = 1 << 2 }, /* _PY_CALLS_TO_DO_BIT, pycore_ceval.h */
};

const struct ring_layout *ring_layout_find(uint32_t version)
{
#ifdef __x86_64__
	for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
		if (version >> 24 == 3 && (version >> 16 & 0xff) == layouts[i].minor)
			return &layouts[i];
	}
#else
	(void)version;
	(void)layouts;
#endif
	return NULL;
}

bool ring_layout_move(struct ring_layout *l, uint32_t by)
{
	enum { MOVE_MAX = 64 };

	if (!l->limits || by > MOVE_MAX)
		return false;
	l->ring.at += by;
	l->word[RW_LOCK].at += by;
	l->word[RW_RUNTIME_HOOKS].at += by;
	return true;
}

size_t ring_size(const struct ring_layout *l)
{
	return l->first + 8;
}

static uint32_t get(const unsigned char *bytes, uint32_t at)
{
	uint32_t v;

	memcpy(&v, bytes + at, sizeof v);
	return v;
}

static void set(unsigned char *bytes, uint32_t at, uint32_t v)
{
	memcpy(bytes + at, &v, sizeof v);
}

int ring_count(const struct ring_layout *l, const unsigned char *bytes)
{
	uint32_t first = get(bytes, l->first), next = get(bytes, l->first + 4), count;

	if (first >= l->slots || next >= l->slots)
		return -1;
	count = (next + l->slots - first) % l->slots;
	if (l->pending && get(bytes, l->pending) != count)
		return -1;
	if (l->limits && (get(bytes, l->limits) != 32 || get(bytes, l->limits + 4) != 0))
		return -1;
	return (int)count;
}

static void set_call(const struct ring_layout *l, unsigned char *bytes, uint32_t slot,
		     const struct ring_call *call)
{
	unsigned char *at = bytes + l->calls + slot * l->slot;

	memset(at, 0, l->slot);
	memcpy(at, &call->function, sizeof call->function);
	memcpy(at + 8, &call->argument, sizeof call->argument);
}

static void get_call(const struct ring_layout *l, const unsigned char *bytes, uint32_t slot,
		     struct ring_call *ret)
{
	const unsigned char *at = bytes + l->calls + slot * l->slot;

	memcpy(&ret->function, at, sizeof ret->function);
	memcpy(&ret->argument, at + 8, sizeof ret->argument);
}

void ring_put(const struct ring_layout *l, unsigned char *bytes, const struct ring_call *call,
	      raddr mark)
{
	const uint32_t count = mark ? 2 : 1;

	set_call(l, bytes, 0, call);
	if (mark)
		set_call(l, bytes, 1, &(struct ring_call){ .function = mark });
	set(bytes, l->first, 0);
	set(bytes, l->first + 4, count);
	if (l->pending)
		set(bytes, l->pending, count);
}

static bool is_mark(const struct ring_layout *l, const unsigned char *bytes, uint32_t slot,
		    raddr mark)
{
	struct ring_call call;

	get_call(l, bytes, slot, &call);
	return mark && call.function == mark && call.argument == 0;
}

bool ring_shows(const struct ring_layout *l, const unsigned char *bytes, raddr mark)
{
	return ring_count(l, bytes) > 0 && is_mark(l, bytes, get(bytes, l->first), mark);
}

void ring_slot0(const struct ring_layout *l, const unsigned char *bytes, struct ring_call *ret)
{
	get_call(l, bytes, 0, ret);
}

bool ring_begins_at_0(const struct ring_layout *l, const unsigned char *bytes)
{
	return get(bytes, l->first) == 0 && get(bytes, l->first + 4) != 0;
}

void ring_take(const struct ring_layout *l, unsigned char *bytes, raddr mark)
{
	const uint32_t next = get(bytes, l->first + 4);
	const uint32_t taken = next >= 2 && is_mark(l, bytes, 1, mark) ? 2 : 1;

	memset(bytes + l->calls, 0, taken * l->slot);
	set(bytes, l->first, taken);
	if (l->pending)
		set(bytes, l->pending, (next + l->slots - taken) % l->slots);
}
