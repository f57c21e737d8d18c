// SPDX-License-Identifier: MIT
/* What pysample makes of a dump, in memlab's parser: it loads, and memlab finds the same
 * retained size of every object, by an algorithm of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import memlab from "@memlab/core";
import { convert } from "./load.js";

memlab.config.muteConsole = true;

async function load(...what) {
	const told = convert(...what);
	const heap = await memlab.utils.getSnapshotFromFile(told.snapshot, { buildNodeIdIndex: true, verbose: false });
	memlab.analysis.preparePathFinder(heap);
	const nodes = [];
	heap.nodes.forEach((node) => void nodes.push(node));
	return { ...told, nodes };
}

/* Both have the same objects in the same order. */
function expectSameSizes({ nodes, objects }) {
	assert.equal(nodes.length, objects.length);
	for (let i = 0; i < nodes.length; i++) {
		assert.equal(nodes[i].self_size, objects[i].size, `size of ${objects[i].id}`);
		assert.equal(nodes[i].retainedSize, objects[i].retained, `retained by ${objects[i].id}`);
	}
}

test("an application's objects: names, edges, sizes", async () => {
	const loaded = await load("app", "100");
	expectSameSizes(loaded);
	const find = (name) => loaded.nodes.filter((node) => node.name === name);
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
	for (let seed = 1; seed <= 8; seed++)
		expectSameSizes(await load("random", String(seed), "600"));
});
