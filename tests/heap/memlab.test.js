// SPDX-License-Identifier: MIT
/* What pysample makes of a dump, in memlab's parser: it loads, and memlab finds the same
 * retained size of every object, by an algorithm of its own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import memlab from "@memlab/core";

const PYSAMPLE = process.env.PYSAMPLE, MAKE_HEAP = process.env.MAKE_HEAP;
const folder = mkdtempSync(join(tmpdir(), "pysample-heap-"));
after(() => rmSync(folder, { recursive: true, force: true }));
memlab.config.muteConsole = true;

/* The dump as memlab sees it, and as lines of JSON. */
async function load(...what) {
	const dump = join(folder, "a.psheap"), snapshot = join(folder, "a.heapsnapshot");
	writeFileSync(dump, execFileSync(MAKE_HEAP, what, { maxBuffer: 1 << 28 }));
	execFileSync(PYSAMPLE, ["heap", "convert", "-q", dump, "-o", snapshot]);
	execFileSync(PYSAMPLE, ["heap", "convert", "-q", dump, "-o", join(folder, "a.jsonl")]);
	const heap = await memlab.utils.getSnapshotFromFile(snapshot, { buildNodeIdIndex: true, verbose: false });
	memlab.analysis.preparePathFinder(heap);
	const lines = readFileSync(join(folder, "a.jsonl"), "utf8").trim().split("\n").map((l) => JSON.parse(l));
	return { heap, head: lines[0], objects: lines.slice(1), raw: JSON.parse(readFileSync(snapshot, "utf8")) };
}

function nodes(heap) {
	const all = [];
	heap.nodes.forEach((node) => void all.push(node));
	return all;
}

/* Both have the same objects in the same order. */
function expectSameSizes({ heap, objects }) {
	const all = nodes(heap);
	assert.equal(all.length, objects.length);
	for (let i = 0; i < all.length; i++) {
		assert.equal(all[i].self_size, objects[i].size, `size of ${objects[i].id}`);
		assert.equal(all[i].retainedSize, objects[i].retained, `retained by ${objects[i].id}`);
	}
}

test("an application's objects: names, edges, sizes", async () => {
	const loaded = await load("app", "100");
	expectSameSizes(loaded);
	const find = (name) => nodes(loaded.heap).filter((node) => node.name === name);
	const [cache] = find("app.Cache"), sessions = find("app.Session");
	assert.equal(sessions.length, 100);
	/* The cache and its list with their types, of which there are no others, and 99 sessions
	 * with their strings; the first is held by a local variable as well. */
	assert.equal(cache.retainedSize, 4 * 64 + 99 * (64 + 100));
	const items = cache.references.find((e) => e.name_or_index === "items").toNode;
	assert.equal(items.name, "list");
	const edges = items.references.filter((e) => e.type === "element");
	assert.deepEqual(edges.map((e) => e.name_or_index), [...edges.keys()]);
	assert.equal(edges[7].toNode.name, "app.Session");
	assert.equal(sessions[0].references.find((e) => e.type === "weak").toNode.id, cache.id);
	assert.equal(find("thread MainThread (4242)").length, 1);
	assert.equal(find("f (app.py:7)")[0].references.find((e) => e.type === "context").name_or_index, "s");
});

test("graphs made at random: every retained size", async () => {
	for (let seed = 1; seed <= 12; seed++)
		expectSameSizes(await load("random", String(seed), "600"));
});

test("ids are odd, below 2^32, used once, and the same in a later dump", async () => {
	const before = await load("app", "50"), later = await load("app", "500");
	const id = ({ raw, objects }) => new Map(objects.map((o, i) => [o.id, raw.nodes[6 * i + 2]]));
	const a = id(before), b = id(later);
	for (const ids of [a, b]) {
		assert.equal(new Set(ids.values()).size, ids.size);
		for (const v of ids.values())
			assert.ok(v % 2 === 1 && v < 2 ** 32);
	}
	for (const [object, v] of a)
		assert.equal(b.get(object), v);
});
