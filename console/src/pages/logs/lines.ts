// Pure. Lines of the access log (docs/access-log.md): what a tail of them is asked for, which are kept, and what they say.
import type { Tone } from "../../parts/StateDot";

export interface Attempt {
	role: "master" | "backup";
	address: string;
	phase: string;
	status: number;
	reason: string;
	detail?: string;
	ms: number;
	reused: boolean;
	next: string;
}

export interface LogLine {
	/** Which one it is of this page, from 1. */
	seq: number;
	/** How many characters it came in. */
	size: number;
	edge: string;
	run: string;
	time: string;
	id: string;
	client: string;
	domain: string;
	host: string;
	method: string;
	path: string;
	protocol: string;
	status: number;
	cache: string;
	bytes_in: number;
	bytes_out: number;
	ms: number;
	fault: string;
	end: string;
	attempts: readonly Attempt[];
}

export interface Filter {
	domain: string;
	/** "503", "5xx", or nothing. */
	status: string;
	client: string;
	path: string;
	cache: string;
	/** Only requests in which something went wrong in the end. */
	failed: boolean;
	/** Only requests with more than one attempt. */
	retried: boolean;
	/** Only requests that came to the hot backup. */
	backup: boolean;
}

export const NO_FILTER: Filter = {
	domain: "",
	status: "",
	client: "",
	path: "",
	cache: "",
	failed: false,
	retried: false,
	backup: false,
};

const TEXTS = ["domain", "status", "client", "path", "cache"] as const;
const SWITCHES = ["failed", "retried", "backup"] as const;
export const LINES_MAX = 5000;
export const LINES_SIZE_MAX = 16 * 1024 * 1024;

/** A filter as a page's address has it. */
export function filterOf(asked: URLSearchParams): Filter {
	const filter = { ...NO_FILTER };
	for (const name of TEXTS) filter[name] = asked.get(name) ?? "";
	for (const name of SWITCHES) filter[name] = asked.get(name) === "1";
	return filter;
}

/** What the API, or the page, is asked for; without what is not there. */
export function queryOf(filter: Filter): Record<string, string> {
	const query: Record<string, string> = {};
	for (const name of TEXTS) if (filter[name].trim() !== "") query[name] = filter[name].trim();
	for (const name of SWITCHES) if (filter[name]) query[name] = "1";
	return query;
}

export function isFiltered(filter: Filter): boolean {
	return Object.keys(queryOf(filter)).length > 0;
}

const V4 = /^([0-9]{1,3}\.){3}[0-9]{1,3}$/;
const V6 = /^[0-9a-f:]*:[0-9a-f:.]*$/i;

/** What is wrong with a field; keys of the texts of this area. */
export function faultsOf(
	filter: Filter,
): Partial<Record<"client" | "path" | "status", "faultClient" | "faultPath" | "faultStatus">> {
	const [address = "", length, ...more] = filter.client.trim().split("/");
	const isV4 = V4.test(address) && address.split(".").every((part) => Number(part) <= 255);
	const isLength = length === undefined || (/^[0-9]{1,3}$/.test(length) && Number(length) <= (isV4 ? 32 : 128));
	const isClient = filter.client.trim() === "" || ((isV4 || V6.test(address)) && isLength && more.length === 0);
	return {
		...(!isClient && { client: "faultClient" as const }),
		...(filter.path !== "" && !filter.path.startsWith("/") && { path: "faultPath" as const }),
		...(!/^([1-5]([0-9]{2}|xx))?$/i.test(filter.status) && { status: "faultStatus" as const }),
	};
}

/** Whether a line that is here already would come with this filter. A prefix of clients is the server's to tell: none does. */
export function isWanted(line: LogLine, filter: Filter): boolean {
	const { domain, status, client, path, cache } = queryOf(filter);
	return (
		(domain === undefined || line.domain === domain.toLowerCase()) &&
		(status === undefined ||
			(/xx$/i.test(status) ? String(line.status).startsWith(status.slice(0, 1)) : String(line.status) === status)) &&
		(client === undefined || line.client === client) &&
		(path === undefined || line.path.startsWith(path)) &&
		(cache === undefined || line.cache === cache) &&
		(!filter.failed || line.fault !== "none") &&
		(!filter.retried || line.attempts.length > 1) &&
		(!filter.backup || line.attempts.some((attempt) => attempt.role === "backup"))
	);
}

