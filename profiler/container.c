/* SPDX-License-Identifier: MIT */
#include "profiler/container.h"

#include <stdio.h>
#include <string.h>

struct part {
	const char *at;
	size_t len;
};

enum { ID_DIGITS = 64, ID_SHOWN = 12 };

static bool starts_with(struct part p, const char *text)
{
	size_t n = strlen(text);

	return p.len >= n && memcmp(p.at, text, n) == 0;
}

static bool is(struct part p, const char *text)
{
	return p.len == strlen(text) && starts_with(p, text);
}

static bool strip_suffix(struct part *p, const char *suffix)
{
	size_t n = strlen(suffix);

	if (p->len < n || memcmp(p->at + p->len - n, suffix, n) != 0)
		return false;
	p->len -= n;
	return true;
}

static bool is_id(struct part p)
{
	for (size_t i = 0; i < p.len; i++) {
		char c = p.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return p.len == ID_DIGITS;
}

static void take(struct container *ret, const char *engine, struct part id)
{
	size_t n = id.len < CONTAINER_ID_MAX - 1 ? id.len : CONTAINER_ID_MAX - 1;

	ret->engine = engine;
	for (size_t i = 0; i < n; i++) {
		char c = id.at[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';

		ret->id[i] = plain ? c : '?';
	}
	ret->id[n] = '\0';
}

/* To add an engine: its pattern here. Ids are 64 hexadecimal digits where is_hex. */
static const struct {
	const char *prefix, *suffix, *engine;
	bool is_hex;
} patterns[] = {
	{ "docker-", ".scope", "docker", true },
	{ "libpod-", ".scope", "podman", true },
	{ "libpod-", "", "podman", true },
	{ "crio-", ".scope", "cri-o", true },
	{ "crio-", "", "cri-o", true },
	{ "cri-containerd-", ".scope", "containerd", true },
	{ "nerdctl-", ".scope", "containerd", true },
	{ "lxc.payload.", "", "lxc", false },
	{ "systemd-nspawn@", ".service", "nspawn", false },
	{ "machine-", ".scope", "machine", false },
};

/* A bare id belongs to the engine of the groups around it. */
static const struct {
	const char *around, *engine;
} surroundings[] = { { "docker", "docker" },     { "kubepods", "kubernetes" },
		     { "ecs", "ecs" },           { "libpod_parent", "podman" },
		     { "garden", "garden" },     { "actions_job", "docker" },
		     { "buildkit", "buildkit" }, { "default", "containerd" } };

struct path {
	struct part parent;
	const char *engine; /* of the surroundings so far; NULL: none known */
};

static bool take_part(struct path *path, struct part p, struct container *ret)
{
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		struct part id = p;

		if (!starts_with(p, patterns[i].prefix) || !strip_suffix(&id, patterns[i].suffix))
			continue;
		if (id.len <= strlen(patterns[i].prefix))
			continue;
		id.at += strlen(patterns[i].prefix);
		id.len -= strlen(patterns[i].prefix);
		if (patterns[i].is_hex && !is_id(id))
			continue;
		take(ret, patterns[i].engine, id);
		return true;
	}
	if (p.len && (is(path->parent, "lxc") || is(path->parent, "lxc.payload"))) {
		take(ret, "lxc", p);
		return true;
	}
	if (is_id(p)) {
		take(ret, path->engine ? path->engine : "container", p);
		return true;
	}
	for (size_t i = 0; i < sizeof surroundings / sizeof *surroundings; i++) {
		struct part name = p;

		strip_suffix(&name, ".slice");
		if (is(name, surroundings[i].around))
			path->engine = surroundings[i].engine;
	}
	return false;
}

/* "4:memory:/docker/3f2a...": the path is behind the second colon. The innermost counts. */
static bool parse_line(struct part line, struct container *ret)
{
	const char *end = line.at + line.len, *at = memchr(line.at, ':', line.len);
	struct path path = { 0 };
	bool found = false;

	at = at ? memchr(at + 1, ':', (size_t)(end - at - 1)) : NULL;
	for (; at && at < end; at = memchr(at, '/', (size_t)(end - at))) {
		const char *slash;
		struct part p;

		at++;
		slash = memchr(at, '/', (size_t)(end - at));
		p = (struct part){ at, (size_t)((slash ? slash : end) - at) };
		found |= take_part(&path, p, ret);
		path.parent = p;
	}
	return found;
}

bool container_parse(const char *text, size_t len, struct container *ret)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct part line = { text, (size_t)((newline ? newline : end) - text) };
		struct container c;

		if (parse_line(line, &c)) {
			*ret = c;
			return true;
		}
		text += line.len + 1;
	}
	return false;
}

void container_describe(const struct container *c, char ret[static 64])
{
	bool hex = strlen(c->id) == ID_DIGITS && strspn(c->id, "0123456789abcdef") == ID_DIGITS;

	snprintf(ret, 64, "%s %.*s", c->engine, hex ? ID_SHOWN : 40, c->id);
}
