/* SPDX-License-Identifier: MIT */
/* What the tests share: pages made by the real writer, opened in a real browser, and the
 * canvas' geometry. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync"];
const ROW = 20;

export function makePage(folder, fixture, options = [], suffix = ".html") {
	if (!process.env.MAKE_PAGE)
		throw new Error("MAKE_PAGE must be the path of the built make_page; ctest sets it");
	const path = join(folder, [fixture, ...options].join("") + suffix);
	execFileSync(process.env.MAKE_PAGE, [fixture, path, ...options]);
	return path;
}

/* A browser and a folder for pages; close() ends both. */
export async function openBrowser() {
	if (!existsSync(CHROMIUM))
		throw new Error(`no Chromium at ${CHROMIUM}: install it, or say where it is in CHROMIUM`);
	const { chromium } = await import("playwright-core").catch(() => {
		throw new Error("playwright-core is not installed: run `npm ci` in tests/page");
	});
	const folder = mkdtempSync(join(tmpdir(), "pysample-page-"));
	const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
	const close = async () => {
		await browser.close();
		rmSync(folder, { recursive: true });
	};
	return { browser, folder, close };
}

/* A fixture's page. Everything that it asks of a network and every error is kept. */
export class Graph {
	static async open(chrome, fixture, { options = [], context = {} } = {}) {
		const graph = new Graph();
		graph.context = await chrome.browser.newContext({ viewport: { width: 1280, height: 800 }, ...context });
		graph.page = await graph.context.newPage();
		graph.session = await graph.context.newCDPSession(graph.page);
		await graph.session.send("Performance.enable", { timeDomain: "threadTicks" });
		graph.problems = [];
		graph.requests = [];
		graph.page.on("console", (m) => ["error", "warning"].includes(m.type()) && graph.problems.push(m.text()));
		graph.page.on("pageerror", (e) => graph.problems.push(String(e)));
		const url = pathToFileURL(makePage(chrome.folder, fixture, options)).href;
		graph.page.on("request", (r) => r.url() !== url && graph.requests.push(r.url()));
		await graph.page.goto(url);
		await graph.page.waitForSelector("body[data-ready]");
		await graph.settle();
		return graph;
	}

	/* Two frames: what was asked for has been drawn. */
	async settle() {
		await this.page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(r, 0)))));
	}

	/* Milliseconds of CPU time that the page's main thread has worked for: what a user waits
	 * for on a machine that does nothing else. */
	async worked() {
		const { metrics } = await this.session.send("Performance.getMetrics");
		return metrics.find((m) => m.name === "TaskDuration").value * 1000;
	}

	/* Where level and place (0 to 1, of what is zoomed on) are on the screen. */
	async point(level, place) {
		const box = await this.page.locator("#canvas").boundingBox();
		const scroll = await this.page.evaluate(() => [document.getElementById("scroll").scrollTop,
			parseFloat(document.getElementById("spacer").style.height)]);
		const flame = await this.page.locator("[name=layout][value=flame]").isChecked();
		const y = flame ? box.height - (level + 0.5) * ROW + scroll[1] - scroll[0] : (level + 0.5) * ROW - scroll[0];
		return { x: box.x + box.width * place, y: box.y + y };
	}

	/* The tooltip over a box: { name, place, more }; null if there is none. */
	async hover(level, place) {
		const { x, y } = await this.point(level, place);
		await this.page.mouse.move(x - 1, y);
		await this.page.mouse.move(x, y);
		await this.settle();
		if (!await this.page.locator("#tip").isVisible())
			return null;
		const text = (id) => this.page.locator(id).textContent();
		return { name: await text("#tip-name"), place: await text("#tip-place"), more: await text("#tip-more") };
	}

	async click(level, place) {
		const { x, y } = await this.point(level, place);
		await this.page.mouse.click(x, y);
		await this.settle();
	}

	async pixel(level, place) {
		const { x, y } = await this.point(level, place);
		return this.page.evaluate(([px, py]) => {
			const c = document.getElementById("canvas"), r = c.getBoundingClientRect(), s = c.width / r.width;
			const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
			copy.drawImage(c, (px - r.left) * s, (py - r.top) * s, 1, 1, 0, 0, 1, 1);
			return [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)];
		}, [x, y]);
	}

	async choose(name, value) {
		await this.page.locator(`[name=${name}][value=${value}]`).click();
		await this.settle();
	}

	async press(...keys) {
		for (const key of keys) {
			await this.page.keyboard.press(key);
			await this.settle();
		}
	}

	async search(text) {
		await this.page.fill("#query", text);
		await this.page.waitForFunction((t) => document.body.dataset.searched === t, text);
		await this.settle();
		return this.page.locator("#matched").textContent();
	}

	text(selector) {
		return this.page.locator(selector).textContent();
	}

	async close() {
		await this.context.close();
	}
}
