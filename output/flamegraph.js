/* SPDX-License-Identifier: MIT */
/* The page: what its controls do. Text of the recording enters it as text only. */

const $ = (id) => document.getElementById(id);
const NS = 1e9;
const REST_SHOWN = 60; /* how many of the boxes too narrow to draw a click on them shows */
const SLICE_MS = 12; /* how long building boxes may keep the page from reacting */

function formatTime(ns) {
	if (ns === 0)
		return "0 s";
	if (ns >= 60 * NS) {
		const tenths = Math.round(ns / NS * 10);
		return `${Math.floor(tenths / 600)} min ${(tenths % 600 / 10).toFixed(1)} s`;
	}
	for (const [unit, size] of [["s", NS], ["ms", 1e6], ["\u00b5s", 1e3]]) {
		if (ns >= size)
			return `${(ns / size).toFixed(ns >= 100 * size ? 0 : ns >= 10 * size ? 1 : 2)} ${unit}`;
	}
	return `${ns} ns`;
}

function formatCount(n) {
	return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function formatPercent(part, whole) {
	const percent = whole > 0 ? part / whole * 100 : 0;
	if (percent === 0)
		return "0%";
	if (percent < 0.01)
		return "<0.01%";
	return percent.toFixed(percent < 10 ? 2 : 1).replace(/^100\.0$/, "100") + "%";
}

function plural(n, what) {
	return `${formatCount(n)} ${what}${n === 1 ? "" : "s"}`;
}

function formatBytes(n) {
	for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
		if (n >= size)
			return `${(n / size).toFixed(1)} ${unit}`;
	}
	return `${n} B`;
}

/* At "as fast as possible" a sample may stand for no known time. */
function formatSamples(model, count) {
	const period = model.facts.period_ns;
	if (model.facts.bytes)
		return formatBytes(count);
	return period > 0 ? formatTime(count * period) : plural(count, "sample");
}

function element(tag, text, className) {
	const e = document.createElement(tag);
	if (text !== undefined)
		e.textContent = text;
	if (className)
		e.className = className;
	return e;
}

/* By the view's mode: what is shown, what hides the rest, and how to see that. */
const MODES = {
	wall: { shows: "wall: all of the time" },
	cpu: { shows: "cpu: time on a CPU", hides: "not on a CPU", remedy: "with --mode wall" },
	gil: { shows: "gil: time with the GIL held", hides: "without the GIL", remedy: "without -g (--gil)" },
	exception: {
		shows: "exception: while one propagates or is handled",
		hides: "without an exception", remedy: "with --mode wall",
	},
};

/* What is known of the recording, as [name, text] in the order of asking. */
function factRows(model) {
	const f = model.facts, rows = [];
	const add = (name, text) => text && rows.push([name, text]);
	const reasons = (list) => list.filter(([, n]) => n > 0).map(([why, n]) => `${formatCount(n)} \u00d7 ${why}`);
	const sum = (list) => list.reduce((total, [, n]) => total + n, 0);
	const counted = (list) => sum(list) ? `${formatCount(sum(list))}: ${reasons(list).join("; ")}` : "0";
	if (f.bytes) {
		add("Heap dump", visible(f.command));
		add("Process", String(f.pid));
		add("Python", visible(f.python));
		add("Taken", new Date(f.started_ms).toLocaleString());
		add("Shown", "what would be freed with an object: its own bytes, and of all that nothing else keeps");
		add("Written by", `pysample ${f.version}`);
		return rows;
	}
	add("Command", visible(f.command));
	add("Process", String(f.pid));
	add("Python", visible(f.python));
	add("Started", new Date(f.started_ms).toLocaleString());
	add("Duration", formatTime(f.duration_ns) + (f.ended ? `, ended ${visible(f.ended)}` : ""));
	add("Rate asked", f.rate_asked > 0 ? `${f.rate_asked} a second` : "as fast as possible");
	add("Rate achieved", `${Number((f.rate_achieved || 0).toPrecision(5))} a second`);
	add("Rounds", `${formatCount(f.ticks)} over all threads, ${formatCount(f.skipped)} skipped because too late`);
	add("Lateness", `${formatTime(f.late_mean_ns)} on average, ${formatTime(f.late_max_ns)} at most`);
	add("Mode", MODES[model.view.mode].shows + (model.view.idle ? ", idle threads too" : ""));
	add("Target", f.blocking ? "stopped for each sample" : "never stopped");
	add("Consistent samples", formatCount(f.consistent));
	add("Repaired samples", counted(f.repaired));
	add("Lost samples", counted(f.lost));
	add("Truncated stacks", f.truncated ? `${formatCount(f.truncated)}, their middle left out` : "0");
	const hidden = hiddenReasons(model);
	add("Not shown here", hidden.join("; ") || "nothing");
	add("Written by", `pysample ${f.version}`);
	return rows;
}

