import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Domain } from "../../api/types";
import { ruleTexts } from "../../i18n/rules";
import {
	changedOf,
	conflictsOf,
	currentOf,
	type Draft,
	isShown,
	patchOf,
	rowAt,
	rowOfRule,
	ruleOf,
	SECTIONS,
	sentOf,
	shownOf,
	textOf,
	typed,
	wordsIn,
} from "./rules";

const domain = {
	name: "a.test",
	revision: 4,
	all_blocked: "try",
	cache: {
		mode: "on",
		ttl_default: "600s",
		ttl_statuses: ["404:10s", "410:3600s"],
		heuristics: true,
		query: "keep",
		query_parameters: [],
	},
	headers: { to_client: ["set X-A: b: c", "delete Server"], to_origin: [] },
	https: { redirect: "off", hsts: "31536000s", hsts_subdomains: false },
	upgrade: { protocols: ["websocket"] },
	resume: { attempts: 3 },
} as unknown as Domain;

const row = (path: string) => {
	const found = rowAt(`/${path.replaceAll(".", "/")}`);
	if (!found) throw new Error(path);
	return found;
};

function draftOf(values: Record<string, string | boolean | string[]>): Draft {
	let draft: Draft = {};
	for (const [path, value] of Object.entries(values)) draft = typed(domain, draft, row(path), value);
	return draft;
}

