// SPDX-License-Identifier: MIT
/* What the tests of readers share: dumps as pysample converts them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

const PYSAMPLE = process.env.PYSAMPLE, MAKE_HEAP = process.env.MAKE_HEAP;
assert.ok(PYSAMPLE && MAKE_HEAP, "PYSAMPLE and MAKE_HEAP name the programs");
export const folder = mkdtempSync(join(tmpdir(), "pysample-heap-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/* A dump of make_heap: the path of its snapshot, that as JSON, and the lines of JSON. */
export function convert(...what) {
	const dump = join(folder, "a.psheap"), snapshot = join(folder, "a.heapsnapshot"), lines = join(folder, "a.jsonl");
	writeFileSync(dump, execFileSync(MAKE_HEAP, what, { maxBuffer: 1 << 28 }));
	for (const to of [snapshot, lines])
		execFileSync(PYSAMPLE, ["heap", "convert", "-q", dump, "-o", to]);
	const objects = readFileSync(lines, "utf8").trim().split("\n").map((line) => JSON.parse(line));
	return { snapshot, raw: JSON.parse(readFileSync(snapshot, "utf8")), head: objects.shift(), objects };
}
