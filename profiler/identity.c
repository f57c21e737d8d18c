/* SPDX-License-Identifier: MIT */
#include "profiler/identity.h"

#include "offsets/layout.h"

#include <stdio.h>
#include <string.h>

/* To add a version: its row here, beside what HOWTO_ADD_PYTHON.md says. */
static const struct ability {
	enum python_kind kind;
	unsigned first, last; /* minor versions of Python 3 */
	bool sample;
	enum exec_way exec;
} abilities[] = {
	{ PYTHON_CPYTHON, 8, 12, false, EXEC_PENDING_CALL },
	{ PYTHON_CPYTHON, 13, 13, true, EXEC_PENDING_CALL },
	{ PYTHON_CPYTHON, 14, 15, true, EXEC_DOOR },
	{ PYTHON_PYPY, 9, 15, false, EXEC_PYPY }, /* if it has requests */
};

static const struct ability *ability_of(const struct identity *i)
{
	unsigned minor = i->version >> 16 & 0xff;

	for (size_t a = 0; a < sizeof abilities / sizeof *abilities; a++) {
		if (abilities[a].kind == i->kind && i->parts >= 2 && i->version >> 24 == 3 &&
		    minor >= abilities[a].first && minor <= abilities[a].last)
			return &abilities[a];
	}
	return NULL;
}

bool identity_can_sample(const struct identity *i)
{
	const struct ability *a = ability_of(i);

	return a && a->sample;
}

enum exec_way identity_exec_way(const struct identity *i)
{
	const struct ability *a = ability_of(i);

	if (!a || (a->exec == EXEC_PYPY && !i->has_requests))
		return EXEC_NOT_YET;
	/* The layout of the ring is not known of builds without a GIL. */
	if (a->exec == EXEC_PENDING_CALL && i->free_threaded)
		return EXEC_NOT_YET;
	return a->exec;
}

void identity_describe_version(const struct identity *i, char ret[static 32])
{
	ret[0] = '\0';
	if (i->parts == 1)
		snprintf(ret, 32, "%u", i->version >> 24);
	else if (i->parts == 2)
		snprintf(ret, 32, "%u.%u", i->version >> 24, i->version >> 16 & 0xff);
	else if (i->parts >= 3)
		layout_describe_version(i->version, ret);
}

void identity_describe(const struct identity *i, char ret[static 64])
{
	char version[32];

	identity_describe_version(i, version);
	if (i->kind == PYTHON_NONE)
		snprintf(ret, 64, "no Python");
	else if (i->kind == PYTHON_CPYTHON)
		snprintf(ret, 64, "CPython%s%s%s%s", *version ? " " : "", version,
			 i->guessed ? "?" : "", i->free_threaded ? " free-threaded" : "");
	else
		snprintf(ret, 64, "PyPy%s%s%s%s%s%s", *i->pypy ? " " : "", i->pypy,
			 *version ? " (Python " : "", version, *version ? ")" : "",
			 i->guessed ? "?" : "");
}

/* --- names --- */

struct cursor {
	const char *at, *end;
};

static bool take_text(struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0)
		return false;
	c->at += n;
	return true;
}

static bool take_number(struct cursor *c, unsigned *ret)
{
	unsigned v = 0, digits = 0;

	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && digits < 3; c->at++, digits++)
		v = v * 10 + (unsigned)(*c->at - '0');
	if (!digits || v > 255)
		return false;
	*ret = v;
	return true;
}

bool identity_by_name(const char *name, size_t len, struct identity *ret)
{
	struct identity i = { .guessed = true };
	struct cursor c = { name, name + len };
	bool library = take_text(&c, "lib");
	unsigned major, minor;

	if (take_text(&c, "python"))
		i.kind = PYTHON_CPYTHON;
	else if (take_text(&c, "pypy"))
		i.kind = PYTHON_PYPY;
	else
		return false;
	if (take_number(&c, &major)) {
		i.version = major << 24;
		i.parts = 1;
		if (c.at + 1 < c.end && c.at[1] >= '0' && c.at[1] <= '9' && take_text(&c, ".")) {
			if (!take_number(&c, &minor))
				return false;
			i.version |= minor << 16;
			i.parts = 2;
		}
	}
	/* What builds add: threads without a GIL, debug, pymalloc, PyPy's "-c". */
	while (c.at < c.end && *c.at && strchr("tdmu", *c.at)) {
		if (*c.at++ == 't')
			i.free_threaded = i.parts == 2;
	}
	take_text(&c, "-c");
	if (c.at != c.end && !(library && take_text(&c, ".so")))
		return false;
	if (library && c.at[-1] != 'o')
		return false;
	/* "libpython3.so" is the stable interface's empty shell. */
	if (library && i.kind == PYTHON_CPYTHON && i.parts < 2)
		return false;
	*ret = i;
	return true;
}

/* --- the text of a version --- */

static bool take_level(struct cursor *c, uint32_t *version)
{
	static const struct {
		const char *text;
		uint32_t level;
	} levels[] = { { "a", 0xa }, { "b", 0xb }, { "rc", 0xc } };
	unsigned serial;

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (!take_text(c, levels[i].text))
			continue;
		if (!take_number(c, &serial) || serial > 15)
			return false;
		*version |= levels[i].level << 4 | serial;
		return true;
	}
	*version |= 0xf << 4;
	return true;
}

/* Behind "3." */
static bool take_version(struct cursor c, char major, uint32_t *ret)
{
	unsigned minor, micro;
	uint32_t version;

	if (!take_number(&c, &minor) || !take_text(&c, ".") || !take_number(&c, &micro))
		return false;
	version = (uint32_t)(major - '0') << 24 | minor << 16 | micro << 8;
	if (!take_level(&c, &version))
		return false;
	take_text(&c, "+"); /* a build between two releases */
	if (!take_text(&c, " ("))
		return false;
	*ret = version;
	return true;
}

bool identity_find_version(const char *bytes, size_t len, char major, uint32_t *ret)
{
	const char *end = bytes + len, *at = bytes, start[] = { major, '.' };

	while (at < end && (at = memmem(at, (size_t)(end - at), start, sizeof start))) {
		bool inside = at > bytes && (at[-1] == '.' || (at[-1] >= '0' && at[-1] <= '9'));

		if (!inside && take_version((struct cursor){ at + sizeof start, end }, major, ret))
			return true;
		at++;
	}
	return false;
}
