/* SPDX-License-Identifier: MIT */
/* The page's arithmetic against the collapsed stacks, which another writer made of the same
 * profile: no browser is needed. */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { makePage } from "./browser.js";

const SOURCE = fileURLToPath(new URL("../../output/flamegraph_model.js", import.meta.url));
const code = vm.runInThisContext(`(() => { ${readFileSync(SOURCE, "utf8")}
	return { readModel, makeTree, tally, Boxes, makeQuery, matchTree, REST }; })()`);

let folder;
before(() => {
	folder = mkdtempSync(join(tmpdir(), "pysample-model-"));
});
after(() => rmSync(folder, { recursive: true }));

function load(fixture) {
	const html = readFileSync(makePage(folder, fixture, ["--threads"]), "utf8");
	const text = readFileSync(makePage(folder, fixture, ["--threads"], ".txt"), "utf8");
	const stacks = text.trimEnd().split("\n").map((line) => {
		const at = line.lastIndexOf(" ");
		const [thread, ...frames] = line.slice(0, at).split(";");
		return { thread, frames, count: Number(line.slice(at + 1)) };
	});
	const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)[1];
	return { model: code.readModel(data), stacks };
}

const sum = (stacks) => stacks.reduce((total, s) => total + s.count, 0);

/* Every level's boxes lie inside their parents, side by side, and lose no sample. */
function checkBoxes(tree, inverted) {
	const boxes = new code.Boxes(tree, inverted, 0, tree.total[0], 0);
	while (boxes.expand())
		continue;
	const inside = new Float64Array(boxes.key.n);
	for (let box = 1; box < boxes.key.n; box++) {
		const parent = boxes.parent.at[box];
		assert.equal(boxes.x.at[box], boxes.x.at[parent] + inside[parent]);
		inside[parent] += boxes.total.at[box];
		assert.notEqual(boxes.key.at[box], code.REST);
	}
	let ended = 0;
	for (let box = 0; box < boxes.key.n; box++) {
		assert.ok(inside[box] <= boxes.total.at[box]);
		if (!inverted)
			assert.equal(boxes.total.at[box] - inside[box], boxes.self.at[box]);
		ended += boxes.total.at[box] - inside[box];
	}
	assert.equal(ended, tree.total[0]);
	assert.equal(inside[0], tree.total[0]);
	return boxes;
}

for (const fixture of ["small", "threads", "tangle"]) {
	describe(fixture, () => {
		it("has the same own and total counts for each frame's text", () => {
			const { model, stacks } = load(fixture);
			const tree = code.makeTree(model, "all", false);
			const { own, total } = code.tally(model, tree);
			const name = (f) => model.strings[model.functions.name[f]];
			const byName = (values) => {
				const map = new Map();
				values.forEach((v, f) => v && map.set(name(f), (map.get(name(f)) || 0) + v));
				return map;
			};
			const expectedOwn = new Map(), expectedTotal = new Map();
			const add = (map, key, n) => map.set(key, (map.get(key) || 0) + n);
			for (const { frames, count } of stacks) {
				const names = frames.map((f) => f.replace(/ \([^(]*\)$/, ""));
				add(expectedOwn, names[names.length - 1], count);
				for (const n of new Set(names))
					add(expectedTotal, n, count);
			}
			assert.deepEqual(byName(own), expectedOwn);
			assert.deepEqual(byName(total), expectedTotal);
		});

		it("finds the same share by search", () => {
			const { model, stacks } = load(fixture);
			for (const word of ["server", "e", "1", "_7", "zzz"]) {
				const found = code.matchTree(code.makeTree(model, "all", true), code.makeQuery(word, false, true));
				assert.equal(found.count, sum(stacks.filter((s) => s.frames.some((f) => f.includes(word)))), word);
			}
		});

		it("loses no sample in any layout", () => {
			const { model, stacks } = load(fixture);
			for (const lines of [true, false]) {
				for (const threads of ["all", "each", 0]) {
					const tree = code.makeTree(model, threads, lines);
					const own = threads === 0 ? stacks.filter((s) => s.thread === stacks[0].thread) : stacks;
					assert.equal(tree.total[0], sum(own));
					checkBoxes(tree, false);
					checkBoxes(tree, true);
				}
			}
		});

		it("places boxes alike, whatever is in sight", () => {
			const { model } = load(fixture);
			const tree = code.makeTree(model, "all", true), whole = tree.total[0];
			for (const inverted of [false, true]) {
				const wide = new code.Boxes(tree, inverted, 0, whole, whole / 1000);
				const close = new code.Boxes(tree, inverted, 0, whole / 10, whole / 10000);
				for (let i = 0; i < 8; i++) {
					wide.expand();
					close.expand();
				}
				for (let box = 0; box < wide.key.n; box++) {
					if (wide.key.at[box] === code.REST || wide.x.at[box] >= whole / 10)
						continue;
					let level = 0;
					while (wide.row[level + 1] <= box)
						level++;
					const same = close.find(level, wide.x.at[box]);
					assert.equal(close.key.at[same], wide.key.at[box]);
					assert.equal(close.total.at[same], wide.total.at[box]);
				}
			}
		});
	});
}
