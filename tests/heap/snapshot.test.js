// SPDX-License-Identifier: MIT
/* What the readers take for granted and pysample promises of ids. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { convert } from "./load.js";

test("ids are odd, below 2^32, used once, and the same in a later dump", () => {
	const id = ({ raw, objects }) => new Map(objects.map((o, i) => [o.id, raw.nodes[6 * i + 2]]));
	const before = id(convert("app", "50")), later = id(convert("app", "500"));
	for (const ids of [before, later]) {
		assert.equal(new Set(ids.values()).size, ids.size);
		for (const v of ids.values())
			assert.ok(v % 2 === 1 && v < 2 ** 32);
	}
	for (const [object, v] of before)
		assert.equal(later.get(object), v);
});
