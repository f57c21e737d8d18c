/* SPDX-License-Identifier: MIT */
#include "offsets/layout.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
	enum layout_struct owner;
	const char *name;
} rows[LAYOUT_NFIELDS] = {
#define X(id, owner, width) [id] = { owner, #id },
	LAYOUT_FIELDS(X)
#undef X
};

static const struct {
	uint32_t most;
	const char *name;
} structs[LAYOUT_NSTRUCTS] = {
#define X(id, most) [id] = { most, #id },
	LAYOUT_STRUCTS(X)
#undef X
};

/* Structs that are read field by field are megabytes at most: 3.15t's runtime is 0.4. */
enum { STRUCT_MAX = 4 << 20, ROOM_FOR_DATA_MAX = 256 };
enum { DOOR_PATH_MIN = 64, DOOR_PATH_MAX = 4096 };

const char *layout_field_name(enum layout_field f)
{
	return f < LAYOUT_NFIELDS ? rows[f].name : "?";
}

static enum ps_status validate_field(struct layout *l, enum layout_field f, struct ps_err *err)
{
	enum layout_struct owner = rows[f].owner;
	size_t width = layout_width(f);
	uint32_t room = l->size[owner];

	if (!layout_has(l, f))
		return PS_OK;
	/* Compared this way round so that a huge offset cannot wrap. */
	if (width > room || l->at[f] > room - width)
		return ps_fail(err, PS_FORMAT,
			       "%s: offset %" PRIu32 " does not fit in %" PRIu32 " bytes",
			       rows[f].name, l->at[f], room);
	if (l->at[f] % width)
		return ps_fail(err, PS_FORMAT, "%s: offset %" PRIu32 " is not aligned",
			       rows[f].name, l->at[f]);
	if (l->at[f] + width > l->span[owner])
		l->span[owner] = l->at[f] + (uint32_t)width;
	return PS_OK;
}

static enum ps_status validate_scalars(const struct layout *l, struct ps_err *err)
{
	const struct {
		const char *name;
		uint32_t value, least, most;
	} bounds[] = {
		{ "object_size", l->object_size, 16, 64 },
		{ "code_units_at", l->code_units_at, 64, l->size[S_CODE] },
		{ "frame_locals_at", l->frame_locals_at, 32, l->size[S_FRAME] },
		{ "generator_frame_at", l->generator_frame_at, 16, ROOM_FOR_DATA_MAX },
		{ "exc_before_frame", l->exc_before_frame, l->span[S_EXC], ROOM_FOR_DATA_MAX },
		{ "bytes_data_at", l->bytes_data_at, 16, ROOM_FOR_DATA_MAX },
		{ "unicode_ascii_at", l->unicode_ascii_at, 16, ROOM_FOR_DATA_MAX },
		{ "unicode_compact_at", l->unicode_compact_at, 16, ROOM_FOR_DATA_MAX },
		{ "unicode_kind_shift", l->unicode_kind_shift, 2, 8 },
	};

	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		if (bounds[i].value < bounds[i].least || bounds[i].value > bounds[i].most)
			return ps_fail(err, PS_FORMAT,
				       "%s: %" PRIu32 " is not between %" PRIu32 " and %" PRIu32,
				       bounds[i].name, bounds[i].value, bounds[i].least,
				       bounds[i].most);
	}
	if (l->frame_locals_at % 8 || l->code_units_at % 2)
		return ps_fail(err, PS_FORMAT, "frame or code layout is not aligned");
	return PS_OK;
}

/* Each part of the door lies in the thread state, and the path behind the flag. */
static enum ps_status validate_door(const struct layout *l, struct ps_err *err)
{
	const struct layout_door *d = &l->door;
	uint32_t room = l->size[S_THREAD];

	if (!d->path_size)
		return PS_OK;
	if (d->path_size < DOOR_PATH_MIN || d->path_size > DOOR_PATH_MAX)
		return ps_fail(err, PS_FORMAT, "door: a path of %" PRIu32 " bytes", d->path_size);
	if (room < 8 || d->breaker > room - 8 || d->pending > room - 4 || d->path_size > room ||
	    d->path > room - d->path_size)
		return ps_fail(err, PS_FORMAT, "door: does not fit in %" PRIu32 " bytes", room);
	if (d->tracing % 4 || d->tracing > room - 4)
		return ps_fail(err, PS_FORMAT, "door: its thread state is too short");
	if (d->initialized % 8 || d->initialized > l->size[S_RUNTIME] - 4)
		return ps_fail(err, PS_FORMAT, "door: its runtime is too short");
	if (d->breaker % 8 || d->pending % 4 || d->path < d->pending + 4 ||
	    (d->breaker + 8 > d->pending && d->breaker < d->path + d->path_size))
		return ps_fail(err, PS_FORMAT, "door: its parts overlap or are not aligned");
	return PS_OK;
}

enum ps_status layout_validate(struct layout *l, struct ps_err *err)
{
	for (unsigned s = 0; s < LAYOUT_NSTRUCTS; s++) {
		if (l->size[s] == 0 || l->size[s] > STRUCT_MAX)
			return ps_fail(err, PS_FORMAT, "%s: a size of %" PRIu32 " bytes",
				       structs[s].name, l->size[s]);
		l->span[s] = 0;
	}
	for (enum layout_field f = 0; f < LAYOUT_NFIELDS; f++)
		PS_TRY(validate_field(l, f, err));
	for (unsigned s = 0; s < LAYOUT_NSTRUCTS; s++) {
		if (structs[s].most && l->span[s] > structs[s].most)
			return ps_fail(err, PS_FORMAT,
				       "%s: fields span %" PRIu32 " bytes, at most "
				       "%" PRIu32 " expected",
				       structs[s].name, l->span[s], structs[s].most);
	}
	PS_TRY(validate_door(l, err));
	return validate_scalars(l, err);
}

void layout_describe_version(uint32_t version, char ret[static 32])
{
	static const char *const levels[16] = { [0xa] = "a", [0xb] = "b", [0xc] = "rc" };
	const char *level = levels[version >> 4 & 15];
	char serial[8] = "";

	if (level)
		snprintf(serial, sizeof serial, "%s%u", level, version & 15);
	snprintf(ret, 32, "%u.%u.%u%s", version >> 24, version >> 16 & 0xff, version >> 8 & 0xff,
		 serial);
}

void layout_describe(const struct layout *l, char ret[static 64])
{
	char version[32];

	layout_describe_version(l->version, version);
	snprintf(ret, 64, "CPython %s%s", version, l->free_threaded ? " free-threaded" : "");
}
