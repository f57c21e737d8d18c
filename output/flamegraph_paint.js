/* SPDX-License-Identifier: MIT */
/* Boxes onto a canvas: colours, labels that fit, and only what is in sight. */

const ROW = 20;
const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const PAD = 5;

/* Where a function comes from; each kind has hues of its own. */
const OWN = 0, PACKAGE = 1, STDLIB = 2, MARKER = 3, THREAD = 4;

function originOf(name, file, marker) {
	if (marker || (!file && name.startsWith("<")))
		return MARKER;
	if (/[/\\](site|dist)-packages[/\\]/.test(file))
		return PACKAGE;
	if (file.startsWith("<frozen ") || /[/\\](lib(64)?[/\\]python\d|lib[/\\]pypy\d|lib_pypy|lib-python|python\d+\.zip)/.test(file))
		return STDLIB;
	return OWN;
}

/* FNV-1a: the same file has the same colour in every recording. */
function hashText(text) {
	let h = 0x811c9dc5;
	for (let i = 0; i < text.length; i++)
		h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
	h ^= h >>> 15;
	return Math.imul(h, 0x2c1b3c6d) >>> 0;
}

/* From which hue, over how many degrees; saturation and lightness in percent. */
const HUES = {
	light: {
		[OWN]: [12, 36, 88, 73], [PACKAGE]: [150, 42, 46, 71], [STDLIB]: [214, 42, 58, 81],
		[MARKER]: [220, 0, 6, 78], [THREAD]: [220, 0, 10, 84],
	},
	dark: {
		[OWN]: [12, 30, 52, 39], [PACKAGE]: [152, 40, 36, 31], [STDLIB]: [214, 42, 30, 40],
		[MARKER]: [220, 0, 5, 36], [THREAD]: [220, 8, 10, 33],
	},
};
const INK = {
	light: {
		back: "#ffffff", text: "#1d1b19", soft: "rgba(29,27,25,0.62)", root: "#e4e2de",
		rest: "#ebe9e6", stripe: "#d3d0ca", hit: "#e0218a", hitText: "#ffffff",
		hitSoft: "rgba(255,255,255,0.8)", focus: "#0b57d0", veil: "rgba(255,255,255,0.62)",
		hover: "rgba(0,0,0,0.55)",
	},
	dark: {
		back: "#17181b", text: "#f3f1ee", soft: "rgba(243,241,238,0.62)", root: "#33353b",
		rest: "#26282d", stripe: "#3b3e45", hit: "#e0218a", hitText: "#ffffff",
		hitSoft: "rgba(255,255,255,0.8)", focus: "#8ab4f8", veil: "rgba(23,24,27,0.62)",
		hover: "rgba(255,255,255,0.75)",
	},
};

function hsl(theme, origin, file, name) {
	const [hue, span, saturation, lightness] = HUES[theme][origin];
	const byFile = hashText(file) % 1024 / 1024, byName = hashText(name) % 5 - 2;
	return `hsl(${(hue + span * byFile).toFixed(1)} ${saturation}% ${(lightness + byName * 1.8).toFixed(1)}%)`;
}

/* From one end of an origin's hues to the other. */
function hueRange(theme, origin) {
	const [hue, span, saturation, lightness] = HUES[theme][origin];
	return [0, 0.5, 1].map((part) => `hsl(${hue + span * part} ${saturation}% ${lightness}%)`);
}

class Painter {
	constructor(canvas, model) {
		this.canvas = canvas;
		this.context = canvas.getContext("2d", { alpha: false });
		this.model = model;
		this.widths = new Map();
		this.setTheme("light");
	}

	setTheme(theme) {
		this.theme = theme;
		this.ink = INK[theme];
		this.fills = new Map();
		this.stripes = null;
		this.clear();
	}

	resize(width, height) {
		const ratio = window.devicePixelRatio || 1;
		this.width = width;
		this.height = height;
		const w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
		if (this.canvas.width !== w || this.canvas.height !== h) {
			this.canvas.width = w;
			this.canvas.height = h;
			this.stripes = null;
			this.clear();
		}
		this.ratio = ratio;
	}

	/* A canvas without transparency is black until it is painted, after each change of size. */
	clear() {
		this.context.setTransform(1, 0, 0, 1, 0, 0);
		this.context.fillStyle = this.ink.back;
		this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
	}

	origin(keys, key) {
		if (keys.isThread(key))
			return THREAD;
		const f = keys.functionOf(key);
		return originOf(functionName(this.model, f), functionFile(this.model, f),
			this.model.functions.marker[f]);
	}

	fill(keys, key) {
		const id = keys.isThread(key) ? -1 - key : keys.functionOf(key);
		let fill = this.fills.get(id);
		if (!fill) {
			const file = keys.isThread(key) ? "" : functionFile(this.model, id);
			fill = hsl(this.theme, this.origin(keys, key), file, keys.name(key).slice(0, 200));
			this.fills.set(id, fill);
		}
		return fill;
	}

	/* What several boxes, too narrow to be told apart, are filled with. */
	restFill() {
		if (!this.stripes) {
			const tile = document.createElement("canvas");
			tile.width = tile.height = 6;
			const c = tile.getContext("2d");
			c.fillStyle = this.ink.rest;
			c.fillRect(0, 0, 6, 6);
			c.strokeStyle = this.ink.stripe;
			for (const shift of [-6, 0, 6]) {
				c.moveTo(shift, 6);
				c.lineTo(shift + 6, 0);
			}
			c.stroke();
			this.stripes = this.context.createPattern(tile, "repeat");
		}
		return this.stripes;
	}

