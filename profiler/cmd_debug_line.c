/* SPDX-License-Identifier: MIT */
/* libedit's own interface and not its imitation of readline's: it keeps its state in a struct, and
 * lets us wait for the keyboard and for the target at once. Tab is taken on its way to libedit, and
 * what it adds comes to it as if it had been typed. */
#include "profiler/cmd_debug_line.h"

#include "profiler/scope.h"
#include "profiler/visible.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <wchar.h>

enum { PROMPT_MAX = 400, HISTORY_LINES = 1000, ADDED_MAX = 256 };

struct line_reader {
	const struct line_hooks *hooks;
	bool terminal;
	int keyboard; /* the terminal once more, read without waiting; -1: not opened */
	int signals;
	sigset_t before; /* what was blocked */
	EditLine *edit;  /* NULL: no terminal */
	History *history;
	mbstate_t state; /* of a character that has come in part */
	enum line_event why;
	/* Comes before what is typed: by Tab, or from a line that was interrupted, of which one
	 * character more is kept than a line may have. Ends with 0. */
	wchar_t added[LINE_MAX_BYTES + 2];
	size_t added_taken;
	char prompt[VISIBLE_MAX(PROMPT_MAX) + 1];
	char words[WORDS_MAX_BYTES];
	size_t used, taken; /* bytes in buffer; of them, handed out */
	bool ended;
	char buffer[LINE_MAX_BYTES + 1];
};

/* --- signals as events --- */

static void take_signals(struct line_reader *r)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		if (sigaction(wanted[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaddset(&set, wanted[i]);
	}
	sigprocmask(SIG_BLOCK, &set, &r->before);
	r->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

enum line_event line_take_signal(struct line_reader *r)
{
	struct signalfd_siginfo info;

	if (read(r->signals, &info, sizeof info) != sizeof info)
		return LINE_NEWS;
	return info.ssi_signo == SIGINT ? LINE_BROKEN : LINE_STOP;
}

int line_signal_fd(const struct line_reader *r)
{
	return r->signals;
}

/* Until there is input: true. Else r->why says what came in between. */
static bool wait_for_input(struct line_reader *r)
{
	for (;;) {
		struct pollfd p[] = { { .fd = r->signals, .events = POLLIN },
				      { .fd = r->hooks->news[0], .events = POLLIN },
				      { .fd = r->hooks->news[1], .events = POLLIN },
				      { .fd = STDIN_FILENO, .events = POLLIN } };

		if (poll(p, 4, -1) < 0)
			continue; /* EINTR: libedit's own signals, as of the window's size */
		if (p[0].revents) {
			r->why = line_take_signal(r);
			if (r->why != LINE_NEWS)
				return false;
		}
		if (p[1].revents || p[2].revents) {
			r->why = LINE_NEWS;
			return false;
		}
		if (p[3].revents)
			return true;
	}
}

/* --- on a terminal --- */

__attribute__((noinline)) static struct line_reader *reader_of(EditLine *edit)
{
	void *r = NULL;

	el_get(edit, EL_CLIENTDATA, &r);
	return r;
}

static char *show_prompt(EditLine *edit)
{
	return reader_of(edit)->prompt;
}

static void show_word(const char *word, size_t len)
{
	char visible[VISIBLE_MAX(ADDED_MAX)];

	len = len < ADDED_MAX ? len : ADDED_MAX;
	fwrite(visible, 1, visible_text(word, len, false, visible), stdout);
}

static void show_words(const char *words, size_t len)
{
	fputc('\n', stdout);
	for (size_t i = 0, column = 0; i < len;) {
		const char *end = memchr(words + i, '\n', len - i);
		size_t n = end ? (size_t)(end - (words + i)) : len - i;

		if (column && column + 2 + n > 78) {
			fputc('\n', stdout);
			column = 0;
		}
		fputs(column ? "  " : "", stdout);
		column += n + 2;
		show_word(words + i, n);
		i += n + 1;
	}
	fputc('\n', stdout);
	fflush(stdout);
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != ' ' && text[i] != '\t')
			return false;
	}
	return true;
}

