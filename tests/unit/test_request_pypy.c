/* SPDX-License-Identifier: MIT */
/* A file stands for the memory of a PyPy. */
#include "profiler/request.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { AT = 4096, ROOM = 256, BYTES = AT + PYPY_DOOR_PATH + ROOM };

struct memory {
	struct request request;
	struct request_thread thread;
	struct pypy_door *door;
	char *path;
};

static struct memory make(void)
{
	struct memory m = { .request = { .pid = getpid(), .way = EXEC_PYPY },
			    .thread = { .at = AT } };
	int fd = memfd_create("pypy", 0);
	char *bytes;

	cr_assert_eq(ftruncate(fd, BYTES), 0);
	bytes = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq((void *)bytes, MAP_FAILED);
	m.request.poker.fd = fd;
	m.request.pypy.path_room = ROOM;
	m.door = (struct pypy_door *)(void *)(bytes + AT);
	m.path = bytes + AT + PYPY_DOOR_PATH;
	*m.door = (struct pypy_door){ .ticker = 999900, .cookie = "pypysigs" };
	return m;
}

static enum ps_status put(struct memory *m, const char *path, struct ps_err *err)
{
	return request_pypy_ops.put(&m->request, &m->thread, path, err);
}

static enum request_state state(const struct memory *m, bool *ret_signalled)
{
	enum request_state s;

	cr_assert_eq(request_pypy_ops.state(&m->request, &s, ret_signalled), PS_OK);
	return s;
}

Test(request_pypy, is_put_and_taken)
{
	struct memory m = make();
	struct ps_err err;
	bool signalled;

	cr_assert_eq(put(&m, "/tmp/x/s", &err), PS_OK);
	cr_expect_eq(m.door->pending, 1);
	cr_expect_eq(m.door->ticker, -1);
	cr_expect_str_eq(m.path, "/tmp/x/s");
	cr_expect_eq(m.request.thread, AT, "the guard knows");
	cr_expect_eq(state(&m, &signalled), REQUEST_WAITS);
	cr_expect(signalled);
	m.door->ticker = 1000000;
	cr_expect_eq(state(&m, &signalled), REQUEST_WAITS);
	cr_expect_not(signalled, "it was written over");
	cr_assert_eq(request_pypy_ops.signal(&m.request), PS_OK);
	cr_expect_eq(m.door->ticker, -1);
	m.door->pending = 0;
	cr_expect_eq(state(&m, &signalled), REQUEST_TAKEN);
}

Test(request_pypy, is_taken_back)
{
	struct memory m = make();
	bool signalled;

	cr_assert_eq(put(&m, "/tmp/x/s", NULL), PS_OK);
	cr_assert_eq(request_pypy_ops.clear(&m.request), PS_OK);
	cr_expect_eq(m.door->pending, 0);
	cr_expect_eq(state(&m, &signalled), REQUEST_TAKEN);
}

Test(request_pypy, leaves_anothers_request_alone)
{
	struct memory m = make();
	struct ps_err err;
	bool signalled;

	m.door->pending = 2; /* whatever is not 0 */
	strcpy(m.path, "/other");
	cr_expect_eq(put(&m, "/tmp/x/s", &err), PS_NOT_READY);
	cr_expect(strstr(err.msg, "another tool's"));
	cr_expect_str_eq(m.path, "/other");
	cr_expect_eq(m.door->ticker, 999900);
	cr_expect_eq(m.request.thread, 0, "nothing is to be taken back");
	m.door->pending = 0;
	cr_assert_eq(put(&m, "/tmp/x/s", &err), PS_OK);
	strcpy(m.path, "/other");
	cr_expect_eq(state(&m, &signalled), REQUEST_LOST);
	memset(m.path, 'x', ROOM);
	cr_expect_eq(state(&m, &signalled), REQUEST_LOST, "without an end");
}

Test(request_pypy, writes_only_where_the_door_is)
{
	struct memory m = make();
	char longest[ROOM + 1] = { 0 };
	enum request_state s;
	struct ps_err err;
	bool signalled;

	memset(longest, 'a', ROOM - 1);
	cr_expect_eq(put(&m, longest, &err), PS_OK);
	m.door->pending = 0;
	longest[ROOM - 1] = 'a';
	cr_expect_eq(put(&m, longest, &err), PS_LIMIT);
	m.door->cookie[7] = 'z';
	cr_expect_eq(put(&m, "/s", &err), PS_GONE, "another program by now");
	cr_expect_eq(m.door->pending, 0);
	m.thread.at = BYTES;
	cr_expect_eq(put(&m, "/s", &err), PS_GONE, "not there at all");
	m.request.thread = BYTES;
	cr_expect_eq(request_pypy_ops.state(&m.request, &s, &signalled), PS_FAULT);
}

struct vm {
	struct memory *memory;
	atomic_bool ended;
	unsigned used;
};

static void *use_up(void *ctx)
{
	struct vm *vm = ctx;
	volatile int64_t *ticker = &vm->memory->door->ticker;

	while (!vm->ended) {
		if (*ticker < 0) {
			vm->used++;
			*ticker = 999900;
		}
	}
	return NULL;
}

Test(request_pypy, wakes_up_what_was_deaf_to_signals)
{
	struct memory m = make();
	struct vm vm = { .memory = &m };
	pthread_t thread;

	cr_expect(request_settles(&m.request));
	request_settle(&m.request, true);
	cr_expect_eq(m.door->ticker, 999900, "nothing was asked for");
	cr_assert_eq(put(&m, "/tmp/x/s", NULL), PS_OK);
	cr_assert_eq(pthread_create(&thread, NULL, use_up, &vm), 0);
	request_settle(&m.request, true);
	vm.ended = true;
	pthread_join(thread, NULL);
	cr_expect_geq(vm.used, 64, "behind all that is left of the script: %u", vm.used);
	m.request.poker.fd = -1;
	request_settle(&m.request, true); /* it is gone: no more to do */
}
