/* SPDX-License-Identifier: MIT */
/* What was recorded, and the trees that the page shows of it. Knows nothing of the page.
 *
 * Everything that exists once for each node, function or frame is a column (a typed
 * array), and nothing here recurses: recordings have 100 000s of nodes and stacks of
 * 1000s of frames.
 */

/* The columns as the writer puts them:
 *   strings     each text once
 *   functions   name, file: numbers of strings; line; marker: 1 for what is no function: a
 *               garbage collection, or frames left out of the middle of a deep stack
 *   frames      function; line being executed
 *   nodes       from node 1 on (0 is the root): up: number minus parent's number; frame
 *   samples     thread, node: where the thread's stack ended; count: in periods
 *   threads     name, tid, interpreter
 */
function readModel(text) {
	const d = JSON.parse(text);
	const n = d.nodes.up.length + 1;
	const parent = new Int32Array(n), frame = new Int32Array(n);
	frame[0] = -1;
	for (let i = 1; i < n; i++) {
		parent[i] = i - d.nodes.up[i - 1];
		frame[i] = d.nodes.frame[i - 1];
	}
	return {
		facts: d.facts, view: d.view, hidden: d.hidden, strings: d.strings,
		functions: {
			n: d.functions.name.length,
			name: Int32Array.from(d.functions.name), file: Int32Array.from(d.functions.file),
			line: Float64Array.from(d.functions.line), marker: Uint8Array.from(d.functions.marker),
		},
		frames: {
			n: d.frames.function.length,
			function: Int32Array.from(d.frames.function), line: Float64Array.from(d.frames.line),
		},
		n, parent, frame,
		samples: {
			n: d.samples.node.length,
			thread: Int32Array.from(d.samples.thread), node: Int32Array.from(d.samples.node),
			count: Float64Array.from(d.samples.count),
		},
		threads: { n: d.threads.name.length, ...d.threads },
	};
}

/* Text with what would not be seen, or would change how its surroundings are seen, made
 * visible: control characters, zero-width ones, and those that switch directions. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/;
const UNSEEN_ALL = new RegExp(UNSEEN.source, "g");

/* Marks that stand above or below others: enough of them would reach into other rows. */
const STACKED = /(\p{M}{3})\p{M}+/gu;

function visible(text) {
	if (/[^\u0000-\u02ff]/.test(text))
		text = text.replace(STACKED, "$1\u2026");
	if (!UNSEEN.test(text))
		return text;
	return text.replace(UNSEEN_ALL, (c) => {
		const code = c.charCodeAt(0);
		if (c === "\n")
			return "\u23ce";
		return code < 256 ? "\\x" + code.toString(16).padStart(2, "0")
			: "\\u" + code.toString(16).padStart(4, "0");
	});
}

function functionName(model, f) {
	return visible(model.strings[model.functions.name[f]]) || "?";
}

function functionFile(model, f) {
	return model.functions.marker[f] ? "" : visible(model.strings[model.functions.file[f]]);
}

function threadLabel(model, t) {
	const tid = `thread ${model.threads.tid[t]}`;
	const name = visible(model.threads.name[t]);
	const where = model.threads.interpreter[t] ? `, interpreter ${model.threads.interpreter[t]}` : "";
	return name ? `${name} (${tid}${where})` : tid + where;
}

/* A box's key says what it shows: a function, a frame (function and line) or a thread. */
class Keys {
	constructor(model, lines) {
		this.model = model;
		this.lines = lines;
		this.firstThread = lines ? model.frames.n : model.functions.n;
		this.n = this.firstThread + model.threads.n;
	}
	isThread(key) {
		return key >= this.firstThread;
	}
	functionOf(key) {
		return this.lines ? this.model.frames.function[key] : key;
	}
	lineOf(key) {
		return this.lines ? this.model.frames.line[key] : this.model.functions.line[key];
	}
	name(key) {
		return this.isThread(key) ? threadLabel(this.model, key - this.firstThread)
			: functionName(this.model, this.functionOf(key));
	}
	/* "file.py:12"; empty for threads and markers. */
	place(key) {
		if (this.isThread(key))
			return "";
		const file = functionFile(this.model, this.functionOf(key));
		return file && this.lineOf(key) ? `${file}:${this.lineOf(key)}` : file;
	}
	text(key) {
		const place = this.place(key);
		return place ? `${this.name(key)} (${place})` : this.name(key);
	}
}