static void add(struct line_reader *r, const char *text, size_t len)
{
	char visible[VISIBLE_MAX(ADDED_MAX) + 1];
	size_t n;

	visible[visible_text(text, len, false, visible)] = '\0';
	n = mbstowcs(r->added, visible, sizeof r->added / sizeof *r->added - 1);
	r->added[n == (size_t)-1 ? 0 : n] = 0;
	r->added_taken = 0;
}

static void complete(struct line_reader *r)
{
	const LineInfo *line = el_line(r->edit);
	size_t len = (size_t)(line->cursor - line->buffer), n, first;

	if (is_blank(line->buffer, len)) {
		add(r, "    ", 4);
		return;
	}
	n = r->hooks->complete(r->hooks->ctx, line->buffer, len, r->words);
	for (first = 0; first < n && r->words[first] != '\n';)
		first++;
	if (first && first <= ADDED_MAX) {
		add(r, r->words, first);
	} else if (first + 1 < n && memchr(r->words + first + 1, '\n', n - first - 1)) {
		show_words(r->words + first + 1, n - first - 1);
		el_set(r->edit, EL_REFRESH);
	}
}

/* Something is to be shown first: the line comes back with the next prompt. */
static void keep_typed(struct line_reader *r)
{
	const LineInfoW *line = el_wline(r->edit);
	size_t n = (size_t)(line->lastchar - line->buffer);
	const size_t room = sizeof r->added / sizeof *r->added - 1;

	n = n < room ? n : room;
	wmemcpy(r->added, line->buffer, n);
	r->added[n] = 0;
	r->added_taken = 0;
}

static int read_character(EditLine *edit, wchar_t *ret)
{
	struct line_reader *r = reader_of(edit);

	for (;;) {
		ssize_t got;
		size_t n;
		char c;

		if (r->added[r->added_taken]) {
			*ret = r->added[r->added_taken++];
			return 1;
		}
		if (!wait_for_input(r)) {
			if (r->why == LINE_NEWS)
				keep_typed(r);
			return -1;
		}
		got = read(r->keyboard < 0 ? STDIN_FILENO : r->keyboard, &c, 1);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got != 1) {
			r->why = LINE_EOF;
			return 0;
		}
		n = mbrtowc(ret, &c, 1, &r->state);
		if (n == (size_t)-2)
			continue;
		if (n == (size_t)-1) { /* no character of this locale */
			memset(&r->state, 0, sizeof r->state);
			continue;
		}
		if (*ret != L'\t')
			return 1;
		complete(r);
	}
}

/* Ctrl-C drops what was typed before it and not read yet (isig() in drivers/tty/n_tty.c), perhaps
 * between poll() and read(), which must not wait then. The flag is one of the open file, which
 * others share with us: so it is opened anew. */
