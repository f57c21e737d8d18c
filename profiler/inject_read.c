/* SPDX-License-Identifier: MIT */
#include "profiler/inject_parts.h"

#include "profiler/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

void inject_wait_for_news(const struct inject *in, uint64_t ns)
{
	struct pollfd p[] = { { .fd = in->channel.fd, .events = POLLIN },
			      { .fd = in->host.target.pidfd, .events = POLLIN },
			      { .fd = in->stream, .events = POLLIN } };
	struct timespec time = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	if (ppoll(p, 3, &time, NULL) > 0 && p[2].revents & POLLIN)
		in->order.pump(in->stream, in->order.ctx);
}

static int outer_tid(const struct inject *in, uint64_t inner)
{
	for (unsigned i = 0; i < in->host.nthreads; i++) {
		if (in->host.threads[i].inner_tid == inner)
			return in->host.threads[i].tid;
	}
	return in->tid;
}

static enum ps_status not_ours(const struct inject *in, struct ps_err *err)
{
	return ps_fail(err, PS_FORMAT,
		       "what comes from process %d is not what our script sends: is the target "
		       "sound?",
		       in->host.target.pid);
}

enum ps_status inject_read(struct inject *in, struct inject_message *ret, struct ps_err *err)
{
	static const char letters[] = { [INJECT_BEGAN] = 'b',
					[INJECT_OUT] = 'o',
					[INJECT_ERRORS] = 'e',
					[INJECT_RAISED] = 'x',
					[INJECT_DONE] = 'd' };
	struct channel_message m;
	enum ps_status st = channel_next(&in->channel, &m);
	unsigned kind = 0;

	if (st == PS_NOT_READY)
		return st;
	if (st)
		return not_ours(in, err);
	while (kind < sizeof letters && letters[kind] != m.kind)
		kind++;
	if (kind == sizeof letters || (kind == INJECT_BEGAN) == in->began)
		return not_ours(in, err);
	*ret = (struct inject_message){
		.kind = kind, .bytes = m.bytes, .len = m.len, .tid = in->tid
	};
	if (kind == INJECT_BEGAN) {
		char digits[24] = "";

		memcpy(digits, m.bytes, m.len < sizeof digits - 1 ? m.len : sizeof digits - 1);
		ret->tid = in->tid = outer_tid(in, strtoull(digits, NULL, 10));
		in->began = true;
		in->began_at = clock_now();
		ret->waited_ns = in->began_at - in->asked_at;
	}
	in->finished = kind == INJECT_DONE;
	return PS_OK;
}

enum ps_status inject_ended(const struct inject *in, struct ps_err *err)
{
	return ps_fail(err, PS_GONE, "process %d ended %s", in->host.target.pid,
		       in->began ? "while the script ran" : "before the script ran");
}

bool inject_ends_soon(struct inject *in)
{
	enum { A_MOMENT = 1000 };

	for (unsigned ms = 0; ms < A_MOMENT; ms++) {
		if (target_ended(&in->host.target))
			return true;
		(void)clock_sleep_until(clock_now() + MS);
	}
	return false;
}
