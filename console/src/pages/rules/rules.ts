// Pure. What is set of a domain beside its origins: which fields there are, by cards, how each is shown and sent, and what is
// typed of them. What is typed is kept by fields, each with what it stood on; so what others change meanwhile is there at
// once, and only what both have changed has to be told.
import type { Domain, DomainRequest } from "../../api/types";
import { duration } from "../../i18n/format";

/** `on` is a switch of a field that is called `on` and `off`; `words` are several, with commas between. */
export type Kind = "switch" | "on" | "choice" | "text" | "duration" | "number" | "words" | "headers";

export interface Row {
	path: string;
	kind: Kind;
	choices?: readonly string[];
	/** Shown only while another field has this value. */
	when?: readonly [path: string, value: unknown];
	/** From what to what it may be. */
	allowed?: string;
	/** Shown where nothing is. */
	example?: string;
}

export interface Section {
	id: string;
	rows: readonly Row[];
}

export const SECTIONS: readonly Section[] = [
	{
		id: "caching",
		rows: [
			{ path: "cache.mode", kind: "on" },
			{ path: "cache.ttl_default", kind: "duration", allowed: "0s–365d" },
			{ path: "cache.ttl_statuses", kind: "words", example: "404:10s, 301:1h" },
			{ path: "cache.heuristics", kind: "switch" },
			{ path: "cache.client_directives", kind: "switch" },
			{ path: "cache.set_cookie", kind: "choice", choices: ["never", "strip"] },
			{ path: "cache.scheme", kind: "choice", choices: ["split", "shared"] },
			{ path: "cache.query", kind: "choice", choices: ["keep", "ignore", "chosen"] },
			{ path: "cache.query_parameters", kind: "words", example: "id, page", when: ["cache.query", "chosen"] },
			{ path: "cache.query_sorted", kind: "switch" },
			{ path: "cache.ignore_case", kind: "switch" },
			{ path: "cache.object_max", kind: "text", allowed: "1k–1024g" },
			{ path: "cache.close_delimited", kind: "switch" },
			{ path: "stale.if_error", kind: "duration", allowed: "0s–365d" },
			{ path: "stale.while_revalidate", kind: "duration", allowed: "0s–365d" },
			{ path: "stale.statuses", kind: "text", example: "500,502-504" },
			{ path: "stale.wait_ms", kind: "number", allowed: "0–60000" },
			{ path: "fill.finish_bytes", kind: "text", allowed: "0–1024g" },
			{ path: "fill.ahead", kind: "text", allowed: "1m–1g" },
		],
	},
	{
		id: "headers",
		rows: [
			{ path: "headers.to_client", kind: "headers" },
			{ path: "headers.to_origin", kind: "headers" },
		],
	},
	{
		id: "https",
		rows: [
			{ path: "https.redirect", kind: "choice", choices: ["off", "301", "302", "307", "308"] },
			{ path: "https.hsts", kind: "duration", allowed: "0s–3650d" },
			{ path: "https.hsts_subdomains", kind: "switch" },
			{ path: "https.hsts_preload", kind: "switch" },
		],
	},
	{
		id: "upgrade",
		rows: [
			{ path: "upgrade.protocols", kind: "words", example: "websocket" },
			{ path: "upgrade.idle_timeout", kind: "duration", allowed: "1s–300s" },
		],
	},
	{
		id: "failures",
		rows: [
			{ path: "failover.statuses", kind: "text", example: "400-599,!412,!416" },
			{ path: "failover.attempts", kind: "number", allowed: "1–10" },
			{ path: "failover.budget_s", kind: "number", allowed: "1–300" },
			{ path: "failover.unsafe_methods", kind: "switch" },
			{ path: "detect.statuses", kind: "text", example: "500-504" },
			{ path: "all_blocked", kind: "choice", choices: ["try", "fail"] },
		],
	},
	{
		id: "hedge",
		rows: [
			{ path: "hedge.after", kind: "choice", choices: ["off", "p50", "p75", "p90", "p95", "p99"] },
			{ path: "hedge.budget", kind: "text", allowed: "1%–100%" },
		],
	},
	{
		id: "resume",
		rows: [
			{ path: "resume.attempts", kind: "number", allowed: "0–10" },
			{ path: "resume.skip_max", kind: "text", allowed: "0–1g" },
			{ path: "resume.trust_dates", kind: "switch" },
		],
	},
	{
		id: "requests",
		rows: [
			{ path: "request_body_max", kind: "text", allowed: "0–64g" },
			{ path: "forwarding.x_forwarded_for", kind: "switch" },
			{ path: "forwarding.x_forwarded_proto", kind: "switch" },
			{ path: "forwarding.forwarded", kind: "switch" },
			{ path: "debug", kind: "switch" },
		],
	},
];

/** What a control of a form has. */
export type Shown = string | boolean | readonly string[];

export interface Typed {
	value: Shown;
	/** What the field was when it was first changed. */
	base: Shown;
}
export type Draft = Readonly<Record<string, Typed>>;

const ROWS: ReadonlyMap<string, Row> = new Map(
	SECTIONS.flatMap((section) => section.rows).map((row) => [row.path, row]),
);

export const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