static int open_keyboard(void)
{
	return open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool open_terminal(struct line_reader *r)
{
	HistEvent event;

	r->keyboard = open_keyboard();
	setlocale(LC_CTYPE, "");
	r->edit = el_init("pysample", stdin, stdout, stderr);
	r->history = history_init();
	if (!r->edit || !r->history)
		return false;
	history(r->history, &event, H_SETSIZE, HISTORY_LINES);
	el_set(r->edit, EL_CLIENTDATA, r);
	el_set(r->edit, EL_PROMPT, show_prompt);
	el_set(r->edit, EL_EDITOR, "emacs");
	el_set(r->edit, EL_SIGNAL, 1);
	el_set(r->edit, EL_HIST, history, r->history);
	el_set(r->edit, EL_GETCFN, read_character);
	el_set(r->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	return true;
}

static enum line_event read_edited(struct line_reader *r, const char **ret, size_t *ret_len)
{
	const char *line;
	HistEvent event;
	int n = 0;

	if (r->why != LINE_NEWS) {
		r->added[0] = 0;
		r->added_taken = 0;
	}
	r->why = LINE_EOF;
	memset(&r->state, 0, sizeof r->state);
	/* Before the prompt is there: what is typed at once must not be echoed twice. */
	el_set(r->edit, EL_PREP_TERM, 1);
	line = el_gets(r->edit, &n);
	if (!line || n <= 0) {
		fputc('\n', stdout);
		fflush(stdout);
		return r->why;
	}
	if (n > LINE_MAX_BYTES)
		return LINE_TOO_LONG;
	if (!is_blank(line, (size_t)n - 1))
		history(r->history, &event, H_ENTER, line);
	*ret = line;
	*ret_len = (size_t)n - (line[n - 1] == '\n');
	return LINE_ENTERED;
}

/* --- elsewhere --- */

static enum line_event take_line(struct line_reader *r, size_t len, const char **ret,
				 size_t *ret_len)
{
	*ret = r->buffer;
	*ret_len = len;
	r->taken = len + 1 < r->used ? len + 1 : r->used;
	return LINE_ENTERED;
}

static void drop_taken(struct line_reader *r)
{
	r->used -= r->taken;
	memmove(r->buffer, r->buffer + r->taken, r->used);
	r->taken = 0;
}

static enum line_event read_plain(struct line_reader *r, const char **ret, size_t *ret_len)
{
	drop_taken(r);
	for (;;) {
		const char *end = memchr(r->buffer, '\n', r->used);
		ssize_t n;

		if (end)
			return take_line(r, (size_t)(end - r->buffer), ret, ret_len);
		if (r->used == sizeof r->buffer) {
			r->used = 0;
			return LINE_TOO_LONG;
		}
		if (r->ended)
			return r->used ? take_line(r, r->used, ret, ret_len) : LINE_EOF;
		if (!wait_for_input(r))
			return r->why;
		n = read(STDIN_FILENO, r->buffer + r->used, sizeof r->buffer - r->used);
		if (n < 0 && errno == EINTR)
			continue;
		r->ended = n <= 0;
		r->used += n > 0 ? (size_t)n : 0;
	}
}

/* --- both --- */

/* libedit does not survive a prompt that is no text in this locale. */
static void set_prompt(struct line_reader *r, const char *prompt, size_t len)
{
	r->prompt[visible_text(prompt, len, false, r->prompt)] = '\0';
	if (mbstowcs(NULL, r->prompt, 0) == (size_t)-1)
		r->prompt[visible_text(prompt, len, true, r->prompt)] = '\0';
}

enum line_event line_read(struct line_reader *r, const char *prompt, size_t prompt_len,
			  const char **ret, size_t *ret_len)
{
	if (!r->edit)
		return read_plain(r, ret, ret_len);
	set_prompt(r, prompt, prompt_len < PROMPT_MAX ? prompt_len : PROMPT_MAX);
	return read_edited(r, ret, ret_len);
}

enum ps_status line_open(const struct line_hooks *hooks, struct line_reader **ret,
			 struct ps_err *err)
{
	struct line_reader *r = calloc(1, sizeof *r);

	if (!r)
		return ps_fail(err, PS_NOMEM, "out of memory");
	r->hooks = hooks;
	r->keyboard = -1;
	take_signals(r);
	r->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (r->signals < 0 || (r->terminal && !open_terminal(r))) {
		line_close(r);
		return ps_fail(err, PS_IO, "the terminal cannot be used");
	}
	*ret = r;
	return PS_OK;
}

void line_close(struct line_reader *r)
{
	if (r->edit)
		el_end(r->edit);
	if (r->history)
		history_end(r->history);
	if (r->keyboard >= 0)
		close(r->keyboard);
	if (r->signals >= 0)
		close(r->signals);
	sigprocmask(SIG_SETMASK, &r->before, NULL);
	free(r);
}

bool line_is_terminal(const struct line_reader *r)
{
	return r->terminal;
}
