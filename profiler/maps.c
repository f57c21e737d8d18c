/* SPDX-License-Identifier: MIT */
#include "profiler/maps.h"

#include <string.h>

struct cursor {
	const char *at, *end;
};

static bool take_number(struct cursor *c, unsigned base, uint64_t *ret)
{
	uint64_t v = 0;
	unsigned digits = 0;

	for (; c->at < c->end; c->at++, digits++) {
		char ch = *c->at;
		unsigned d = ch >= '0' && ch <= '9'   ? (unsigned)(ch - '0')
			     : ch >= 'a' && ch <= 'f' ? (unsigned)(ch - 'a' + 10)
						      : 99;

		if (d >= base)
			break;
		if (digits >= 20 || v > (UINT64_MAX - d) / base)
			return false;
		v = v * base + d;
	}
	*ret = v;
	return digits > 0;
}

static bool take_char(struct cursor *c, char ch)
{
	if (c->at == c->end || *c->at != ch)
		return false;
	c->at++;
	return true;
}

static bool take_permissions(struct cursor *c, struct map *m)
{
	if (c->end - c->at < 4)
		return false;
	m->readable = c->at[0] == 'r';
	m->writable = c->at[1] == 'w';
	m->executable = c->at[2] == 'x';
	c->at += 4;
	return true;
}

/* 00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon */
static bool parse_line(struct cursor c, struct map *m)
{
	uint64_t major, minor;

	if (!take_number(&c, 16, &m->start) || !take_char(&c, '-') ||
	    !take_number(&c, 16, &m->end) || !take_char(&c, ' ') || !take_permissions(&c, m) ||
	    !take_char(&c, ' ') || !take_number(&c, 16, &m->offset) || !take_char(&c, ' ') ||
	    !take_number(&c, 16, &major) || !take_char(&c, ':') || !take_number(&c, 16, &minor) ||
	    !take_char(&c, ' ') || !take_number(&c, 10, &m->inode))
		return false;
	if (m->start >= m->end || major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	m->dev_major = (uint32_t)major;
	m->dev_minor = (uint32_t)minor;
	while (take_char(&c, ' '))
		;
	m->path = c.at;
	m->path_len = (size_t)(c.end - c.at);
	return true;
}

bool maps_next(const char *text, size_t len, size_t *pos, struct map *ret)
{
	while (*pos < len) {
		const char *line = text + *pos;
		const char *newline = memchr(line, '\n', len - *pos);
		const char *end = newline ? newline : text + len;
		struct map m;

		*pos += (size_t)(end - line) + (newline != NULL);
		if (parse_line((struct cursor){ line, end }, &m)) {
			*ret = m;
			return true;
		}
	}
	return false;
}

void map_basename(const struct map *m, const char **ret, size_t *ret_len)
{
	static const char deleted[] = " (deleted)";
	size_t len = m->path_len, start;

	if (len >= sizeof deleted - 1 &&
	    memcmp(m->path + len - (sizeof deleted - 1), deleted, sizeof deleted - 1) == 0)
		len -= sizeof deleted - 1;
	start = len;
	while (start > 0 && m->path[start - 1] != '/')
		start--;
	*ret = m->path + start;
	*ret_len = len - start;
}
