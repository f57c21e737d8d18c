/* SPDX-License-Identifier: MIT */
#include "profiler/proc.h"

#include "profiler/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { PF_KTHREAD = 0x200000 }; /* include/linux/sched.h */

static uint64_t decimal(const char *at, const char *end)
{
	uint64_t v = 0;

	for (; at < end && *at >= '0' && *at <= '9'; at++)
		v = v * 10 + (uint64_t)(*at - '0');
	return v;
}

uint64_t proc_age_ms(uint64_t starttime)
{
	uint64_t now, started = starttime * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	now = (uint64_t)up.tv_sec * 1000 + (uint64_t)up.tv_nsec / 1000000;
	return now > started ? now - started : 0;
}

bool proc_parse_stat(const char *text, size_t len, struct proc_stat *ret)
{
	/* The name is between the first "(" and the *last* ")". */
	const char *close = len ? memrchr(text, ')', len) : NULL;
	const char *end = text + len, *at;
	struct proc_stat s = { .cpu = -1, .policy = -1 };
	unsigned field = 3;

	if (!close || end - close < 4)
		return false;
	at = close + 2;
	s.state = *at;
	/* The state is field 3, flags 9, starttime 22, processor 39, policy 41 (proc(5)) */
	while (field < 41) {
		while (at < end && *at != ' ')
			at++;
		if (at == end)
			break;
		at++;
		field++;
		if (field == 9)
			s.kernel = decimal(at, end) & PF_KTHREAD;
		else if (field == 22)
			s.starttime = decimal(at, end);
		else if (field == 39)
			s.cpu = (int)(decimal(at, end) & INT32_MAX);
		else if (field == 41)
			s.policy = (int)(decimal(at, end) & INT32_MAX);
	}
	*ret = s;
	return field >= 22;
}

static const char *find_field(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, name, n) == 0)
			return line + n;
		if (!*line)
			break;
	}
	return NULL;
}

/* The numbers of a line; returns how many there are, keeps the first max and the last. */
static int numbers(const char *line, uint32_t *ret, int max, long *ret_last)
{
	int n = 0;
	char *end;

	for (const char *at = line; at && *at && *at != '\n'; at = end, n++) {
		long v = strtol(at, &end, 10);

		if (end == at)
			break;
		if (n < max)
			ret[n] = (uint32_t)v;
		*ret_last = v;
		while (*end == ' ' || *end == '\t')
			end++;
	}
	return n;
}

static uint64_t one_number(const char *text, const char *name, int base)
{
	const char *at = find_field(text, name);

	return at ? strtoull(at, NULL, base) : 0;
}

bool proc_parse_status(const char *text, size_t len, struct proc_status *ret)
{
	SCOPE_FREE char *copy = strndup(text, len);
	struct proc_status s = { 0 };
	long last = 0;

	if (!copy || !find_field(copy, "Tgid:"))
		return false;
	s.tgid = (int)one_number(copy, "Tgid:", 10);
	s.ppid = (int)one_number(copy, "PPid:", 10);
	s.tracer = (int)one_number(copy, "TracerPid:", 10);
	s.threads = (uint32_t)one_number(copy, "Threads:", 10);
	s.seccomp = (int)one_number(copy, "Seccomp:", 10);
	s.cap_permitted = one_number(copy, "CapPrm:", 16);
	s.cap_effective = one_number(copy, "CapEff:", 16);
	s.caught = one_number(copy, "SigCgt:", 16);
	s.pid_depth = numbers(find_field(copy, "NSpid:"), NULL, 0, &last);
	s.inner_tid = (int)last;
	numbers(find_field(copy, "Uid:"), s.uid, 4, &last);
	numbers(find_field(copy, "Gid:"), s.gid, 4, &last);
	*ret = s;
	return true;
}

bool proc_parse_schedstat(const char *text, size_t len, struct proc_schedstat *ret)
{
	uint64_t v[3] = { 0 }; /* on a CPU, waiting for one, times that it got one */
	size_t i = 0;

	for (unsigned n = 0; n < 3; n++) {
		size_t from = i;

		for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
			v[n] = v[n] * 10 + (uint64_t)(text[i] - '0');
		if (i == from || (n < 2 && (i == len || text[i++] != ' ')))
			return false;
	}
	*ret = (struct proc_schedstat){ .ran_ns = v[0], .waited_ns = v[1], .times = v[2] };
	return true;
}

bool proc_is_ours(void)
{
	char self[24] = "";
	ssize_t n = readlink("/proc/self", self, sizeof self - 1);

	return n > 0 && atoi(self) == getpid();
}

static enum ps_status read_small(int pid, int tid, const char *name, char *into, size_t room,
				 size_t *ret_len)
{
	char path[96];
	SCOPE_CLOSE int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? PS_GONE : PS_DENIED;
	n = read(fd, into, room);
	if (n < 0)
		return errno == ESRCH ? PS_GONE : PS_IO;
	*ret_len = (size_t)n;
	return PS_OK;
}