/* A heap dump lies beside the page: its moment, and a link. */
function heapDump(dump) {
	const line = element("div", `at ${formatTime(dump.at_ns)}: `), name = dump.file.split("/").pop();
	const link = element(dump.failed ? "span" : "a", visible(name) + (dump.failed ? " (it failed)" : ""));
	if (!dump.failed) {
		link.href = encodeURIComponent(name);
		link.download = name;
	}
	line.append(link);
	return line;
}

/* In time, as all that is shown: a sample that came late counts for what it stands for, so
 * that these are no numbers of samples as the facts above have them. */
function hiddenReasons(model) {
	const h = model.hidden, hidden = [];
	if (h.idle)
		hidden.push(`${formatSamples(model, h.idle)} of idle threads`);
	if (h.by_mode)
		hidden.push(`${formatSamples(model, h.by_mode)} ${MODES[model.view.mode].hides}`);
	if (h.frameless)
		hidden.push(`${formatSamples(model, h.frameless)} without a Python frame`);
	return hidden;
}

/* Why there is nothing to see, and how to see it: lines of text. */
function emptyReasons(model) {
	const h = model.hidden, lines = [];
	if (h.idle)
		lines.push(`Threads were idle, waiting or sleeping: ${formatSamples(model, h.idle)} in sum. Record with -i (--idle) to see where.`);
	if (h.by_mode)
		lines.push(`Threads were ${MODES[model.view.mode].hides}: ${formatSamples(model, h.by_mode)} in sum. Record ${MODES[model.view.mode].remedy} to see where.`);
	if (h.frameless)
		lines.push(`Threads were running no Python function: ${formatSamples(model, h.frameless)} in sum.`);
	const lost = model.facts.lost.reduce((total, [, n]) => total + n, 0);
	if (lost)
		lines.push(`${plural(lost, "sample")} were lost; \u201cRecording\u201d above says why.`);
	if (!lines.length)
		lines.push("No samples were taken.");
	return lines;
}

/* The functions by own and total time. Only the rows in sight exist. */
class FunctionTable {
	constructor(model, choose) {
		this.model = model;
		this.choose = choose;
		this.sort = { by: "own", descending: true };
		this.filter = null;
		this.chosen = -1;
		this.order = [];
		this.height = 26;
		$("table-scroll").addEventListener("scroll", () => this.draw());
		for (const b of document.querySelectorAll("[data-sort]"))
			b.addEventListener("click", () => this.sortBy(b.dataset.sort));
	}

	setTree(tree) {
		this.tree = tree;
		this.tally = null;
		this.refresh();
	}

	setFilter(query, chosen) {
		this.filter = query;
		this.chosen = chosen;
		this.refresh();
	}

	text(f) {
		const file = functionFile(this.model, f), line = this.model.functions.line[f];
		return file ? `${functionName(this.model, f)} (${file}${line ? ":" + line : ""})` : functionName(this.model, f);
	}

	sortBy(column) {
		const same = this.sort.by === column;
		this.sort = { by: column, descending: same ? !this.sort.descending : column !== "name" };
		this.refresh();
	}

	refresh() {
		if ($("table").hidden)
			return;
		this.tally = this.tally || tally(this.model, this.tree);
		const { own, total } = this.tally, order = [];
		for (let f = 0; f < total.length; f++) {
			if (total[f] > 0 && (!this.filter || this.filter.test(functionName(this.model, f), this.text(f))))
				order.push(f);
		}
		const sign = this.sort.descending ? -1 : 1;
		if (this.sort.by === "name") {
			const rank = this.nameRanks();
			order.sort((a, b) => sign * (rank[a] - rank[b]));
		} else {
			const [first, second] = this.sort.by === "own" ? [own, total] : [total, own];
			order.sort((a, b) => sign * (first[a] - first[b] || second[a] - second[b]) || a - b);
		}
		this.order = order;
		for (const b of document.querySelectorAll("[data-sort]")) {
			const mine = b.dataset.sort === this.sort.by;
			b.closest("th").setAttribute("aria-sort", !mine ? "none" : this.sort.descending ? "descending" : "ascending");
		}
		$("table-note").textContent = plural(order.length, this.model.facts.bytes ? "object" : "function") + (this.filter ? " found" : "");
		this.drawn = null;
		this.draw();
	}