/* How many samples each thread has. */
function threadTotals(model) {
	const totals = new Float64Array(model.threads.n);
	for (let i = 0; i < model.samples.n; i++)
		totals[model.samples.thread[i]] += model.samples.count[i];
	return totals;
}

/* A copy of the nodes for each thread, below a node for the thread. Nodes of one thread
 * are consecutive, and parents come before their children. */
function splitByThread(model, keys) {
	const s = model.samples, order = new Int32Array(s.n).map((_, i) => i);
	order.sort((a, b) => s.thread[a] - s.thread[b]);
	const parent = [0], key = [-1], self = [0], threadOf = [-1];
	const add = (p, k, t) => parent.push(p) && key.push(k) && self.push(0) && threadOf.push(t) - 1;
	const copy = new Int32Array(model.n), owner = new Int32Array(model.n).fill(-1);
	const path = [];
	let thread = -1, top = 0;
	for (const i of order) {
		if (s.thread[i] !== thread) {
			thread = s.thread[i];
			top = add(0, keys.firstThread + thread, thread);
			owner[0] = thread;
			copy[0] = top;
		}
		let node = s.node[i];
		for (; owner[node] !== thread; node = model.parent[node])
			path.push(node);
		while (path.length) {
			const below = copy[model.parent[path[path.length - 1]]];
			node = path.pop();
			owner[node] = thread;
			copy[node] = add(below, keys.lines ? model.frame[node]
				: model.frames.function[model.frame[node]], thread);
		}
		self[copy[node]] += s.count[i];
	}
	return {
		n: key.length, parent: Int32Array.from(parent), key: Int32Array.from(key),
		self: Float64Array.from(self), threadOf: Int32Array.from(threadOf),
	};
}

function wholeTree(model, keys, thread) {
	const s = model.samples, self = new Float64Array(model.n);
	for (let i = 0; i < s.n; i++) {
		if (thread < 0 || s.thread[i] === thread)
			self[s.node[i]] += s.count[i];
	}
	let key = model.frame;
	if (!keys.lines)
		key = key.map((f) => f < 0 ? -1 : model.frames.function[f]);
	return { n: model.n, parent: model.parent, key, self, threadOf: null };
}

/* What the page shows now, before it is laid out: threads "all", "each" or one's number.
 * Children of one node may still have equal keys; a layout merges them. */
function makeTree(model, threads, lines) {
	const keys = new Keys(model, lines);
	const tree = threads === "each" ? splitByThread(model, keys)
		: wholeTree(model, keys, threads === "all" ? -1 : threads);
	const { n, parent, self } = tree;
	const total = self.slice();
	for (let i = n - 1; i > 0; i--)
		total[parent[i]] += total[i];
	/* Children of i: child[first[i]] .. child[first[i + 1] - 1]; those without samples are
	 * left out. */
	const first = new Int32Array(n + 1);
	for (let i = 1; i < n; i++)
		first[parent[i] + 1] += total[i] > 0 ? 1 : 0;
	for (let i = 0; i < n; i++)
		first[i + 1] += first[i];
	const child = new Int32Array(first[n]), next = first.slice();
	for (let i = 1; i < n; i++) {
		if (total[i] > 0)
			child[next[parent[i]]++] = i;
	}
	return { ...tree, keys, total, first, child };
}

/* Own and total time of each function; a function that calls itself is counted once. */
function tally(model, tree) {
	const own = new Float64Array(model.functions.n), total = new Float64Array(model.functions.n);
	const inside = new Int32Array(model.functions.n), next = tree.first.slice();
	const functionAt = (node) => node === 0 || tree.keys.isThread(tree.key[node]) ? -1
		: tree.keys.functionOf(tree.key[node]);
	for (let node = 0;;) {
		if (next[node] < tree.first[node + 1]) {
			node = tree.child[next[node]++];
			const f = functionAt(node);
			if (f >= 0) {
				own[f] += tree.self[node];
				if (inside[f]++ === 0)
					total[f] += tree.total[node];
			}
		} else if (node === 0) {
			return { own, total };
		} else {
			const f = functionAt(node);
			if (f >= 0)
				inside[f]--;
			node = tree.parent[node];
		}
	}
}

/* A search: { test(name, text) } or { error }. Empty text is no search: null. An expression
 * may end with the name as well as with the text, so that /^walk$/ finds the function. */
