// Drives a Chromium for tests in Python: a line of JSON on standard input is a chain of calls on a page of
// playwright-core, the line that answers it has the result. See browser.py.
const path = require("node:path");
const readline = require("node:readline");
const { createRequire } = require("node:module");

const packages = createRequire(path.resolve(__dirname, "../../console/package.json"));
const { chromium } = packages("playwright-core");
const axe = require("node:fs").readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8");

const pages = new Map();
let browser;
let count = 0;

// What a page did that it should not: errors of scripts, words in the console, requests to others.
function watch(page, origin) {
	const troubles = [];
	page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
	page.on("console", (message) => {
		const text = message.text();
		// A refusal by the API is no trouble of the page; a browser logs it all the same.
		const isRefusal = /^Failed to load resource: the server responded with a status of (4\d\d|503)/.test(text) && message.location().url.startsWith(`${origin}/api/`);
		if (["error", "warning"].includes(message.type()) && !isRefusal) troubles.push(`${message.type()}: ${text}`);
	});
	page.on("request", (request) => {
		const url = request.url();
		if (!url.startsWith(`${origin}/`) && !url.startsWith("blob:")) troubles.push(`request: ${url}`);
	});
	return troubles;
}

async function open({ executable, origin, cookies, width, height, dark, language }) {
	browser ??= await chromium.launch({
		executablePath: executable,
		args: [
			"--no-sandbox",
			"--disable-background-networking",
			"--disable-component-update",
			"--no-proxy-server",
			"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
		],
	});
	const context = await browser.newContext({
		viewport: { width, height },
		colorScheme: dark ? "dark" : "light",
		locale: language,
		reducedMotion: "reduce",
		baseURL: origin,
		acceptDownloads: true,
	});
	context.setDefaultTimeout(15000);
	await context.addCookies(cookies.map((cookie) => ({ ...cookie, url: origin })));
	const page = await context.newPage();
	const id = ++count;
	pages.set(id, { page, context, troubles: watch(page, origin) });
	return id;
}

function revived(value) {
	if (Array.isArray(value)) return value.map(revived);
	if (value && typeof value === "object") {
		if ("$pattern" in value) return new RegExp(value.$pattern, value.flags);
		if ("$chain" in value) return value.$chain.reduce((at, [name, args]) => at[name](...revived(args)), pages.get(value.page).page);
		return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revived(inner)]));
	}
	return value;
}

async function axeOf(page) {
	await page.evaluate(axe);
	const found = await page.evaluate(() =>
		globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], resultTypes: ["violations"] }),
	);
	return found.violations
		.filter((one) => ["serious", "critical"].includes(one.impact))
		.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 5).map((node) => `${node.target} (${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ""})`).join("; ")}`);
}

async function answer({ what, page: id, chain, options, file }) {
	if (what === "open") return open(options);
	const { page, context, troubles } = pages.get(id);
	if (what === "troubles") return troubles.splice(0);
	if (what === "axe") return axeOf(page);
	if (what === "close") {
		pages.delete(id);
		return context.close();
	}
	if (what === "download") {
		const [download] = await Promise.all([page.waitForEvent("download"), run(page, chain)]);
		await download.saveAs(file);
		return download.suggestedFilename();
	}
	return run(page, chain);
}

async function run(page, chain) {
	let at = page;
	for (const [name, args] of chain) at = at[name] instanceof Function ? at[name](...revived(args)) : at[name];
	return at;
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
	const asked = JSON.parse(line);
	let told;
	try {
		const result = await answer(asked);
		const isPlain = result === undefined || ["string", "number", "boolean"].includes(typeof result) || Array.isArray(result) || result?.constructor === Object;
		told = { id: asked.id, result: isPlain ? (result ?? null) : null };
	} catch (error) {
		told = { id: asked.id, error: String(error.message ?? error) };
	}
	process.stdout.write(`${JSON.stringify(told)}\n`);
}).on("close", async () => {
	await browser?.close();
	process.exit(0);
});