enum ps_status proc_read_stat(int pid, int tid, struct proc_stat *ret)
{
	char text[1024];
	size_t len;

	PS_TRY(read_small(pid, tid, "stat", text, sizeof text, &len));
	return proc_parse_stat(text, len, ret) ? PS_OK : PS_FORMAT;
}

enum ps_status proc_read_status(int pid, int tid, struct proc_status *ret)
{
	char text[8192];
	size_t len;

	PS_TRY(read_small(pid, tid, "status", text, sizeof text, &len));
	return proc_parse_status(text, len, ret) ? PS_OK : PS_FORMAT;
}

static enum ps_status read_all(int fd, size_t max, char **ret, size_t *ret_len)
{
	size_t room = 64 * 1024, len = 0;
	char *text = malloc(room + 1);

	while (text) {
		ssize_t n = read(fd, text + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && (n < 0 || len == 0)) {
			int why = n < 0 ? errno : 0;

			free(text);
			errno = why;
			return n < 0 ? PS_IO : PS_GONE;
		}
		len += (size_t)n;
		if (n == 0 || len >= max) {
			text[len] = '\0';
			*ret = text;
			*ret_len = len;
			return PS_OK;
		}
		if (len == room) {
			char *grown = realloc(text, (room *= 2) + 1);

			if (!grown)
				break;
			text = grown;
		}
	}
	free(text);
	return PS_NOMEM;
}

enum ps_status proc_read_file(int pid, const char *name, size_t max, char **ret, size_t *ret_len,
			      struct ps_err *err)
{
	char path[96];
	SCOPE_CLOSE int fd = -1;
	enum ps_status st;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		st = errno == ENOENT || errno == ESRCH   ? PS_GONE
		     : errno == EACCES || errno == EPERM ? PS_DENIED
							 : PS_IO;
		return ps_fail(err, st, "open %s: %s", path, strerror(errno));
	}
	st = read_all(fd, max, ret, ret_len);
	if (st == PS_IO && (errno == EACCES || errno == EPERM))
		st = PS_DENIED;
	if (st == PS_IO && errno == ESRCH)
		st = PS_GONE;
	if (st)
		return ps_fail(err, st, "read %s: %s", path,
			       st == PS_GONE ? "nothing there" : strerror(errno));
	return PS_OK;
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

enum ps_status proc_each_thread(int pid, bool (*each)(int tid, void *ctx), void *ctx)
{
	char path[64];
	SCOPE_CLOSEDIR DIR *dir = NULL;
	SCOPE_FREE int *tids = NULL;
	size_t n = 0, cap = 0;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? PS_GONE : PS_DENIED;
	for (struct dirent *e; (e = readdir(dir));) {
		int tid = atoi(e->d_name);

		if (tid <= 0)
			continue;
		if (n == cap) {
			int *grown = realloc(tids, (cap = cap ? cap * 2 : 64) * sizeof *tids);

			if (!grown)
				return PS_NOMEM;
			tids = grown;
		}
		tids[n++] = tid;
	}
	if (n)
		qsort(tids, n, sizeof *tids, compare_ints);
	for (size_t i = 0; i < n; i++) {
		if (!each(tids[i], ctx))
			break;
	}
	return PS_OK;
}

/* Length of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t n = s[0] < 0x80                   ? 1
		   : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		   : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						 : 0;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

void proc_make_printable(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at) {
		size_t n = utf8_length(at);

		/* Controls, those of C1 included, which a terminal obeys too. */
		if (n == 2 && at[0] == 0xc2 && at[1] < 0xa0)
			n = 0;
		if (n == 0 || *at < 0x20 || *at == 0x7f) {
			*at++ = '?';
			continue;
		}
		at += n;
	}
}

char *proc_command_line(int pid)
{
	enum { COMMAND_MAX = 8192 };
	char *text = NULL, name[32];
	size_t len = 0;

	if (proc_read_file(pid, "cmdline", COMMAND_MAX, &text, &len, NULL) == PS_OK) {
		while (len && text[len - 1] == '\0')
			len--;
		for (size_t i = 0; i < len; i++) {
			if (text[i] == '\0')
				text[i] = ' ';
		}
		if (len > COMMAND_MAX)
			text[COMMAND_MAX] = '\0';
		if (len) {
			proc_make_printable(text);
			return text;
		}
		free(text);
	}
	proc_comm(pid, pid, name);
	return asprintf(&text, "[%s]", name) < 0 ? NULL : text;
}

void proc_comm(int pid, int tid, char ret[static 32])
{
	size_t len = 0;

	if (read_small(pid, tid, "comm", ret, 31, &len) != PS_OK || len == 0) {
		strcpy(ret, "?");
		return;
	}
	ret[len] = '\0';
	if (ret[len - 1] == '\n')
		ret[len - 1] = '\0';
	proc_make_printable(ret);
}