function makeQuery(text, isRegex, matchCase) {
	if (!text)
		return null;
	const source = isRegex ? text : text.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&");
	try {
		const pattern = new RegExp(source, matchCase ? "u" : "iu");
		return { test: (name, whole) => pattern.test(whole) || (isRegex && pattern.test(name)) };
	} catch (e) {
		return { error: String(e.message).replace(/^Invalid regular expression: /, "") };
	}
}

/* Which keys match (1), and how many samples have at least one frame that does. */
function matchTree(tree, query) {
	const hit = new Uint8Array(tree.keys.n);
	for (let k = 0; k < hit.length; k++)
		hit[k] = query.test(tree.keys.name(k), tree.keys.text(k)) ? 1 : 0;
	const below = new Uint8Array(tree.n);
	let count = 0;
	for (let i = 1; i < tree.n; i++) {
		below[i] = hit[tree.key[i]] | below[tree.parent[i]];
		if (below[i])
			count += tree.self[i];
	}
	return { hit, count };
}

/* An array of numbers that grows. */
class Column {
	constructor(Type) {
		this.at = new Type(1024);
		this.n = 0;
	}
	push(v) {
		if (this.n === this.at.length) {
			const bigger = new this.at.constructor(this.n * 2);
			bigger.set(this.at);
			this.at = bigger;
		}
		this.at[this.n++] = v;
	}
}

const REST = -2;

/* Boxes, level by level from the root: each has a key (REST for several that are too
 * narrow to be drawn, -1 for the root), its parent box, where it lies on the axis of
 * samples, and the samples that ended in it (of a REST: the width of its widest). Boxes of
 * a level are in the order of their places.
 *
 * Only what can be seen is built: below boxes that touch from .. to and are not narrower
 * than `narrow`. So building takes as long as what is seen, not as what was recorded, and
 * zooming means building again. Places do not depend on from, to and narrow.
 *
 * A box stands for the nodes ("cursors") whose merging it is. Its children are those of
 * its cursors; inverted, they are its cursors' parents, each with the samples that came
 * down this way, and the first level is that of the stacks' ends.
 */
class Boxes {
	constructor(tree, inverted, from, to, narrow) {
		Object.assign(this, { tree, inverted, from, to, narrow });
		this.key = new Column(Int32Array);
		this.parent = new Column(Int32Array);
		this.x = new Column(Float64Array);
		this.total = new Column(Float64Array);
		this.self = new Column(Float64Array);
		this.restFirst = new Column(Int32Array); /* of a REST: where in restKeys its keys are */
		this.merged = new Column(Int32Array); /* how many boxes it stands for */
		this.restKeys = new Column(Int32Array);
		this.row = [0];
		this.keySeen = new Int32Array(tree.keys.n);
		this.keyGroup = new Int32Array(tree.keys.n);
		this.nodeSeen = inverted ? new Int32Array(tree.n) : null;
		this.nodeAt = inverted ? new Int32Array(tree.n) : null;
		this.cursors = { box: [0], first: [0, 1], node: [0], count: [tree.total[0]] };
		this.add(-1, -1, 0, tree.total[0], tree.self[0], 1);
		this.row.push(1);
	}

	get levels() {
		return this.row.length - 1;
	}

	add(key, parent, x, total, self, merged) {
		this.key.push(key);
		this.parent.push(parent);
		this.x.push(x);
		this.total.push(total);
		this.self.push(self);
		this.merged.push(merged);
		this.restFirst.push(this.restKeys.n);
		return this.key.n - 1;
	}

	/* The box of a level that holds place x; -1 if there is none. */
	find(level, x) {
		if (level >= this.levels)
			return -1;
		const i = this.firstFrom(level, x);
		return i < this.row[level + 1] && this.x.at[i] <= x ? i : -1;
	}