	nameRanks() {
		if (!this.ranks) {
			const names = Array.from({ length: this.model.functions.n }, (_, f) => functionName(this.model, f));
			const order = names.map((_, f) => f).sort((a, b) => names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : a - b);
			this.ranks = new Int32Array(order.length);
			order.forEach((f, rank) => this.ranks[f] = rank);
		}
		return this.ranks;
	}

	draw() {
		const box = $("table-scroll"), h = this.height;
		const first = Math.max(0, Math.min(Math.floor(box.scrollTop / h) - 10, this.order.length));
		const last = Math.min(this.order.length, first + Math.ceil(box.clientHeight / h) + 20);
		if (this.drawn === `${first} ${last}`)
			return;
		this.drawn = `${first} ${last}`;
		const rows = [this.spacer(first * h)];
		for (let i = first; i < last; i++)
			rows.push(this.row(this.order[i]));
		rows.push(this.spacer((this.order.length - last) * h));
		$("rows").replaceChildren(...rows);
	}

	spacer(height) {
		const tr = element("tr"), td = element("td");
		tr.setAttribute("aria-hidden", "true");
		td.colSpan = 3;
		td.className = "gap";
		td.style.height = `${height}px`;
		tr.append(td);
		return tr;
	}

	row(f) {
		const tr = element("tr", undefined, f === this.chosen ? "chosen" : undefined);
		tr.append(this.timeCell(this.tally.own[f]), this.timeCell(this.tally.total[f]));
		const td = element("td"), name = element("button", undefined, "name");
		name.type = "button";
		name.append(element("bdi", functionName(this.model, f).slice(0, 300)));
		const file = functionFile(this.model, f), line = this.model.functions.line[f];
		const place = element("bdi", file ? `${file.replace(/^.*\//, "").slice(0, 100)}${line ? ":" + line : ""}` : "", "place");
		name.title = this.text(f).slice(0, 1000);
		td.append(name, place);
		tr.append(td);
		tr.addEventListener("click", () => this.choose(f));
		return tr;
	}

	timeCell(count) {
		const td = element("td", undefined, "number"), whole = this.tree.total[0];
		td.append(element("span", formatSamples(this.model, count), "time"),
			element("span", formatPercent(count, whole), "percent"));
		td.style.setProperty("--part", `${whole ? count / whole * 100 : 0}%`);
		return td;
	}
}

class Page {
	constructor(model) {
		this.model = model;
		this.painter = new Painter($("canvas"), model);
		this.layout = "icicle";
		this.before = "icicle"; /* what leaving "inverted" by key goes back to */
		this.threads = model.view.threads ? "each" : "all";
		this.lines = !model.view.functions;
		this.zoomed = null; /* { level, from, to }: the box's level and place */
		this.shape = 0; /* counts the trees, so that an old zoom is not taken for one of this */
		this.focus = null; /* { level, x } */
		this.hover = -1;
		this.match = null;
		this.frame = 0;
		this.table = new FunctionTable(model, (f) => this.chooseFunction(f));
	}

	/* A heap has no threads, lines or kinds of code, and other words for all else. */
	wordForHeap() {
		for (const e of document.querySelectorAll(".recording-only"))
			e.hidden = true;
		for (const e of document.querySelectorAll("[data-heap]"))
			e.textContent = e.dataset.heap;
		for (const e of document.querySelectorAll("[data-heap-title]"))
			e.title = e.dataset.heapTitle;
	}

	start() {
		if (this.model.facts.bytes)
			this.wordForHeap();
		this.showFacts();
		this.fillThreads();
		document.querySelector(`[name=frames][value=${this.lines ? "lines" : "functions"}]`).checked = true;
		this.setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
		this.showLegend();
		this.listen();
		this.retree();
		$("canvas").focus({ preventScroll: true });
	}

	/* --- The tree and its boxes. */

	retree() {
		this.tree = makeTree(this.model, this.threads, this.lines);
		this.shape++;
		this.zoomed = null;
		this.focus = null;
		this.remember("replaceState");
		$("graph").classList.toggle("nothing", !(this.tree.total[0] > 0));
		$("empty").hidden = this.tree.total[0] > 0;
		if (!$("empty").hidden)
			this.showEmpty();
		this.table.setTree(this.tree);
		this.search(false);
		this.rebox(true);
	}

