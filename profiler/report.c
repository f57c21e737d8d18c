/* SPDX-License-Identifier: MIT */
#include "profiler/report.h"

#include "profiler/clock.h"

#include <inttypes.h>
#include <unistd.h>

#define NS 1e9
enum { PROGRESS_NS = 200000000 };

uint64_t counts_usable(const struct sample_counts *c)
{
	uint64_t n = c->consistent;

	for (unsigned i = 0; i < REPAIR_NREASONS; i++)
		n += c->repaired[i];
	return n;
}

uint64_t counts_lost(const struct sample_counts *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < LOST_NREASONS; i++)
		n += c->lost[i];
	return n;
}

void progress_init(struct progress *p, FILE *terminal, uint64_t began, uint64_t duration_ns)
{
	*p = (struct progress){ .began = began, .next = began, .duration_ns = duration_ns };
	if (terminal && isatty(fileno(terminal)))
		p->out = terminal;
}

void progress_show(struct progress *p, uint64_t now, const struct sample_counts *c)
{
	double elapsed = (double)(now - p->began) / NS;

	if (!p->out || now < p->next)
		return;
	p->next = now + PROGRESS_NS;
	fprintf(p->out, "\r\033[K%.1f s", elapsed);
	if (p->duration_ns)
		fprintf(p->out, " of %.1f s", (double)p->duration_ns / NS);
	fprintf(p->out, ", %" PRIu64 " samples, %.0f Hz, %" PRIu64 " lost (Ctrl-C ends and writes)",
		counts_usable(c), elapsed > 0 ? (double)c->ticks / elapsed : 0, counts_lost(c));
	fflush(p->out);
}

void progress_clear(struct progress *p)
{
	if (p->out)
		fputs("\r\033[K", p->out);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_reasons(FILE *out, const uint64_t *n, unsigned count,
			  const char *(*text)(unsigned))
{
	for (unsigned i = 0; i < count; i++) {
		if (n[i])
			fprintf(out, "    %" PRIu64 ": %s\n", n[i], text(i));
	}
}

static const char *repair_text(unsigned i)
{
	return repair_reason_text((enum repair_reason)i);
}

static const char *lost_text(unsigned i)
{
	return lost_reason_text((enum lost_reason)i);
}

static void print_samples(FILE *out, const struct sample_counts *c)
{
	uint64_t usable = counts_usable(c), lost = counts_lost(c), all = usable + lost;

	fprintf(out, "Samples: %" PRIu64 " usable of %" PRIu64 " (%.2f %%)\n", usable, all,
		share(usable, all));
	fprintf(out, "  consistent %" PRIu64 "\n  repaired %" PRIu64 "\n", c->consistent,
		usable - c->consistent);
	print_reasons(out, c->repaired, REPAIR_NREASONS, repair_text);
	fprintf(out, "  lost %" PRIu64 "\n", lost);
	print_reasons(out, c->lost, LOST_NREASONS, lost_text);
	if (c->truncated)
		fprintf(out, "  so deep that frames in the middle were left out: %" PRIu64 "\n",
			c->truncated);
}

void report_summary(FILE *out, const struct recording_facts *f)
{
	const struct sample_counts *c = &f->counts;

	print_samples(out, c);
	fprintf(out, "Rate: %.1f Hz achieved, ", f->rate_achieved);
	if (f->rate_asked > 0)
		fprintf(out,
			"%.10g Hz asked; %" PRIu64 " skipped because late; late by %.3f ms on "
			"average, %.3f ms at most\n",
			f->rate_asked, c->skipped,
			c->ticks ? (double)c->late_sum_ns / (double)c->ticks / 1e6 : 0,
			(double)c->late_max_ns / 1e6);
	else
		fputs("as fast as it goes\n", out);
	fprintf(out, "Duration: %.3f s, ended %s\n", (double)f->duration_ns / NS, f->ended);
}