	/* The first box of a level that ends after x. */
	firstFrom(level, x) {
		let low = this.row[level], high = this.row[level + 1];
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.x.at[middle] + this.total.at[middle] <= x)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}

	/* Whether the box, or one of those that it stands for, is a hit of a search. */
	isHit(box, hits) {
		if (this.key.at[box] >= 0)
			return hits[this.key.at[box]] === 1;
		const first = this.restFirst.at[box];
		for (let i = 0; this.key.at[box] === REST && i < this.merged.at[box]; i++) {
			if (hits[this.restKeys.at[first + i]])
				return true;
		}
		return false;
	}

	/* Adds the next level; false if there is none. */
	expand() {
		const now = this.cursors;
		if (!now.box.length)
			return false;
		this.cursors = { box: [], first: [0], node: [], count: [] };
		for (let i = 0; i < now.box.length; i++)
			this.expandBox(now.box[i], now, now.first[i], now.first[i + 1]);
		if (this.key.n === this.row[this.row.length - 1])
			return false;
		this.row.push(this.key.n);
		return true;
	}

	expandBox(box, cursors, from, to) {
		const g = { mark: box + 1, key: [], total: [], self: [], size: [], node: [], count: [], group: [] };
		for (let c = from; c < to; c++)
			this.expandCursor(g, cursors.node[c], cursors.count[c]);
		if (g.key.length)
			this.placeGroups(box, g);
	}

	expandCursor(g, node, count) {
		const t = this.tree, level = this.levels - 1;
		if (!this.inverted) {
			for (let i = t.first[node]; i < t.first[node + 1]; i++)
				this.candidate(g, t.child[i], t.total[t.child[i]], t.key[t.child[i]]);
		} else if (level === 0) {
			for (let i = 1; i < t.n; i++) {
				if (t.self[i] > 0)
					this.candidate(g, i, t.self[i], t.threadOf ? t.keys.firstThread + t.threadOf[i] : t.key[i]);
			}
		} else if (level === 1 && t.threadOf) {
			this.candidate(g, node, count, t.key[node]);
		} else {
			const up = t.parent[node];
			if (up !== 0 && !t.keys.isThread(t.key[up]))
				this.candidate(g, up, count, t.key[up]);
		}
	}

	candidate(g, node, count, key) {
		if (this.keySeen[key] !== g.mark) {
			this.keySeen[key] = g.mark;
			this.keyGroup[key] = g.key.length;
			g.key.push(key);
			g.total.push(0);
			g.self.push(0);
			g.size.push(0);
		}
		const group = this.keyGroup[key];
		g.total[group] += count;
		if (!this.inverted)
			g.self[group] += this.tree.self[node];
		if (this.inverted && this.nodeSeen[node] === g.mark) {
			g.count[this.nodeAt[node]] += count;
			return;
		}
		if (this.inverted) {
			this.nodeSeen[node] = g.mark;
			this.nodeAt[node] = g.node.length;
		}
		g.size[group]++;
		g.node.push(node);
		g.count.push(count);
		g.group.push(group);
	}

	/* The widest first; those too narrow to be seen become one box. */
	placeGroups(box, g) {
		const order = g.key.map((_, i) => i);
		if (order.length > 1)
			order.sort((a, b) => g.total[b] - g.total[a] || g.key[a] - g.key[b]);
		let drawn = order.length;
		while (drawn > 0 && g.total[order[drawn - 1]] < this.narrow)
			drawn--;
		if (drawn === order.length - 1)
			drawn++;
		const start = new Array(g.key.length).fill(-1);
		let x = this.x.at[box], room = this.cursors.node.length;
		for (let i = 0; i < drawn; i++) {
			const group = order[i], total = g.total[group];
			const b = this.add(g.key[group], box, x, total, g.self[group], 1);
			if (total >= this.narrow && x < this.to && x + total > this.from) {
				start[group] = room;
				room += g.size[group];
				this.cursors.box.push(b);
				this.cursors.first.push(room);
			}
			x += total;
		}
		if (drawn < order.length) {
			let rest = 0;
			for (let i = drawn; i < order.length; i++)
				rest += g.total[order[i]];
			this.add(REST, box, x, rest, g.total[order[drawn]], order.length - drawn);
			for (let i = drawn; i < order.length; i++)
				this.restKeys.push(g.key[order[i]]);
		}
		this.keepCursors(g, start);
	}

	keepCursors(g, start) {
		const kept = this.cursors.first[this.cursors.first.length - 1];
		while (this.cursors.node.length < kept) {
			this.cursors.node.push(0);
			this.cursors.count.push(0);
		}
		for (let i = 0; i < g.node.length; i++) {
			if (start[g.group[i]] >= 0) {
				const at = start[g.group[i]]++;
				this.cursors.node[at] = g.node[i];
				this.cursors.count[at] = g.count[i];
			}
		}
	}
}
