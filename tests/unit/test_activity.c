/* SPDX-License-Identifier: MIT */
/* What /proc says is written into memory files here, so that time is the test's. */
#include "profiler/activity.h"

#include "tests/support/fail_alloc.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MS = 1000000, BOTH = ACTIVITY_READY | ACTIVITY_CPU };

struct world {
	int schedstat, stat;
	struct activity *a;
	uint64_t now, ran, waited, times;
};

static void put(int fd, const char *text)
{
	cr_assert_eq(ftruncate(fd, 0), 0);
	cr_assert_eq(pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void set_letter(struct world *w, char letter)
{
	char text[160];

	snprintf(text, sizeof text,
		 "7 (a) R) %c 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", letter);
	put(w->stat, text);
}

static void set_accounts(struct world *w)
{
	char text[64];

	snprintf(text, sizeof text, "%ju %ju %ju\n", (uintmax_t)w->ran, (uintmax_t)w->waited,
		 (uintmax_t)w->times);
	put(w->schedstat, text);
}

static void begin(struct world *w)
{
	*w = (struct world){ .now = 1000 * (uint64_t)MS, .ran = 77 * MS, .times = 3 };
	w->schedstat = memfd_create("schedstat", 0);
	w->stat = memfd_create("stat", 0);
	cr_assert(w->schedstat >= 0 && w->stat >= 0);
	set_accounts(w);
	set_letter(w, 'S');
	w->a = activity_create(dup(w->schedstat), dup(w->stat));
	cr_assert(w->a);
}

static void end(struct world *w)
{
	activity_close(w->a);
	close(w->schedstat);
	close(w->stat);
}

/* A millisecond later. */
static unsigned judge(struct world *w, bool attached, bool moved)
{
	w->now += MS;
	return activity_judge(w->a, &(struct activity_sample){
					    .now = w->now, .attached = attached, .moved = moved });
}

/* The same, and the thread ran for so much of it. */
static unsigned judge_ran(struct world *w, bool attached, bool moved, unsigned percent)
{
	w->ran += (uint64_t)MS / 100 * percent;
	set_accounts(w);
	return judge(w, attached, moved);
}

Test(activity, who_executes_python_and_moves_is_on_a_cpu)
{
	struct world w;

	begin(&w);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(judge_ran(&w, true, true, 100), BOTH, "sample %d", i);
	end(&w);
}

/* The nanoseconds of a thread that runs grow once a tick: 4 ms here. */
Test(activity, who_computes_without_the_gil_is_on_a_cpu_all_the_time)
{
	struct world w;

	begin(&w);
	set_letter(&w, 'R');
	for (int i = 0; i < 4000; i++) {
		if (i % 4 == 3) {
			w.ran += 4 * MS;
			set_accounts(&w);
		}
		cr_assert_eq(judge(&w, false, i % 500 == 0), BOTH, "sample %d", i);
	}
	end(&w);
}

Test(activity, who_waits_is_idle_from_the_next_sample_on)
{
	struct world w;

	begin(&w);
	for (int i = 0; i < 100; i++)
		judge_ran(&w, true, true, 100);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(judge(&w, false, i == 0), 0, "sample %d", i);
	end(&w);
}

Test(activity, who_holds_the_gil_and_does_not_move_is_asked)
{
	struct world w;
	unsigned ready = 0;

	begin(&w);
	judge_ran(&w, true, true, 100);
	for (int i = 0; i < 100; i++)
		ready += judge(&w, true, false) != 0;
	cr_expect_leq(ready, 1, "%u", ready);
	end(&w);
}

/* Four threads on two CPUs: all are ready, each is on a CPU half of the time. */
Test(activity, ready_samples_are_on_a_cpu_as_far_as_there_is_time_to_pay_for_them)
{
	for (int attached = 0; attached < 2; attached++) {
		unsigned cpu = 0, ready = 0;
		struct world w;

		begin(&w);
		set_letter(&w, 'R');
		for (int i = 0; i < 4000; i++) {
			unsigned got = judge_ran(&w, attached, attached, 50);

			ready += (got & ACTIVITY_READY) != 0;
			cpu += (got & ACTIVITY_CPU) != 0;
		}
		cr_expect_eq(ready, 4000);
		cr_expect(cpu >= 2000 && cpu <= 2060, "%u", cpu);
		end(&w);
	}
}

/* It holds the GIL and blocks for nine tenths of each millisecond. */
Test(activity, who_holds_the_gil_and_blocks_is_found_out_by_its_time)
{
	unsigned cpu = 0, ready = 0;
	struct world w;

	begin(&w);
	for (int i = 0; i < 4000; i++) {
		unsigned got;

		set_letter(&w, i % 10 ? 'S' : 'R');
		w.times++;
		got = judge_ran(&w, true, true, 10);
		ready += (got & ACTIVITY_READY) != 0;
		cpu += (got & ACTIVITY_CPU) != 0;
	}
	cr_expect(cpu >= 380 && cpu <= 450, "%u", cpu);
	cr_expect(ready >= 380 && ready <= 450, "%u", ready);
	end(&w);
}

/* Who was not given a CPU has done nothing, whatever the letter is by now. */
Test(activity, who_was_blocked_and_was_not_switched_in_is_blocked)
{
	struct world w;

	begin(&w);
	cr_assert_eq(judge(&w, false, true), 0);
	set_letter(&w, 'R');
	for (int i = 0; i < 50; i++)
		cr_assert_eq(judge(&w, false, false), 0);
	w.times++;
	set_accounts(&w);
	for (int i = 0; i < 20; i++)
		judge(&w, false, false);
	cr_expect_eq(judge(&w, false, false), BOTH, "asked within 16 ms");
	end(&w);
}

static unsigned judge_still(struct world *w)
{
	w->now += MS;
	return activity_judge(w->a, &(struct activity_sample){ .now = w->now, .still = true });
}

/* It looks each five milliseconds whether the GIL is free, and its letter is not asked for:
 * here it would always be the wrong one. The time that this takes is told all the same. */
Test(activity, who_waits_for_the_gil_is_ready_as_far_as_it_was)
{
	enum { SAMPLES = 20000 };

	for (char letter = 'R'; letter <= 'S'; letter++) {
		unsigned cpu = 0, ready = 0;
		struct world w;

		begin(&w);
		judge(&w, false, false);
		set_letter(&w, letter);
		for (int i = 0; i < SAMPLES; i++) {
			unsigned got;

			if (i % 5 == 4) {
				w.times++;
				w.ran += MS / 20;    /* 1 %, */
				w.waited += MS / 10; /* and 2 % */
				set_accounts(&w);
			}
			got = judge_still(&w);
			ready += (got & ACTIVITY_READY) != 0;
			cpu += (got & ACTIVITY_CPU) != 0;
		}
		cr_expect(ready >= SAMPLES * 29 / 1000 && ready <= SAMPLES * 3 / 100,
			  "%c: %u of %d are ready", letter, ready, SAMPLES);
		cr_expect(cpu >= SAMPLES * 9 / 1000 && cpu <= SAMPLES * 1 / 100 + 30,
			  "%c: %u of %d are on a CPU", letter, cpu, SAMPLES);
		end(&w);
	}
}

/* In C code that let the GIL go: it was switched in just before it was asked for, and not
 * once since then. */
Test(activity, who_begins_to_compute_without_the_gil_is_found_out)
{
	struct world w;

	begin(&w);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(judge_still(&w), 0, "sample %d", i);
	w.times++;
	set_letter(&w, 'R');
	w.ran += MS / 100;
	for (int i = 0; i < 100; i++) {
		set_accounts(&w);
		if (i > 40)
			cr_expect_eq(judge_still(&w), BOTH, "sample %d", i);
		else
			judge_still(&w);
		w.ran += MS;
	}
	end(&w);
}

/* It was given a CPU, and then waits for one: nothing grows before it has it. */
Test(activity, who_waits_for_a_cpu_is_ready_though_nothing_says_so_but_its_letter)
{
	struct world w;

	begin(&w);
	for (int i = 0; i < 100; i++)
		judge_still(&w);
	w.times++;
	set_accounts(&w);
	set_letter(&w, 'R');
	for (int i = 0; i < 100; i++) {
		unsigned got = judge_still(&w);

		if (i > 40)
			cr_expect(got & ACTIVITY_READY, "sample %d", i);
	}
	end(&w);
}

Test(activity, without_accounts_the_letter_decides)
{
	for (int has_file = 0; has_file < 2; has_file++) {
		struct world w;

		begin(&w);
		if (has_file) {
			put(w.schedstat, "0 0 0\n");
		} else {
			activity_close(w.a);
			w.a = activity_create(-1, dup(w.stat));
		}
		for (int i = 0; i < 200; i++)
			cr_assert_eq(judge(&w, true, true), BOTH);
		cr_expect_eq(judge(&w, false, true), 0);
		set_letter(&w, 'R');
		for (int i = 0; i < 200; i++)
			judge(&w, false, i == 0);
		cr_expect_eq(judge(&w, false, false), BOTH);
		end(&w);
	}
}

/* The letter of a thread that is stopped for each sample is 't'. */
Test(activity, of_a_stopped_thread_the_time_since_the_last_stop_decides)
{
	struct world w;

	begin(&w);
	set_letter(&w, 't');
	for (int i = 0; i < 200; i++) {
		unsigned got;
		bool runs = i / 20 % 2;

		w.now += MS;
		w.ran += runs ? MS * 9 / 10 : MS / 100;
		w.times++;
		set_accounts(&w);
		got = activity_judge(w.a, &(struct activity_sample){
						  .now = w.now, .moved = true, .traced = true });
		if (i)
			cr_expect_eq(got, runs ? BOTH : 0, "sample %d", i);
	}
	w.now += MS;
	cr_expect_eq(activity_judge(w.a, &(struct activity_sample){ .now = w.now,
								    .attached = true,
								    .moved = true,
								    .traced = true }),
		     BOTH);
	end(&w);
}

Test(activity, of_a_thread_that_is_not_known_attached_is_all_there_is)
{
	struct activity *a = NULL;
	struct activity_sample attached = { .now = 1, .attached = true }, other = { .now = 1 };

	cr_expect_eq(activity_of(&a, getpid(), 0, &attached), BOTH);
	cr_expect_eq(activity_of(&a, getpid(), 0, &other), 0);
	cr_expect_null(a);
}

Test(activity, of_this_thread_is_that_it_runs)
{
	struct activity *a = NULL;

	cr_expect_eq(activity_of(&a, getpid(), getpid(),
				 &(struct activity_sample){ .now = 20 * (uint64_t)MS }),
		     BOTH);
	cr_expect_not_null(a);
	activity_close(a);
}

Test(activity, without_memory_the_files_are_closed)
{
	int schedstat = memfd_create("schedstat", 0), stat = memfd_create("stat", 0);
	struct activity *a = NULL;

	fail_alloc_at(1);
	cr_expect_null(activity_create(schedstat, stat));
	fail_alloc_at(1);
	cr_expect_eq(activity_of(&a, getpid(), getpid(),
				 &(struct activity_sample){ .now = 1, .attached = true }),
		     BOTH);
	fail_alloc_at(0);
	cr_expect_null(a);
	cr_expect(fcntl(schedstat, F_GETFD) < 0 && fcntl(stat, F_GETFD) < 0);
}