	get inverted() {
		return this.layout === "inverted";
	}

	get whole() {
		return this.tree.total[0];
	}

	/* Builds the boxes of what is zoomed on. The rest of a deep stack comes in slices, so
	 * that the page reacts meanwhile. */
	rebox(home) {
		const [from, to] = this.zoomed ? [this.zoomed.from, this.zoomed.to] : [0, this.whole];
		this.measureCanvas();
		const narrow = (to - from) * 0.6 / Math.max(this.painter.width, 300);
		this.boxes = new Boxes(this.tree, this.inverted, from, to, narrow);
		this.hover = -1;
		this.showTip(-1);
		clearTimeout(this.building);
		const least = (this.zoomed ? this.zoomed.level : 0) + Math.ceil(this.painter.height / ROW) + 2;
		while (this.boxes.levels < least && this.boxes.expand())
			continue;
		this.setSpace();
		if (home)
			this.scrollHome();
		this.showCrumbs();
		this.showDetail(this.focusBox());
		this.redraw();
		this.buildRest(this.boxes);
	}

	buildRest(boxes) {
		const slice = () => {
			const until = performance.now() + SLICE_MS;
			let more = boxes === this.boxes;
			while (more && performance.now() < until)
				more = boxes.expand();
			if (boxes !== this.boxes)
				return;
			this.setSpace();
			this.redraw();
			if (more)
				this.building = setTimeout(slice, 0);
		};
		this.building = setTimeout(slice, 0);
	}

	/* --- Where things are. */

	measureCanvas() {
		this.painter.resize($("scroll").clientWidth, $("scroll").clientHeight);
		$("canvas").style.height = `${this.painter.height}px`;
	}

	/* A flame grows from the bottom, so that what is in sight must stay where it was from
	 * there. */
	setSpace() {
		const scroll = $("scroll"), fromBottom = (this.space || 0) - scroll.scrollTop;
		const space = Math.max(0, this.boxes.levels * ROW + 4 - this.painter.height);
		if (space === this.space)
			return;
		this.space = space;
		$("spacer").style.height = `${space}px`;
		if (this.layout === "flame")
			scroll.scrollTop = space - fromBottom;
	}

	levelTop(level) {
		const down = level * ROW - $("scroll").scrollTop;
		if (this.layout !== "flame")
			return down;
		return this.painter.height - (level + 1) * ROW + this.space - $("scroll").scrollTop;
	}

	/* The root's end, or with the box that is zoomed on in sight. */
	scrollHome() {
		const level = this.zoomed ? this.zoomed.level : 0, rows = this.painter.height / ROW;
		const up = level < rows / 2 ? 0 : (level - 3) * ROW;
		$("scroll").scrollTop = this.layout === "flame" ? this.space - up : up;
	}

	reveal(level) {
		const top = this.levelTop(level), scroll = $("scroll");
		if (top < ROW)
			scroll.scrollTop += top - ROW;
		else if (top > this.painter.height - 2 * ROW)
			scroll.scrollTop += top - this.painter.height + 2 * ROW;
	}

	boxAt(clientX, clientY) {
		const r = $("canvas").getBoundingClientRect(), y = clientY - r.top;
		const first = this.levelTop(0);
		const level = this.layout === "flame" ? Math.floor((first + ROW - 1 - y) / ROW) : Math.floor((y - first) / ROW);
		const x = this.boxes.from + (clientX - r.left) / this.painter.width * (this.boxes.to - this.boxes.from);
		return level < 0 || y < 0 || y > r.height ? -1 : this.boxes.find(level, x);
	}

	focusBox() {
		return this.focus ? this.boxes.find(this.focus.level, this.focus.x) : -1;
	}

	/* --- Drawing. */

	redraw() {
		if (!this.frame)
			this.frame = requestAnimationFrame(() => this.draw());
	}

	draw() {
		this.frame = 0;
		if (!(this.whole > 0))
			return this.ready();
		this.painter.draw({
			boxes: this.boxes, keys: this.tree.keys, from: this.boxes.from, to: this.boxes.to,
			level: this.zoomed ? this.zoomed.level : 0, hits: this.match && this.match.hit,
			rows: (level) => this.levelTop(level), focus: this.focusBox(), hover: this.hover,
			label: (box) => this.boxName(box),
		});
		this.ready();
	}

	/* For who waits for the page, and measures it; so is data-searched. */
	ready() {
		if (!document.body.dataset.ready)
			document.body.dataset.ready = String(Math.round(performance.now()));
	}

