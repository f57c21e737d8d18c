/* SPDX-License-Identifier: MIT */
#include "profiler/guard.h"

#include "profiler/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MS = 1000000 };

/* request: the first, for struct guard has its address alone. */
struct shared {
	struct request request;
	struct parcel_id folder;
};

/* The kernel lets go of a dead tracer's tracees a moment after it has closed its files, which
 * is what woke us: until then the target still counts as traced. */
static enum request_state withdraw_soon(struct request *r)
{
	enum { PATIENCE_MS = 5000 };
	enum request_state was = REQUEST_NONE;
	uint64_t began = clock_now(); /* one attempt alone may take seconds */

	while (clock_now() - began < PATIENCE_MS * (uint64_t)MS) {
		enum ps_status st = request_withdraw(r, &was);

		if (st != PS_DENIED && st != PS_TORN)
			break;
		(void)clock_sleep_until(clock_now() + MS);
	}
	return was;
}

/* A thread that has picked the request up may be about to read the script: it gets a moment,
 * for a script that is missing would be complained of in the target's output. */
static void wait_until_claimed(struct parcel *p)
{
	enum { PATIENCE_MS = 1000 };

	parcel_find(p);
	for (unsigned ms = 0; ms < PATIENCE_MS && parcel_has_script(p); ms++)
		(void)clock_sleep_until(clock_now() + MS);
}

/* A script in an interpreter that has to be settled afterwards holds a lock on this file while
 * it runs (inject.py), which the kernel takes off it when its process ends. */
static int open_lock(const struct parcel *p)
{
	return openat(p->folder, PARCEL_PROBE, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

static void settle_afterwards(const struct request *r, int lock)
{
	enum { PATIENCE_S = 3600 };
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	alarm(PATIENCE_S); /* which then ends us */
	if (lock >= 0 && fcntl(lock, F_SETLKW, &whole) == 0)
		request_settle(r, true);
}

static void undo(struct request *r, struct parcel *p)
{
	bool taken = withdraw_soon(r) == REQUEST_TAKEN;
	int lock;

	if (taken)
		wait_until_claimed(p);
	lock = taken && request_settles(r) ? open_lock(p) : -1;
	parcel_remove(p);
	settle_afterwards(r, lock);
}

/* Its files go to where nobody waits for their end; nor does it keep a terminal that was opened
 * once more (cmd_debug_line.c). */
static void let_go_of_files(void)
{
	enum { FILES_MAX = 256 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	for (int fd = 3; fd < FILES_MAX; fd++) {
		if (isatty(fd))
			close(fd);
	}
}

static void ignore_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], SIG_IGN);
}

static void become_a_guard(void)
{
	setsid();
	ignore_signals();
	let_go_of_files();
	prctl(PR_SET_NAME, "pysample-guard");
}

/* What a message of one word carries: a descriptor, or none. */
union cargo {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

/* The next word, 0 if none will come any more; *fd becomes what has come with it. */
static char receive(int wire, int *fd)
{
	char word = 0;
	union cargo cargo;
	struct iovec piece = { &word, 1 };
	struct msghdr m = { .msg_iov = &piece, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	do {
		m.msg_control = &cargo;
		m.msg_controllen = sizeof cargo;
		n = recvmsg(wire, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	c = n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	return n == 1 ? word : 0;
}

static _Noreturn void watch(int wire, struct request *r, struct parcel p)
{
	int charge = -1;
	char word;

	become_a_guard();
	(void)!write(wire, "r", 1); /* from now on nothing that ends us ends it as well */
	do {
		word = receive(wire, &charge);
	} while (word == 'c');
	if (!word) {
		(void)syscall(SYS_pidfd_send_signal, charge, SIGKILL, NULL, 0);
		undo(r, &p);
	}
	_exit(0);
}

static bool is_ready(int wire)
{
	char word;
	ssize_t n;

	do {
		n = read(wire, &word, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

enum ps_status guard_start(const struct request *request, struct parcel *parcel, struct guard *ret,
			   struct ps_err *err)
{
	struct shared *s =
		mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2], pid;

	if (s == MAP_FAILED)
		return ps_fail(err, PS_NOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		munmap(s, sizeof *s);
		return ps_fail(err, PS_IO, "make a pair of sockets: %s", strerror(errno));
	}
	s->request = *request;
	parcel->id = &s->folder;
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		watch(ends[0], &s->request, *parcel);
	}
	close(ends[0]);
	if (pid < 0 || !is_ready(ends[1])) {
		ps_fail(err, PS_IO,
			pid < 0 ? "start a guard process: %s"
				: "the guard process ended at its start",
			strerror(errno));
		close(ends[1]);
		parcel->id = NULL;
		munmap(s, sizeof *s);
		return PS_IO;
	}
	*ret = (struct guard){ .pid = pid, .wire = ends[1], .request = &s->request };
	return PS_OK;
}

void guard_take_charge(const struct guard *g, int pidfd)
{
	char word = 'c';
	union cargo cargo = { .head = { .cmsg_len = CMSG_LEN(sizeof pidfd),
					.cmsg_level = SOL_SOCKET,
					.cmsg_type = SCM_RIGHTS } };
	struct iovec piece = { &word, 1 };
	struct msghdr m = { .msg_iov = &piece,
			    .msg_iovlen = 1,
			    .msg_control = &cargo,
			    .msg_controllen = sizeof cargo };

	memcpy(CMSG_DATA(&cargo.head), &pidfd, sizeof pidfd);
	(void)!sendmsg(g->wire, &m, MSG_NOSIGNAL);
}

static void settle_later(const struct guard *g, const struct parcel *parcel)
{
	struct request own = *g->request; /* the shared one is closed in a moment */
	int lock = open_lock(parcel);

	if (lock < 0)
		return;
	if (fork() == 0) {
		close(g->wire); /* or the other one would wait for us */
		become_a_guard();
		settle_afterwards(&own, lock);
		_exit(0);
	}
	close(lock);
}

/* Behind the last word of the script a few more bytecodes of it are run, one of which closes its
 * pipe; where other threads compete for the GIL, that takes a while. */
static void settle_now(const struct request *r, int channel)
{
	enum { PATIENCE_MS = 1000 };
	struct pollfd end = { .fd = channel };

	for (unsigned ms = 0; channel >= 0 && ms < PATIENCE_MS && poll(&end, 1, 1) == 0; ms++)
		request_settle(r, false);
	request_settle(r, true);
}

void guard_settle(const struct guard *g, const struct parcel *parcel, int channel, bool goes_on)
{
	if (!request_settles(g->request))
		return;
	if (goes_on)
		settle_later(g, parcel);
	else
		settle_now(g->request, channel);
}

void guard_dismiss(struct guard *g)
{
	if (g->wire < 0)
		return;
	/* Should it have ended already, its number may be another's by now: it is not killed. */
	(void)!send(g->wire, "k", 1, MSG_NOSIGNAL);
	close(g->wire);
	while (waitpid(g->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	munmap(g->request, sizeof(struct shared));
	g->wire = -1;
	g->request = NULL;
}

void guard_leave(struct guard *g)
{
	close(g->wire);
	munmap(g->request, sizeof(struct shared));
	g->wire = -1;
	g->request = NULL;
}
