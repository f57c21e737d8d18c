/* SPDX-License-Identifier: MIT */
#include "profiler/stillness.h"

#include "profiler/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	PLACES_MAX = 4096,
	USUAL_SHARE = 2,    /* still in half of the samples: no chance */
	SEEN_FEW = 8,       /* a place that was seen more rarely is judged like all others */
	SEEN_HALVE = 65536, /* the counts are halved there, so that they follow the program */
};

struct still_place {
	uint32_t code, unit;
	uint32_t seen, still; /* seen 0: a free entry */
};

enum ps_status stillness_init(struct stillness *s)
{
	*s = (struct stillness){ .v = calloc(PLACES_MAX, sizeof *s->v) };
	return s->v ? PS_OK : PS_NOMEM;
}

void stillness_deinit(struct stillness *s)
{
	free(s->v);
	s->v = NULL;
}

void stillness_clear(struct stillness *s)
{
	memset(s->v, 0, PLACES_MAX * sizeof *s->v);
	s->used = s->seen = s->still = 0;
}

static struct still_place *place_slot(const struct stillness *s, uint32_t code, uint32_t unit)
{
	uint32_t i = hash_words(code, unit) % PLACES_MAX;

	while (s->v[i].seen && (s->v[i].code != code || s->v[i].unit != unit))
		i = (i + 1) % PLACES_MAX;
	return &s->v[i];
}

static struct still_place *find_place(struct stillness *s, uint32_t code, uint32_t unit)
{
	struct still_place *p = place_slot(s, code, unit);

	if (p->seen)
		return p;
	/* Never full, so that every search ends at a free entry. */
	if (s->used >= PLACES_MAX / 4 * 3)
		return NULL;
	s->used++;
	*p = (struct still_place){ .code = code, .unit = unit };
	return p;
}

static void note(uint32_t *seen, uint32_t *still, bool is_still)
{
	(*seen)++;
	*still += is_still;
	if (*seen >= SEEN_HALVE) {
		*seen /= 2;
		*still /= 2;
	}
}

static bool is_usual(uint32_t seen, uint32_t still)
{
	return (uint64_t)still * USUAL_SHARE >= seen;
}

bool stillness_judge(struct stillness *s, uint32_t code, uint32_t unit, bool still)
{
	struct still_place *p = find_place(s, code, unit);

	note(&s->seen, &s->still, still);
	if (!p)
		return still && is_usual(s->seen, s->still);
	note(&p->seen, &p->still, still);
	if (p->seen < SEEN_FEW && !is_usual(s->seen, s->still))
		return false;
	return still && is_usual(p->seen, p->still);
}

bool stillness_is_usual(struct stillness *s, uint32_t code, uint32_t unit)
{
	const struct still_place *p = place_slot(s, code, unit);

	return p->seen < SEEN_FEW ? is_usual(s->seen, s->still) : is_usual(p->seen, p->still);
}

bool stillness_is_certain(const struct stillness *s, uint32_t code, uint32_t unit)
{
	const struct still_place *p = place_slot(s, code, unit);

	return p->seen >= SEEN_FEW && (uint64_t)p->still * 16 >= (uint64_t)p->seen * 15;
}