function leafOf(domain: Domain, path: string): unknown {
	let at: unknown = domain;
	for (const key of path.split(".")) at = (at as Record<string, unknown> | undefined)?.[key];
	return at;
}

/** What a field of the domain looks like in its control. */
export function shownOf(domain: Domain, row: Row): Shown {
	const value = leafOf(domain, row.path);
	switch (row.kind) {
		case "switch":
			return value === true;
		case "on":
			return value === "on";
		case "headers":
			return (value ?? []) as string[];
		case "words":
			return ((value ?? []) as string[]).map((word) => word.replace(/[0-9]+(ms|s)$/, duration)).join(", ");
		case "duration":
			return duration(String(value ?? ""));
		case "choice":
		case "text":
		case "number":
			return String(value ?? "");
	}
}

/** Several, with commas, spaces or line ends between. */
export function wordsIn(text: string): string[] {
	return text.split(/[\s,，、;；]+/).filter(Boolean);
}

/** What is sent of a field: null puts its default back. */
export function sentOf(row: Row, shown: Shown): unknown {
	if (row.kind === "on") return shown ? "on" : "off";
	if (row.kind === "headers") return (shown as readonly string[]).map((rule) => tidyRule(rule)).filter(Boolean);
	if (row.kind === "words") return wordsIn(shown as string);
	if (typeof shown !== "string") return shown;
	const text = shown.trim();
	if (text === "") return null;
	return row.kind === "number" && /^[0-9]+$/.test(text) ? Number(text) : text;
}

/** What the controls have: what is typed, or else what there is. */
export function currentOf(domain: Domain, draft: Draft, path: string): Shown {
	const row = ROWS.get(path) as Row;
	return draft[path]?.value ?? shownOf(domain, row);
}

export function isShown(domain: Domain, draft: Draft, row: Row): boolean {
	return !row.when || same(currentOf(domain, draft, row.when[0]), row.when[1]);
}

/** A field was changed to this. Back at what there is, it is not changed any more. */
export function typed(domain: Domain, draft: Draft, row: Row, value: Shown): Draft {
	const there = shownOf(domain, row);
	const { [row.path]: before, ...rest } = draft;
	return same(value, there) ? rest : { ...rest, [row.path]: { value, base: before?.base ?? there } };
}

/** What is typed of those fields that differ from what there is. */
export function changedOf(domain: Domain, draft: Draft): Row[] {
	return [...ROWS.values()].filter((row) => {
		const one = draft[row.path];
		return one !== undefined && !same(sentOf(row, one.value), sentOf(row, shownOf(domain, row)));
	});
}

/** The fields that somebody else has changed as well, to something else. */
export function conflictsOf(domain: Domain, draft: Draft): Row[] {
	return changedOf(domain, draft).filter((row) => !same(draft[row.path]?.base, shownOf(domain, row)));
}

/** The merge patch (RFC 7396) of what is changed. */
export function patchOf(domain: Domain, draft: Draft): DomainRequest {
	const patch: Record<string, unknown> = {};
	for (const row of changedOf(domain, draft)) {
		const keys = row.path.split(".");
		let at = patch;
		for (const key of keys.slice(0, -1)) {
			at[key] ??= {};
			at = at[key] as Record<string, unknown>;
		}
		at[keys.at(-1) as string] = sentOf(row, (draft[row.path] as Typed).value);
	}
	// Parameters are refused where they are not what is looked at.
	const cache = patch.cache as Record<string, unknown> | undefined;
	if (cache && cache.query !== undefined && cache.query !== "chosen") cache.query_parameters = [];
	return patch as DomainRequest;
}

/** The field that a place of the domain (a JSON Pointer) is of, or in. */
export function rowAt(pointer: string): Row | undefined {
	const path = pointer.slice(1).replaceAll("/", ".");
	return ROWS.get(path) ?? ROWS.get(path.replace(/\.[0-9]+$/, ""));
}

// ---- rules for header fields ----

export const ACTIONS = ["set", "add", "delete"] as const;
export type Action = (typeof ACTIONS)[number];

export interface HeaderRule {
	action: Action;
	name: string;
	value: string;
}

/** A rule as the API writes it, by its parts. */
export function ruleOf(text: string): HeaderRule {
	const found = /^(set|add|delete)\s+([^:]*?)\s*(?::\s*(.*))?$/s.exec(text);
	if (!found) return { action: "set", name: text, value: "" };
	return { action: found[1] as Action, name: found[2] ?? "", value: found[3] ?? "" };
}

/** The text of a rule while it is typed. */
export function textOf({ action, name, value }: HeaderRule): string {
	return action === "delete" ? `delete ${name}` : `${action} ${name}: ${value}`;
}

/** As it is sent; a row with nothing in it is none. */
function tidyRule(text: string): string {
	const rule = ruleOf(text);
	const tidy = { ...rule, name: rule.name.trim(), value: rule.value.trim() };
	return tidy.name === "" && tidy.value === "" ? "" : textOf(tidy);
}

/** Which row of the list the API's number of a rule is: rows with nothing in them are not sent. */
export function rowOfRule(shown: readonly string[], sent: number): number {
	let left = sent;
	for (const [index, text] of shown.entries()) {
		if (tidyRule(text) && left-- === 0) return index;
	}
	return -1;
}
