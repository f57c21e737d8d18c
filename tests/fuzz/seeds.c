/* SPDX-License-Identifier: MIT */
/* Writes seeds that are made from images and tables: seeds FOLDER. They are committed;
 * run it again when the images have changed. */
#include "tests/fuzz/frames.h"
#include "tests/support/built_dump.h"
#include "tests/support/built_rpy.h"
#include "tests/support/image.h"
#include "tests/support/tiny_elf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *create(const char *folder, const char *target, const char *name)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s/%s", folder, target, name);
	out = fopen(path, "wb");
	if (!out) {
		perror(path);
		abort();
	}
	return out;
}

static void put16(FILE *out, size_t v)
{
	fputc((int)(v & 0xff), out);
	fputc((int)(v >> 8 & 0xff), out);
}

static void put_address(FILE *out, raddr at)
{
	put16(out, at & 0xffff);
	put16(out, at >> 16 & 0xffff);
}

/* All words that are not 0; a gap of a few is not worth a record. */
static void put_memory(FILE *out, const struct image *im)
{
	enum { GAP = 4 };
	size_t n = (size_t)(im->next - FAKE_BASE) / 8, last = 0;
	uint64_t *word = calloc(n + GAP, sizeof *word);

	if (!word)
		abort();
	for (size_t i = 0; i < n; i++) {
		raddr at = FAKE_BASE + 8 * i;

		if (im->fake.page[(at - FAKE_BASE) / FAKE_PAGE])
			word[i] = fake_get64(&im->fake, at);
	}
	for (size_t i = 0; i < n;) {
		size_t end = i, zeros = 0;

		if (!word[i]) {
			i++;
			continue;
		}
		for (; end < n && zeros < GAP; end++)
			zeros = word[end] ? 0 : zeros + 1;
		end -= zeros;
		put16(out, i - last);
		put16(out, end - i);
		fwrite(word + i, 8, end - i, out);
		last = i = end;
	}
	free(word);
}

static void call_things(struct image *im, struct image_thread *t)
{
	struct image_code codes[] = {
		{ .name = "main", .first_line = 1, .units = 20 },
		{ .name = "f", .first_line = 9, .units = 20, .copies = 2 },
		{ .name = "gen", .first_line = 40, .units = 20, .flags = 0x20 }
	};
	raddr main_code = image_code(im, &codes[0]), f = image_code(im, &codes[1]);
	raddr gen = image_code(im, &codes[2]);

	t->chunk_bytes = 512;
	image_push(t, main_code, 4);
	for (int i = 0; i < 6; i++)
		image_push(t, f, 2);
	image_push_generator(t, gen, 3);
	image_push_shim(t);
	image_push(t, f, 2);
}

static void seed_frames(const char *folder, enum table_id id)
{
	FILE *out = create(folder, "frames", table_name(id));
	struct image *im = calloc(1, sizeof *im);
	struct image_thread t;

	if (!im)
		abort();
	image_init(im, id);
	image_thread(im, &t, 10, 0x7000);
	call_things(im, &t);
	image_names(im, (struct image_name[]){ { 0x7000, "MainThread" } }, 1, id % 2);
	fputc((int)id, out);
	fputc(0, out);
	put_address(out, t.at);
	put_address(out, im->interpreter);
	put_address(out, im->runtime);
	put_memory(out, im);
	/* A moment later: some calls have returned. */
	put16(out, FRAMES_LATER);
	put16(out, 0);
	for (int i = 0; i < 4; i++)
		image_pop(&t);
	put_memory(out, im);
	fclose(out);
	image_thread_deinit(&t);
	image_deinit(im);
	free(im);
}

static void seed_table(const char *folder, enum table_id id)
{
	FILE *out = create(folder, "debug_offsets", table_name(id));
	unsigned char table[DEBUG_OFFSETS_MAX];

	fwrite(table, 1, table_bytes_of(id, table), out);
	fclose(out);
}

static void seed_str(const char *folder, enum table_id id, unsigned width, bool compact)
{
	static const uint32_t data[] = { 'a', 0xe9, 0x20ac, 0xd801 };
	struct image *im = calloc(1, sizeof *im);
	unsigned char bytes[300], packed[16];
	char name[64];
	raddr at;
	FILE *out;

	if (!im)
		abort();
	for (size_t i = 0; i < 4; i++)
		memcpy(packed + i * width, &data[i], width);
	im->layout = table_layout(id);
	im->next = FAKE_BASE;
	fake_init(&im->fake);
	image_take(im, compact ? 0 : 128); /* the characters behind it, to be moved there */
	im->next = FAKE_BASE + (compact ? 0 : 128);
	at = image_wide_str(im, packed, 4, width, compact);
	fake_map(&im->fake, FAKE_BASE, sizeof bytes);
	if (!compact) {
		fake_get(&im->fake, at, bytes, 100);
		fake_put(&im->fake, FAKE_BASE, bytes, 100);
	}
	fake_get(&im->fake, FAKE_BASE, bytes, sizeof bytes);
	snprintf(name, sizeof name, "%s-%u-%d", table_name(id), width, compact);
	out = create(folder, "unicode", name);
	fputc((int)id, out);
	fwrite(bytes, 1, sizeof bytes, out);
	fclose(out);
	image_deinit(im);
	free(im);
}

static void seed_elf(const char *folder)
{
	FILE *out = create(folder, "elf", "tiny");
	struct tiny_elf e;

	tiny_elf_make(&e);
	fwrite(&e, 1, sizeof e, out);
	fclose(out);
}

static void seed_heap(const char *folder, const char *target, const char *name, uint32_t sessions,
		      void (*make)(struct built_dump *d, uint32_t sessions))
{
	FILE *out = create(folder, target, name);
	struct built_dump d;

	make(&d, sessions);
	fwrite(d.bytes, 1, d.len, out);
	fclose(out);
	dump_free(&d);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 1;
	for (int id = 0; id < NTABLES; id++) {
		seed_frames(argv[1], (enum table_id)id);
		seed_table(argv[1], (enum table_id)id);
	}
	for (unsigned width = 1; width <= 4; width *= 2) {
		seed_str(argv[1], TABLE_3_15_2, width, true);
		seed_str(argv[1], TABLE_3_14T, width, false);
	}
	seed_elf(argv[1]);
	seed_heap(argv[1], "heap", "app-0", 0, dump_app);
	seed_heap(argv[1], "heap", "app-2", 2, dump_app);
	seed_heap(argv[1], "heap_rpy", "app-0", 0, rpy_app);
	seed_heap(argv[1], "heap_rpy", "app-2", 2, rpy_app);
	return 0;
}
