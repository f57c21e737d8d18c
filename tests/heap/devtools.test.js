// SPDX-License-Identifier: MIT
/* What pysample makes of a dump, in the code by which Chrome's DevTools load and compare
 * snapshots. It is published as TypeScript for browsers, so it is bundled first. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import esbuild from "esbuild";
import { convert, folder } from "./load.js";

/* Newer than some a Node.js that is good enough. */
Promise.withResolvers ??= function () {
	const all = {};
	all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }));
	return all;
};

/* The list of languages is made by DevTools' own build. */
const languages = {
	name: "languages",
	setup(build) {
		build.onResolve({ filter: /\/locales\.js$/ }, () => ({ path: "locales", namespace: "languages" }));
		build.onLoad({ filter: /.*/, namespace: "languages" }, () => ({
			contents: `export const LOCALES = ["en-US"], BUNDLED_LOCALES = LOCALES, DEFAULT_LOCALE = "en-US",
				REMOTE_FETCH_PATTERN = "", LOCAL_FETCH_PATTERN = "";`,
		}));
	},
};

async function bundle() {
	const front = dirname(createRequire(import.meta.url).resolve("chrome-devtools-frontend/package.json"));
	const outfile = join(folder, "devtools.mjs");
	await esbuild.build({
		entryPoints: [join(front, "front_end/entrypoints/heap_snapshot_worker/heap_snapshot_worker.ts")],
		bundle: true, format: "esm", platform: "node", logLevel: "error", plugins: [languages], outfile,
	});
	return import(outfile);
}

const { HeapSnapshot, HeapSnapshotLoader } = await bundle();
const nobody = { sendEvent() {}, sendUpdate() {} };

async function load(...what) {
	const told = convert(...what), text = readFileSync(told.snapshot, "utf8");
	const loader = new HeapSnapshotLoader.HeapSnapshotLoader(nobody), channel = new MessageChannel();
	/* In pieces, as they come from a file; an odd size, so that numbers are cut. */
	for (let i = 0; i < text.length; i += 9973)
		loader.write(text.slice(i, i + 9973));
	loader.close();
	void new HeapSnapshot.SecondaryInitManager(channel.port2);
	const heap = await loader.buildSnapshot(channel.port1);
	channel.port1.close();
	return { ...told, heap };
}

function expectSameSizes({ heap, objects }) {
	assert.equal(heap.nodeCount, objects.length);
	assert.equal(heap.totalSize, objects.reduce((sum, o) => sum + o.size, 0));
	objects.forEach((o, i) => assert.equal(heap.retainedSizes[i], o.retained, `retained by ${o.id}`));
}

/* By its group's name; keys have a number before it, of what kind of script made it. */
function group(heap, name) {
	const all = heap.getAggregatesByClassKey(false, "all");
	return Object.values(all).find((a) => a.name === name);
}

test("an application's objects: groups, sizes, distances", async () => {
	const loaded = await load("app", "100"), { heap } = loaded;
	expectSameSizes(loaded);
	assert.equal(group(heap, "app.Session").count, 100);
	assert.equal(group(heap, "app.Session").self, 6400);
	assert.equal(group(heap, "(string)").count, 100);
	assert.equal(group(heap, "app.Cache").maxRet, 4 * 64 + 99 * 164);
	/* root, (modules), app, its dict, the cache */
	assert.equal(group(heap, "app.Cache").distance, 4);
});

test("graphs made at random: every retained size", async () => {
	for (let seed = 1; seed <= 8; seed++)
		expectSameSizes(await load("random", String(seed), "600"));
});

test("comparison finds what is new, and nothing else", async () => {
	const before = await load("app", "10"), after = await load("app", "110");
	const definitions = after.heap.interfaceDefinitions?.() ?? "[]";
	const told = after.heap.calculateSnapshotDiff("before", before.heap.aggregatesForDiff(definitions));
	const diff = Object.values(told).filter((d) => d.addedCount || d.removedCount);
	const counts = Object.fromEntries(diff.map((d) => [d.name ?? d.className, [d.addedCount, d.removedCount]]));
	assert.deepEqual(counts, { "app.Session": [100, 0], "(string)": [100, 0] });
});
