// Pure. What a purge is asked for: the lines that were typed, by the rules of the server, and the command that does the
// same.

export type What = "url" | "prefix" | "domain" | "tag";
export type Mode = "hard" | "soft";

/** What is wrong with a line; keys of the texts of this area. */
export type ValueFault =
	| "faultScheme"
	| "faultHost"
	| "faultPath"
	| "faultFragment"
	| "faultVisible"
	| "faultTag"
	| "faultTagLong";

export const VALUES_MAX = 128;
const TAG_MAX = 1024;
const VISIBLE = /^[!-~]+$/;
const HOST =
	/^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?)(:[0-9]{1,5})?$/i;

export interface Line {
	/** From 1, as the lines are numbered on the page. */
	number: number;
	value: string;
	fault?: ValueFault;
	/** It stands above already, and is sent once. */
	isAgain?: boolean;
}

function urlFault(value: string): ValueFault | undefined {
	const scheme = /^https?:\/\//i.exec(value);
	if (!scheme) return "faultScheme";
	if (value.includes("#")) return "faultFragment";
	if (!VISIBLE.test(value)) return "faultVisible";
	const rest = value.slice(scheme[0].length);
	const slash = rest.search(/[/?]/);
	if (!HOST.test(slash < 0 ? rest : rest.slice(0, slash))) return "faultHost";
	return slash < 0 || rest[slash] === "?" ? "faultPath" : undefined;
}

function tagFault(value: string): ValueFault | undefined {
	if (value.length > TAG_MAX) return "faultTagLong";
	return VISIBLE.test(value) && !value.includes(",") ? undefined : "faultTag";
}

/** What is wrong with one value; undefined where nothing is. Of domains the server knows alone. */
export function faultOf(what: What, value: string): ValueFault | undefined {
	if (what === "url" || what === "prefix") return urlFault(value);
	return what === "tag" ? tagFault(value) : undefined;
}

/** The lines that say something. */
export function linesOf(what: What, text: string): Line[] {
	const seen = new Set<string>();
	const lines: Line[] = [];
	text.split("\n").forEach((raw, index) => {
		const value = raw.trim();
		if (value === "") return;
		lines.push({
			number: index + 1,
			value,
			fault: faultOf(what, value),
			...(seen.has(value) && { isAgain: true }),
		});
		seen.add(value);
	});
	return lines;
}

/** A word as a shell takes it. */
function quoted(word: string): string {
	return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The command that asks for the same. */
export function commandOf(what: What, values: readonly string[], mode: Mode, domain: string): string {
	const words = ["headwater", "purge"];
	if (mode === "soft") words.push("--soft");
	if (what === "url") words.push(...values.map(quoted));
	else for (const value of values) words.push(`--${what}`, quoted(value));
	if (what === "tag") words.push("--domain", quoted(domain));
	return words.join(" ");
}
