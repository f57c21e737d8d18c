/* SPDX-License-Identifier: MIT */
#include "profiler/debug_session.h"

#include "profiler/clock.h"
#include "profiler/debug_other.h"
#include "profiler/embedded.h"
#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CONNECT_NS ((uint64_t)60000000000)

struct debug_session {
	int pid, tid, pidfd;
	int warden, wire; /* see start_warden(); wire -1: there is none */
	bool left;        /* pdb has said its last word */
	uint64_t prompts; /* that have come */
	/* That many of them had come with our last answer. debug.py has to know: an interrupt means
	 * the line that is on its way or at work there, and not a prompt that has just been shown. */
	uint64_t answered;
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

/* --- when we are gone --- */

/* The debugger notices by itself that nobody is there any more: at its prompt at once, and with a
 * breakpoint set at the next trace event. Where the program runs on freely, nothing of it is at
 * work. So a process of ours stays behind, and interrupts it once more if we end without having
 * taken leave, by whatever. */
static void send_away(int pid, int tid, int pidfd)
{
	const uint64_t minute = 60000000000;
	struct debug_session s = { .pid = pid, .tid = tid, .pidfd = pidfd, .answered = UINT64_MAX };
	struct debug_order o = { .patience_ns = minute };
	struct ps_err err;

	(void)!debug_interrupt(&s, &o, &err);
}

enum { WIRE = 3, CONNECTION = 4, TARGET = 5 }; /* in there */

/* All but these. */
static void let_go_of_files(int wire, int connection, int target)
{
	enum { OUT_OF_THE_WAY = 10 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	wire = fcntl(wire, F_DUPFD, OUT_OF_THE_WAY);
	connection = fcntl(connection, F_DUPFD, OUT_OF_THE_WAY);
	target = fcntl(target, F_DUPFD, OUT_OF_THE_WAY);
	for (int fd = 0; null >= 0 && fd < WIRE; fd++)
		dup2(null, fd);
	dup2(wire, WIRE);
	dup2(connection, CONNECTION);
	dup2(target, TARGET);
	close_range(TARGET + 1, ~0U, 0);
}

static _Noreturn void be_warden(int wire, struct debug_session *s)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP };
	char word;
	ssize_t n;

	setsid();
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], SIG_IGN);
	let_go_of_files(wire, s->channel.fd, s->pidfd);
	prctl(PR_SET_NAME, DEBUG_WARDEN_NAME);
	do {
		n = read(WIRE, &word, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1) {
		/* Not only our copy: another process of ours may have one. */
		shutdown(CONNECTION, SHUT_RDWR);
		send_away(s->pid, s->tid, TARGET);
	}
	_exit(0);
}

static enum ps_status start_warden(struct debug_session *s, struct ps_err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return ps_fail(err, PS_IO, "make a pair of sockets: %s", strerror(errno));
	s->warden = fork();
	if (s->warden == 0) {
		close(ends[1]);
		be_warden(ends[0], s);
	}
	close(ends[0]);
	s->wire = ends[1];
	return s->warden < 0 ? ps_fail(err, PS_IO, "start a guard process: %s", strerror(errno))
			     : PS_OK;
}

static void dismiss_warden(struct debug_session *s)
{
	if (s->wire < 0)
		return;
	/* Should it have ended already, its number may be another's by now: it is not killed. */
	if (s->left)
		(void)!send(s->wire, "k", 1, MSG_NOSIGNAL);
	close(s->wire);
	while (s->left && s->warden > 0 && waitpid(s->warden, NULL, 0) < 0 && errno == EINTR)
		;
}

/* --- connecting --- */

static bool is_over(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
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
		if (fd >= 0)
			close(fd);
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
	order.pidfd = s->pidfd;
	PS_TRY(inject_open(s->pid, &order, &in, err));
	st = begin(s, o, in, err);
	inject_close(in);
	return st ? st : start_warden(s, err);
}

enum ps_status debug_open(int pid, const struct debug_order *o, struct debug_session **ret,
			  struct ps_err *err)
{
	struct debug_session *s = calloc(1, sizeof *s);
	enum ps_status st;

	if (!s)
		return ps_fail(err, PS_NOMEM, "out of memory");
	s->pid = pid;
	s->channel.fd = s->wire = -1;
	st = open_parts(s, o, err);
	if (st)
		debug_close(s);
	else
		*ret = s;
	return st;
}

void debug_close(struct debug_session *s)
{
	if (s->channel.fd >= 0)
		shutdown(s->channel.fd, SHUT_RDWR);
	channel_close(&s->channel);
	dismiss_warden(s);
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

	s->left = s->left || over || (st == PS_OK && ret->said == DEBUG_END);
	s->prompts += st == PS_OK && ret->said == DEBUG_PROMPT;
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
	if (told != DEBUG_COMPLETE)
		s->answered = s->prompts;
	return st ? hung_up(s, err) : PS_OK;
}

enum ps_status debug_interrupt(struct debug_session *s, const struct debug_order *o,
			       struct ps_err *err)
{
	struct inject_order order = make_order(o);
	char source[1024];
	struct inject_message m;
	struct inject *in;
	enum ps_status st;
	size_t n = (size_t)snprintf(source, sizeof source, "ANSWERED = %" PRIu64 "\n%.*s",
				    s->answered, (int)embedded_debug_interrupt_py_len,
				    (const char *)embedded_debug_interrupt_py);

	if (n >= sizeof source)
		return ps_fail(err, PS_LIMIT, "debug_interrupt.py is too long");
	order.thread = INJECT_TID;
	order.tid = s->tid;
	order.pidfd = s->pidfd;
	order.source = source;
	order.len = n;
	PS_TRY(inject_open(s->pid, &order, &in, err));
	st = inject_next(in, &m, err);
	inject_close(in);
	return st;
}