	rootLabel() {
		const what = typeof this.threads === "number" ? threadLabel(this.model, this.threads) : "all";
		return `${what} \u2014 ${this.timeText(this.whole)}`;
	}

	/* --- Words for boxes. */

	timeText(count) {
		return formatSamples(this.model, count);
	}

	boxName(box) {
		const key = this.boxes.key.at[box];
		if (key === REST)
			return `${formatCount(this.boxes.merged.at[box])} more, too narrow to draw`;
		return key < 0 ? this.rootLabel() : this.tree.keys.name(key);
	}

	boxPlace(box) {
		const key = this.boxes.key.at[box];
		return key === REST ? "" : key < 0 ? this.rootPlace() : this.tree.keys.place(key);
	}

	/* What the whole is: more than the time that passed, where threads ran side by side. */
	rootPlace() {
		const n = threadTotals(this.model).reduce((count, total) => count + (total > 0), 0);
		const parts = typeof this.threads !== "number" && n > 1 ? [`time of ${n} threads, added up`] : [];
		if (this.model.hidden.idle)
			parts.push("without the time in which threads were idle");
		if (this.model.hidden.by_mode)
			parts.push(`without the time ${MODES[this.model.view.mode].hides}`);
		return parts.join(", ") || (this.model.facts.bytes ? "all objects of the dump" : "all that was recorded");
	}

	boxNumbers(box) {
		const total = this.boxes.total.at[box], parts = [];
		parts.push(this.timeText(total));
		if (this.boxes.key.at[box] !== -1)
			parts.push(`${formatPercent(total, this.whole)} of all`);
		if (this.zoomed && this.boxes.key.at[box] !== -1)
			parts.push(`${formatPercent(total, this.boxes.to - this.boxes.from)} of the zoomed`);
		if (!this.model.facts.bytes && this.model.facts.rate_asked > 0) // else counts are nanoseconds
			parts.push(plural(total, "sample"));
		if (!this.inverted && this.boxes.key.at[box] >= 0)
			parts.push(`own ${this.timeText(this.boxes.self.at[box])}`);
		return parts.join(" \u00b7 ");
	}

	/* Without a box: of the whole. */
	showDetail(which) {
		const box = which >= 0 || !(this.whole > 0) ? which : this.boxes.find(0, this.boxes.from);
		$("detail-name").textContent = box < 0 ? "" : this.boxName(box);
		$("detail-place").textContent = box < 0 ? "" : this.boxPlace(box);
		$("detail-more").textContent = box < 0 ? "" : this.boxNumbers(box);
		$("detail-text").scrollTop = 0;
	}