	measure(text) {
		let width = this.widths.get(text);
		if (width === undefined) {
			if (this.widths.size > 20000)
				this.widths.clear();
			width = this.context.measureText(text).width;
			this.widths.set(text, width);
		}
		return width;
	}

	/* The longest head of text that fits with an ellipsis behind it. */
	head(text, room) {
		let low = 0, high = text.length;
		while (low < high) {
			const middle = (low + high + 1) >> 1;
			if (this.context.measureText(text.slice(0, middle) + "\u2026").width <= room)
				low = middle;
			else
				high = middle - 1;
		}
		return low > 1 ? text.slice(0, low) + "\u2026" : "";
	}

	/* A qualified name says most at its end: leading parts go first, then the last part's
	 * tail. */
	fit(name, room) {
		if (name.length < 400 && this.measure(name) <= room)
			return name;
		const parts = name.slice(-400).split(".");
		if (name.length >= 400 && parts.length === 1)
			return this.head(name.slice(0, 400), room);
		const last = parts[parts.length - 1];
		let best = "";
		for (let i = parts.length - 1; i > 0; i--) {
			if (parts[i] === "<locals>")
				continue;
			const tail = "\u2026" + parts.slice(i).join(".");
			if (this.measure(tail) > room)
				break;
			best = tail;
		}
		return best || (this.measure(last) <= room ? last : this.head(last, room));
	}

	/* view: boxes, keys, from, to (the places at the left and right edge), level (of the box
	 * zoomed on), hits (of matchTree, or null), rows (a level's y: (level) => y), focus and
	 * hover (boxes or -1), label: (box) => text for those that have no key. */
	draw(view) {
		const c = this.context;
		c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
		c.fillStyle = this.ink.back;
		c.fillRect(0, 0, this.width, this.height);
		c.font = FONT;
		c.textBaseline = "middle";
		c.direction = "ltr";
		this.scale = this.width / (view.to - view.from);
		for (let level = 0; level < view.boxes.levels; level++) {
			const y = view.rows(level);
			if (y > -ROW && y < this.height)
				this.drawLevel(view, level, y);
		}
		this.outline(view, view.hover, this.ink.hover, 1);
		this.outline(view, view.focus, this.ink.focus, 2);
	}

	/* Left edge and width on the canvas, cut to what is in sight. */
	span(view, box) {
		const x = view.boxes.x.at[box];
		const left = Math.max(0, (x - view.from) * this.scale);
		return [left, Math.min(this.width, (x + view.boxes.total.at[box] - view.from) * this.scale) - left];
	}

	drawLevel(view, level, y) {
		const b = view.boxes, end = b.row[level + 1];
		for (let box = b.firstFrom(level, view.from); box < end && b.x.at[box] < view.to; box++) {
			const [left, width] = this.span(view, box);
			if (width >= 0.3)
				this.drawBox(view, box, left, y, width, level < view.level);
		}
	}

	drawBox(view, box, left, y, width, isAncestor) {
		const c = this.context, key = view.boxes.key.at[box];
		const hit = view.hits && view.boxes.isHit(box, view.hits);
		c.fillStyle = hit ? this.ink.hit : key === REST ? this.restFill()
			: key < 0 ? this.ink.root : this.fill(view.keys, key);
		const gap = width > 3 ? 1 : width > 1.5 ? 0.5 : 0;
		c.fillRect(left, y, width - gap, ROW - 1);
		if (isAncestor || (view.hits && !hit && key !== -1)) {
			c.fillStyle = this.ink.veil;
			c.fillRect(left, y, width - gap, ROW - 1);
		}
		if (width > 24)
			this.drawLabel(view, box, left + PAD, y + ROW / 2, width - 2 * PAD - gap, hit);
	}

	drawLabel(view, box, x, y, room, hit) {
		const c = this.context, key = view.boxes.key.at[box];
		const name = key < 0 ? view.label(box) : view.keys.name(key);
		const text = this.fit(name, room);
		if (!text)
			return;
		c.fillStyle = hit ? this.ink.hitText : key === REST ? this.ink.soft : this.ink.text;
		c.fillText(text, x, y);
		const used = this.measure(text) + 8;
		if (key < 0 || text !== name || room - used < 40)
			return;
		let place = view.keys.place(key).replace(/^.*\//, "");
		if (place.length > 100)
			place = place.slice(0, 100);
		place = this.measure(place) <= room - used ? place : "";
		c.fillStyle = hit ? this.ink.hitSoft : this.ink.soft;
		c.fillText(place, x + used, y);
	}

	outline(view, box, colour, thickness) {
		if (box < 0 || box >= view.boxes.key.n)
			return;
		const [left, width] = this.span(view, box);
		if (width < 0)
			return;
		const c = this.context, inset = thickness / 2;
		c.strokeStyle = colour;
		c.lineWidth = thickness;
		c.strokeRect(left + inset, view.rows(levelOf(view.boxes, box)) + inset,
			Math.max(width - 2 * inset, 1), ROW - 1 - 2 * inset);
	}
}

function levelOf(boxes, box) {
	let low = 0, high = boxes.levels - 1;
	while (low < high) {
		const middle = (low + high + 1) >> 1;
		if (boxes.row[middle] <= box)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}
