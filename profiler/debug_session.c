/* SPDX-License-Identifier: MIT */
#include "profiler/debug_session.h"

#include "profiler/clock.h"
#include "profiler/embedded.h"
#include "profiler/scope.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define CONNECT_NS ((uint64_t)60000000000)

struct debug_session {
	int pid, tid, pidfd;
	char python[64];
	struct channel channel;
};

static struct inject_order make_order(const struct debug_order *o)
{
	return (struct inject_order){ .thread = o->thread,
				      .tid = o->tid,
				      .wake = o->wake,
				      .patience_ns = o->patience_ns,
				      .interrupted = o->interrupted,
				      .ctx = o->ctx,
				      .name = "<pysample debug>",
				      .detach = true };
}

/* --- connecting --- */

static bool is_over(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

/* Anybody with the target's user could connect, if it hurried. */
static bool is_target(int fd, int pid)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == pid;
}

static enum ps_status wait_for_target(struct debug_session *s, int listener,
				      const struct debug_order *o, struct ps_err *err)
{
	enum { SLICE_MS = 20 };
	uint64_t until = clock_now() + CONNECT_NS;

	while (clock_now() < until) {
		struct pollfd p[] = { { .fd = listener, .events = POLLIN },
				      { .fd = s->pidfd, .events = POLLIN } };
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0 && is_target(fd, s->pid)) {
			channel_init(&s->channel, fd);
			return PS_OK;
		}
		if (fd >= 0) {
			close(fd);
			continue;
		}
		if (is_over(s->pidfd))
			return ps_fail(err, PS_GONE, "process %d has ended", s->pid);
		if (o->interrupted && o->interrupted(o->ctx))
			return ps_fail(err, PS_NOT_READY, "interrupted; the program goes on");
		poll(p, 2, SLICE_MS);
	}
	ps_fail(err, PS_LIMIT, "the debugger in process %d does not connect to us", s->pid);
	ps_hint(err, "its standard error may have the reason");
	return PS_LIMIT;
}

static enum ps_status begin(struct debug_session *s, const struct debug_order *o, struct inject *in,
			    struct ps_err *err)
{
	SCOPE_CLOSE int listener = inject_take_socket(in);
	struct inject_message m;

	PS_TRY(inject_next(in, &m, err));
	s->tid = m.tid;
	snprintf(s->python, sizeof s->python, "%s", inject_python(in));
	return wait_for_target(s, listener, o, err);
}

static enum ps_status open_parts(struct debug_session *s, const struct debug_order *o,
				 struct ps_err *err)
{
	struct inject_order order = make_order(o);
	struct inject *in;
	enum ps_status st;

	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	if (s->pidfd < 0)
		return ps_fail(err, errno == ESRCH ? PS_GONE : PS_IO, "open process %d: %s", s->pid,
			       strerror(errno));
	order.source = (const char *)embedded_debug_py;
	order.len = embedded_debug_py_len;
	order.socket = true;
	PS_TRY(inject_open(s->pid, &order, &in, err));
	st = begin(s, o, in, err);
	inject_close(in);
	return st;
}

enum ps_status debug_open(int pid, const struct debug_order *o, struct debug_session **ret,
			  struct ps_err *err)
{
	struct debug_session *s = calloc(1, sizeof *s);
	enum ps_status st;

	if (!s)
		return ps_fail(err, PS_NOMEM, "out of memory");
	s->pid = pid;
	s->channel.fd = -1;
	st = open_parts(s, o, err);
	if (st)
		debug_close(s);
	else
		*ret = s;
	return st;
}

void debug_close(struct debug_session *s)
{
	channel_close(&s->channel);
	if (s->pidfd >= 0)
		close(s->pidfd);
	free(s);
}

/* --- then --- */

const char *debug_python(const struct debug_session *s)
{
	return s->python;
}

int debug_tid(const struct debug_session *s)
{
	return s->tid;
}

int debug_fd(const struct debug_session *s)
{
	return s->channel.fd;
}

int debug_pidfd(const struct debug_session *s)
{
	return s->pidfd;
}

static enum ps_status hung_up(const struct debug_session *s, struct ps_err *err)
{
	return ps_fail(err, PS_IO, "the debugger in process %d has hung up", s->pid);
}

enum ps_status debug_next(struct debug_session *s, struct debug_message *ret, struct ps_err *err)
{
	bool over = is_over(s->pidfd); /* before the last words are read */
	enum ps_status st = debug_wire_next(&s->channel, ret);

	if (st == PS_FORMAT)
		return ps_fail(err, st,
			       "what comes from process %d is not what our debugger sends: is the "
			       "target sound?",
			       s->pid);
	if (st == PS_NOT_READY && over)
		return ps_fail(err, PS_GONE, "process %d has ended", s->pid);
	if (st == PS_IO || (st == PS_NOT_READY && s->channel.ended)) {
		/* The kernel closes a dying process's files a moment before it is dead. */
		struct pollfd p = { .fd = s->pidfd, .events = POLLIN };

		if (poll(&p, 1, 1000) > 0)
			return ps_fail(err, PS_GONE, "process %d has ended", s->pid);
		return hung_up(s, err);
	}
	return st;
}

enum ps_status debug_tell(struct debug_session *s, enum debug_told told, const char *text,
			  size_t len, struct ps_err *err)
{
	enum ps_status st = debug_wire_tell(s->channel.fd, told, text, len);

	if (st == PS_LIMIT)
		return ps_fail(err, st, "a line is longer than %d bytes", DEBUG_TEXT_MAX);
	return st ? hung_up(s, err) : PS_OK;
}

enum ps_status debug_interrupt(struct debug_session *s, const struct debug_order *o,
			       struct ps_err *err)
{
	struct inject_order order = make_order(o);
	struct inject_message m;
	struct inject *in;
	enum ps_status st;

	order.thread = INJECT_TID;
	order.tid = s->tid;
	order.source = (const char *)embedded_debug_interrupt_py;
	order.len = embedded_debug_interrupt_py_len;
	PS_TRY(inject_open(s->pid, &order, &in, err));
	st = inject_next(in, &m, err);
	inject_close(in);
	return st;
}