describe("a field", () => {
	it("is shown in the way that people write it", () => {
		expect(shownOf(domain, row("cache.ttl_default"))).toBe("10m");
		expect(shownOf(domain, row("https.hsts"))).toBe("365d");
		expect(shownOf(domain, row("cache.ttl_statuses"))).toBe("404:10s, 410:1h");
		expect(shownOf(domain, row("cache.mode"))).toBe(true);
		expect(shownOf(domain, row("resume.attempts"))).toBe("3");
		expect(shownOf(domain, row("headers.to_client"))).toEqual(["set X-A: b: c", "delete Server"]);
	});

	it("is sent as the API takes it, and nothing is its default", () => {
		expect(sentOf(row("cache.mode"), false)).toBe("off");
		expect(sentOf(row("resume.attempts"), " 5 ")).toBe(5);
		expect(sentOf(row("resume.attempts"), "many")).toBe("many");
		expect(sentOf(row("cache.ttl_default"), " ")).toBeNull();
		expect(sentOf(row("upgrade.protocols"), "websocket, irc\nx")).toEqual(["websocket", "irc", "x"]);
		expect(sentOf(row("upgrade.protocols"), "")).toEqual([]);
		expect(sentOf(row("headers.to_client"), ["set  X-A :  b ", "set : ", "delete  Y"])).toEqual([
			"set X-A: b",
			"delete Y",
		]);
	});

	it("is there once only", () => {
		const paths = SECTIONS.flatMap((section) => section.rows.map((one) => one.path));
		expect(new Set(paths).size).toBe(paths.length);
	});

	it("is there for all that a domain has beside its origins, with its texts", () => {
		const table = readFileSync(new URL("../../../../src/model/field.def", import.meta.url), "utf8");
		const fields = [...table.matchAll(/^FIELD\((DOMAIN|RULE|CACHE), "([a-z_.]+)"/gm)].map(
			(found) => found[2] as string,
		);
		const elsewhere = ["name", "status", "kind", "revision"]; // Domain Management has these
		const paths = SECTIONS.flatMap((section) => section.rows.map((one) => one.path));
		expect([...paths, ...elsewhere].sort()).toEqual(fields.sort());
		const wanted = SECTIONS.flatMap((section) => [
			section.id,
			`${section.id}_lead`,
			...section.rows.flatMap((one) => {
				const key = one.path.replaceAll(".", "_");
				return [`label_${key}`, `hint_${key}`, ...(one.choices ?? []).map((choice) => `choice_${key}_${choice}`)];
			}),
		]);
		expect(wanted.filter((key) => !(key in ruleTexts))).toEqual([]);
	});

	it("is found by a place in it", () => {
		expect(rowAt("/headers/to_client/3")?.path).toBe("headers.to_client");
		expect(rowAt("/all_blocked")?.path).toBe("all_blocked");
		expect(rowAt("/origin/addresses/0")).toBeUndefined();
	});
});

describe("what is typed", () => {
	it("is a patch of what differs", () => {
		const draft = draftOf({
			"cache.ttl_default": "1h",
			"https.redirect": "308",
			"resume.attempts": "0",
			all_blocked: "fail",
		});
		expect(patchOf(domain, draft)).toEqual({
			cache: { ttl_default: "1h" },
			https: { redirect: "308" },
			resume: { attempts: 0 },
			all_blocked: "fail",
		});
	});

	it("is nothing once it is what there is again", () => {
		let draft = draftOf({ "cache.mode": false });
		expect(changedOf(domain, draft)).toHaveLength(1);
		draft = typed(domain, draft, row("cache.mode"), true);
		expect(draft).toEqual({});
		expect(changedOf(domain, draftOf({ "cache.ttl_statuses": "404:10s 410:1h" }))).toEqual([]);
	});

	it("stands beside what another has changed, and is told where both have", () => {
		const draft = draftOf({ "cache.ttl_default": "1h", "https.redirect": "308" });
		const theirs = { ...domain, cache: { ...domain.cache, ttl_default: "5s", mode: "off" } } as Domain;
		expect(conflictsOf(domain, draft)).toEqual([]);
		expect(conflictsOf(theirs, draft).map((one) => one.path)).toEqual(["cache.ttl_default"]);
		expect(currentOf(theirs, draft, "cache.mode")).toBe(false);
		// They have done the same: there is nothing left to change.
		const alike = { ...domain, cache: { ...domain.cache, ttl_default: "3600s" } } as Domain;
		expect(changedOf(alike, draft).map((one) => one.path)).toEqual(["https.redirect"]);
		expect(conflictsOf(alike, draft)).toEqual([]);
	});

	it("has parameters only where these are looked at", () => {
		const chosen = draftOf({ "cache.query": "chosen", "cache.query_parameters": "id, page" });
		expect(isShown(domain, chosen, row("cache.query_parameters"))).toBe(true);
		expect(patchOf(domain, chosen)).toEqual({ cache: { query: "chosen", query_parameters: ["id", "page"] } });
		const ignored = typed(domain, chosen, row("cache.query"), "ignore");
		expect(isShown(domain, ignored, row("cache.query_parameters"))).toBe(false);
		expect(patchOf(domain, ignored)).toEqual({ cache: { query: "ignore", query_parameters: [] } });
	});
});

describe("rules for header fields", () => {
	it.each([
		["set X-A: b: c", { action: "set", name: "X-A", value: "b: c" }],
		["add Link: </a>; rel=preload", { action: "add", name: "Link", value: "</a>; rel=preload" }],
		["delete Server", { action: "delete", name: "Server", value: "" }],
		["set : ", { action: "set", name: "", value: "" }],
		["delete ", { action: "delete", name: "", value: "" }],
	])("%s comes apart and together", (text, parts) => {
		expect(ruleOf(text)).toEqual(parts);
		expect(ruleOf(textOf(ruleOf(text)))).toEqual(parts);
	});

	it("are counted by the API without the rows that are empty", () => {
		const shown = ["set : ", "set X-A: b", "delete ", "delete Y"];
		expect(rowOfRule(shown, 0)).toBe(1);
		expect(rowOfRule(shown, 1)).toBe(3);
		expect(rowOfRule(shown, 2)).toBe(-1);
	});

	it("and words may have anything between them", () => {
		expect(wordsIn(" a,b，c；\n d ")).toEqual(["a", "b", "c", "d"]);
	});
});