function text(value: unknown): string {
	return typeof value === "string" ? value : "";
}
function amount(value: unknown): number {
	return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/** A line as it comes; undefined where it is none. */
export function lineOf(data: string, seq: number): LogLine | undefined {
	let raw: Record<string, unknown>;
	try {
		raw = JSON.parse(data);
	} catch {
		return undefined;
	}
	if (typeof raw !== "object" || raw === null || typeof raw.time !== "string") return undefined;
	const attempts = Array.isArray(raw.attempts) ? (raw.attempts as Record<string, unknown>[]) : [];
	return {
		seq,
		size: data.length,
		edge: text(raw.edge),
		run: text(raw.run),
		time: raw.time,
		id: text(raw.id),
		client: text(raw.client),
		domain: text(raw.domain),
		host: text(raw.host),
		method: text(raw.method),
		path: text(raw.path),
		protocol: text(raw.protocol),
		status: amount(raw.status),
		cache: text(raw.cache),
		bytes_in: amount(raw.bytes_in),
		bytes_out: amount(raw.bytes_out),
		ms: amount(raw.ms),
		fault: text(raw.fault) || "none",
		end: text(raw.end),
		attempts: attempts
			.filter((one) => typeof one === "object" && one !== null)
			.map((one) => ({
				role: one.role === "backup" ? "backup" : "master",
				address: text(one.address),
				phase: text(one.phase),
				status: amount(one.status),
				reason: text(one.reason) || "none",
				...(typeof one.detail === "string" && { detail: one.detail }),
				ms: amount(one.ms),
				reused: one.reused === true,
				next: text(one.next),
			})),
	};
}

/** The line as the log has it, with the edge that told it; on one line with `indent` 0. */
export function jsonOf({ seq: _, size: __, ...line }: LogLine, indent = 2): string {
	return JSON.stringify(line, null, indent);
}

/** The newest of the lines that may be kept; the oldest go first. */
export function bounded(lines: readonly LogLine[], max = LINES_MAX, sizeMax = LINES_SIZE_MAX): readonly LogLine[] {
	let from = lines.length;
	let size = 0;
	while (from > 0 && lines.length - from < max) {
		size += lines[from - 1]?.size ?? 0;
		if (size > sizeMax) break;
		from--;
	}
	return from === 0 ? lines : lines.slice(from);
}

export function toneOfStatus(status: number): Tone {
	if (status >= 500) return "bad";
	if (status >= 400) return "warn";
	if (status >= 300) return "busy";
	return status >= 200 || status === 101 ? "good" : "idle";
}

/** Whether an attempt gave what was delivered, or failed. */
export function isGoodAttempt(attempt: Attempt): boolean {
	return attempt.reason === "none";
}

/** What a request came to, in a sentence; keys of the texts of this area. */
export type Outcome =
	| "outFailed"
	| "outCache"
	| "outStale"
	| "outEdge"
	| "outFirst"
	| "outFirstBackup"
	| "outBackup"
	| "outResumed"
	| "outHedgedBackup"
	| "outHedgedMaster"
	| "outAddress"
	| "outKept"
	| "outBackground";

export function outcomeOf(line: LogLine): Outcome {
	const last = line.attempts.at(-1);
	if (line.fault !== "none") return "outFailed";
	if (line.cache === "BACKGROUND") return "outBackground";
	if (line.cache === "STALE") return "outStale";
	if (!last) return line.cache === "HIT" ? "outCache" : "outEdge";
	if (last.next === "kept") return "outKept";
	if (line.attempts.some((attempt) => attempt.next === "resume")) return "outResumed";
	const late = line.attempts.find((attempt) => attempt.next === "late");
	if (late) return late.role === "master" ? "outHedgedBackup" : "outHedgedMaster";
	const failed = line.attempts.filter((attempt) => !isGoodAttempt(attempt));
	if (failed.length === 0) return last.role === "backup" ? "outFirstBackup" : "outFirst";
	return last.role === "backup" && failed.some((attempt) => attempt.role === "master") ? "outBackup" : "outAddress";
}

/** Where the bars of the attempts begin and how long they are, in parts of the whole (0-1): one comes after the other. */
export function barsOf(line: LogLine): { from: number; width: number }[] {
	const tried = line.attempts.reduce((sum, attempt) => sum + attempt.ms, 0);
	const whole = Math.max(line.ms, tried, 0.001);
	let at = 0;
	return line.attempts.map((attempt) => {
		const bar = { from: at / whole, width: attempt.ms / whole };
		at += attempt.ms;
		return bar;
	});
}