	showTip(box, x, y) {
		const tip = $("tip");
		tip.hidden = box < 0;
		if (box < 0)
			return;
		$("tip-name").textContent = this.boxName(box);
		$("tip-place").textContent = this.boxPlace(box);
		$("tip-more").textContent = this.boxNumbers(box);
		const r = tip.getBoundingClientRect();
		tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - r.width - 8))}px`;
		tip.style.top = `${y + 18 + r.height > innerHeight - 8 ? Math.max(4, y - r.height - 12) : y + 18}px`;
	}

	showCrumbs() {
		const crumbs = $("crumbs"), path = [];
		if (!this.zoomed)
			return crumbs.replaceChildren(element("span", this.whole > 0 ? "Click a box to zoom on it" : "", "more"));
		let box = this.boxes.find(this.zoomed.level, this.zoomed.from);
		const exact = box >= 0 && this.boxes.total.at[box] === this.zoomed.to - this.zoomed.from;
		if (!exact)
			box = this.boxes.find(this.zoomed.level - 1, this.zoomed.from);
		for (; box >= 0; box = this.boxes.parent.at[box])
			path.unshift(box);
		const parts = [this.crumbButton("All", "Show all (Esc)", () => this.zoom(null)),
			this.crumbButton("Back", "One zoom back (Backspace)", () => this.back())];
		const shown = path.slice(1);
		if (shown.length > 6)
			parts.push(element("span", `\u2026 ${shown.length - 6} more`, "more"));
		for (const b of shown.slice(-6))
			parts.push(element("span", "\u203a", "more"), this.crumb(b));
		if (!exact)
			parts.push(element("span", "\u203a", "more"), element("span", "narrow boxes", "more"));
		crumbs.replaceChildren(...parts);
	}

	crumbButton(text, title, action) {
		const b = element("button", text, "plain");
		b.type = "button";
		b.title = title;
		b.addEventListener("click", action);
		return b;
	}

	crumb(box) {
		const name = this.boxName(box);
		const b = this.crumbButton("", name.slice(0, 1000), () => this.zoomOn(box));
		b.append(element("bdi", name.length > 60 ? "\u2026" + name.slice(-59) : name));
		return b;
	}

	/* --- Zoom. */

	zoomOn(box) {
		if (box < 0)
			return;
		if (this.boxes.key.at[box] === -1)
			return this.zoom(null);
		const from = this.boxes.x.at[box];
		let width = this.boxes.total.at[box];
		if (this.boxes.key.at[box] === REST)
			width = Math.min(width, this.boxes.self.at[box] * REST_SHOWN);
		this.zoom({ level: levelOf(this.boxes, box), from, to: from + width });
	}

	/* Sideways at the same zoom, by a share of the width. */
	pan(share) {
		if (!this.zoomed)
			return;
		const { level, from, to } = this.zoomed, width = to - from;
		const moved = Math.max(0, Math.min(this.whole - width, from + Math.round(share * width)));
		if (moved === from)
			return;
		this.zoomed = { level, from: moved, to: moved + width };
		this.rebox(false);
	}

	zoom(target) {
		const same = (a, b) => a === b || (a && b && a.level === b.level && a.from === b.from && a.to === b.to);
		if (same(target, this.zoomed))
			return;
		this.zoomed = target;
		this.remember("pushState");
		this.afterZoom();
	}

	afterZoom() {
		if (this.zoomed)
			this.focus = { level: this.zoomed.level, x: this.zoomed.from };
		this.rebox(true);
	}

	/* Zooms are steps of the browser's history. Where a page may not touch that, they
	 * only cannot be stepped back through. */
	remember(how) {
		this.steps = how === "pushState" ? (this.steps || 0) + 1 : 0;
		try {
			history[how]({ zoomed: this.zoomed, shape: this.shape, steps: this.steps }, "");
		} catch (e) {
			this.steps = 0;
		}
	}

	back() {
		if (this.zoomed && this.steps > 0)
			history.back();
		else
			this.zoom(null);
	}

	recall(state) {
		const known = state && state.shape === this.shape;
		this.zoomed = known ? state.zoomed : null;
		this.steps = known ? state.steps : 0;
		this.afterZoom();
	}

	/* --- Search. */

	search(redraw) {
		const text = $("query").value;
		const query = makeQuery(text, this.pressed("regex"), this.pressed("case"));
		const wrong = Boolean(query && query.error);
		const chosen = text && text === this.chosenText ? this.chosen : -1;
		$("query").setAttribute("aria-invalid", String(wrong));
		$("clear").hidden = !text;
		this.match = query && !wrong ? matchTree(this.tree, query) : null;
		$("matched").textContent = wrong ? query.error : !this.match ? ""
			: this.match.count === 0 ? "nothing matched"
			: `${formatPercent(this.match.count, this.whole)} matched \u00b7 ${this.timeText(this.match.count)}`;
		$("matched").classList.toggle("wrong", wrong);
		document.body.dataset.searched = text;
		/* Choosing a row highlights it; the others must not go away under the pointer. */
		this.table.setFilter(wrong || chosen >= 0 ? null : query, chosen);
		if (redraw)
			this.redraw();
	}

	pressed(id) {
		return $(id).getAttribute("aria-pressed") === "true";
	}

	press(id, on) {
		$(id).setAttribute("aria-pressed", String(on));
	}

	chooseFunction(f) {
		const file = functionFile(this.model, f);
		this.chosen = f;
		this.chosenText = functionName(this.model, f) + (file ? ` (${file}:` : "");
		this.press("regex", false);
		$("query").value = this.chosenText;
		this.chosenText = $("query").value;
		this.search(true);
	}

	/* --- Keyboard. */

	key(event) {
		document.body.classList.add("by-key"); /* where the keys go is of interest now */
		if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
			return;
		const inField = event.target instanceof Element && event.target.closest("input[type=text], select");
		if (inField) {
			if (event.key === "Escape")
				this.leaveField(event);
			else if (event.key === "Enter" && event.target === $("query"))
				$("canvas").focus();
			return;
		}
		const onGraph = document.activeElement === $("canvas") || document.activeElement === document.body;
		const action = this.globalKey(event.key) || (onGraph && this.graphKey(event.key));
		if (action) {
			event.preventDefault();
			action();
		}
	}

	leaveField(event) {
		if (event.target === $("query") && $("query").value) {
			$("query").value = "";
			this.search(true);
		}
		$("canvas").focus();
	}

	globalKey(key) {
		return {
			"/": () => $("query").select(),
			"?": () => $("help").showModal(),
			"i": () => this.setLayout(this.inverted ? this.before : "inverted"),
			"t": () => this.showTable($("table").hidden),
			"Escape": () => this.zoom(null),
			"Backspace": () => this.back(),
		}[key];
	}

	graphKey(key) {
		const flame = this.layout === "flame";
		return {
			"ArrowDown": () => this.move(flame ? "parent" : "child"),
			"ArrowUp": () => this.move(flame ? "child" : "parent"),
			"ArrowLeft": () => this.move("left"),
			"ArrowRight": () => this.move("right"),
			"Home": () => this.moveTo(this.boxes.find(0, 0)),
			"End": () => this.moveTo(this.boxes.firstFrom(this.boxes.levels - 1, this.boxes.from)),
			"Enter": () => this.zoomOn(this.focusBox()),
		}[key];
	}

	move(where) {
		const box = this.focusBox(), b = this.boxes;
		if (box < 0)
			return this.moveTo(b.find(this.zoomed ? this.zoomed.level : 0, b.from));
		const level = levelOf(b, box);
		if (where === "parent")
			return this.moveTo(b.parent.at[box]);
		if (where === "child") {
			const below = b.find(level + 1, Math.max(b.x.at[box], b.from));
			return this.moveTo(below >= 0 && b.parent.at[below] === box ? below : -1);
		}
		const next = where === "left" ? box - 1 : box + 1;
		if (next < b.row[level] || next >= b.row[level + 1])
			return;
		if (b.x.at[next] < b.to && b.x.at[next] + b.total.at[next] > b.from)
			this.moveTo(next);
	}

	moveTo(box) {
		if (box < 0)
			return;
		const level = levelOf(this.boxes, box);
		this.focus = { level, x: this.boxes.x.at[box] };
		this.reveal(level);
		this.showTip(-1);
		this.showDetail(box);
		const place = this.boxPlace(box);
		$("live").textContent = `${this.boxName(box).slice(0, 300)}${place ? ", " + place.slice(-200) : ""}, ${this.boxNumbers(box)}, level ${level}`;
		this.redraw();
	}

	/* --- Controls. */

	setLayout(layout) {
		const turned = (layout === "inverted") !== this.inverted;
		if (layout !== "inverted")
			this.before = layout;
		this.layout = layout;
		document.querySelector(`[name=layout][value=${layout}]`).checked = true;
		if (turned) {
			this.shape++;
			this.zoomed = null;
			this.focus = null;
			this.remember("replaceState");
		}
		this.rebox(true);
	}

	setTheme(theme) {
		document.documentElement.dataset.theme = theme;
		$("theme").textContent = theme === "dark" ? "Light" : "Dark";
		this.painter.setTheme(theme);
		this.showLegend();
		if (this.boxes)
			this.redraw();
	}

	showTable(on) {
		$("table").hidden = !on;
		this.press("show-table", on);
		this.table.refresh();
		this.rebox(false);
	}

	showLegend() {
		const kinds = [[OWN, "own code"], [PACKAGE, "packages"], [STDLIB, "standard library"], [MARKER, "markers"]];
		$("legend").replaceChildren(...kinds.map(([origin, text]) => {
			const li = element("li"), patch = element("i");
			patch.style.background = `linear-gradient(90deg, ${hueRange(this.painter.theme, origin).join(", ")})`;
			li.append(patch, text);
			return li;
		}));
	}

	fillThreads() {
		const totals = threadTotals(this.model), all = totals.reduce((a, b) => a + b, 0), options = [];
		const option = (value, text) => {
			const o = element("option", text.length > 70 ? text.slice(0, 69) + "\u2026" : text);
			o.value = value;
			options.push(o);
		};
		const order = Array.from(totals, (_, t) => t).filter((t) => totals[t] > 0).sort((a, b) => totals[b] - totals[a]);
		option("all", order.length > 1 ? `All ${order.length} threads` : "All threads");
		option("each", "By thread");
		for (const t of order)
			option(String(t), `${formatPercent(totals[t], all)}  ${threadLabel(this.model, t)}`);
		$("threads").replaceChildren(...options);
		$("threads").value = this.threads;
	}

	showFacts() {
		const f = this.model.facts, lost = f.lost.reduce((a, [, n]) => a + n, 0);
		const title = visible(f.command || f.program || "") || "pysample";
		$("title").textContent = title;
		$("title").title = title.slice(0, 2000);
		document.title = `${visible(f.program || "").slice(0, 100) || "recording"} \u2013 pysample`;
		const rate = Number((f.rate_achieved || 0).toPrecision(4));
		const what = [`pid ${f.pid}`, visible(f.python || ""), new Date(f.started_ms).toLocaleString()];
		const facts = f.bytes ? [...what, "retained sizes"] : [...what, formatTime(f.duration_ns),
			f.rate_asked > 0 ? `${rate} of ${f.rate_asked} samples a second` : `${rate} samples a second`,
			lost ? `${formatCount(lost)} lost` : "none lost",
			f.heap_dumps?.length ? plural(f.heap_dumps.length, "heap dump") : "", this.model.hidden.idle ? "idle threads left out" : ""];
		$("meta").replaceChildren(...facts.filter(Boolean).map((fact) => element("span", fact)));
		const list = [];
		for (const [name, text] of factRows(this.model)) {
			const dd = element("dd", text);
			dd.dir = "auto";
			list.push(element("dt", name), dd);
		}
		if (f.heap_dumps?.length) {
			const dumps = element("dd", "");
			dumps.append(...f.heap_dumps.map(heapDump));
			list.push(element("dt", "Heap dumps"), dumps);
		}
		$("facts-list").replaceChildren(...list);
	}

	showEmpty() {
		$("empty").replaceChildren(element("h2", "Nothing to show"),
			...emptyReasons(this.model).map((line) => element("p", line)));
	}

	listen() {
		const on = (target, event, action) => target.addEventListener(event, action);
		for (const radio of document.querySelectorAll("[name=layout]"))
			on(radio, "change", () => this.setLayout(radio.value));
		for (const radio of document.querySelectorAll("[name=frames]"))
			on(radio, "change", () => {
				this.lines = radio.value === "lines";
				this.retree();
			});
		on($("threads"), "change", () => {
			const v = $("threads").value;
			this.threads = v === "all" || v === "each" ? v : Number(v);
			this.retree();
		});
		on($("query"), "input", () => {
			clearTimeout(this.typing);
			this.typing = setTimeout(() => this.search(true), 80);
		});
		for (const id of ["regex", "case"])
			on($(id), "click", () => {
				this.press(id, !this.pressed(id));
				this.search(true);
			});
		on($("clear"), "click", () => {
			$("query").value = "";
			this.search(true);
			$("query").focus();
		});
		on($("show-table"), "click", () => this.showTable($("table").hidden));
		on($("theme"), "click", () => this.setTheme(this.painter.theme === "dark" ? "light" : "dark"));
		on($("show-facts"), "click", () => $("facts").showModal());
		on($("show-help"), "click", () => $("help").showModal());
		/* Kept, for a query that nobody holds may be collected with its listener. */
		this.scheme = matchMedia("(prefers-color-scheme: dark)");
		on(this.scheme, "change", (e) => this.setTheme(e.matches ? "dark" : "light"));
		on(document, "keydown", (e) => this.key(e));
		on(window, "popstate", (e) => this.recall(e.state));
		on($("scroll"), "scroll", () => this.redraw());
		this.listenPointer(on);
		new ResizeObserver(() => {
			if ($("scroll").clientWidth !== this.painter.width || $("scroll").clientHeight !== this.painter.height)
				this.rebox(false);
		}).observe($("scroll"));
	}

	listenPointer(on) {
		const canvas = $("canvas");
		on(canvas, "mousemove", (e) => {
			const box = this.boxAt(e.clientX, e.clientY);
			canvas.style.cursor = box < 0 ? "default" : "pointer";
			this.showTip(box, e.clientX, e.clientY);
			if (box === this.hover)
				return;
			this.hover = box;
			this.showDetail(box >= 0 ? box : this.focusBox());
			this.redraw();
		});
		on(canvas, "mouseleave", () => {
			this.hover = -1;
			this.showTip(-1);
			this.showDetail(this.focusBox());
			this.redraw();
		});
		on(canvas, "wheel", (e) => {
			const sideways = e.shiftKey ? e.deltaY || e.deltaX : e.deltaX;
			if (!sideways || Math.abs(e.deltaY) > Math.abs(sideways))
				return;
			e.preventDefault();
			this.pan(sideways / 1000);
		});
		on(canvas, "click", (e) => this.zoomOn(this.boxAt(e.clientX, e.clientY)));
	}
}

new Page(readModel($("data").textContent)).start();
