// Pure. What flows right now: requests as the edges log them, counted by the second, and rates of the last seconds. A
// second that was listened to for a part of it only counts for that part; what an edge had no room to tell is
// estimated from what it told.

import { reasonOf } from "../monitoring/failures";

/** A line of the access log, as far as it is counted. */
export interface LoggedRequest {
	edge: string;
	domain: string;
	cache: string;
	status: number;
	fault: string;
	attempts: readonly LoggedAttempt[];
}
export interface LoggedAttempt {
	role: "master" | "backup";
	address: string;
	phase: string;
	status: number;
	reason: string;
	next: string;
}

/** What an edge did in some time. */
export interface EdgeFlow {
	requests: number;
	hits: number;
	pulls: number;
	failures: number;
	/** Answered by the hot backup after the master was tried, or could not be. */
	backup: number;
	/** Answered with 5xx. */
	errors: number;
}
/** What went to one address. */
export interface AddressFlow {
	pulls: number;
	failures: number;
}
export interface Rates {
	/** How long was listened to, in seconds; 0: nothing is known. */
	seconds: number;
	/** All of these a second. */
	all: EdgeFlow;
	edges: ReadonlyMap<string, EdgeFlow>;
	/** By `addressKey`. */
	addresses: ReadonlyMap<string, AddressFlow>;
	/** By `reasonKey`, how many, not a second. */
	reasons: ReadonlyMap<string, number>;
	/** Whether some were estimated. */
	isEstimate: boolean;
}

interface Second {
	at: number;
	listenedMs: number;
	edges: Map<string, EdgeFlow>;
	addresses: Map<string, AddressFlow>;
	reasons: Map<string, number>;
	/** What was not told of, by the edge; "" of this stream. */
	leftOut: Map<string, number>;
}

const KEEP_S = 130;
const KEYS_MAX = 4096;
export const NOTHING: EdgeFlow = { requests: 0, hits: 0, pulls: 0, failures: 0, backup: 0, errors: 0 };
const HITS = new Set(["HIT", "STALE", "REVALIDATED"]);

export const addressKey = (edge: string, role: string, address: string) => `${edge}\n${role}\n${address}`;
export const reasonKey = (role: string, reason: string) => `${role}\n${reason}`;

/** Attempts that never came to an address (there was none to choose, or the queue was full) are pulls of nobody. */
const hasAddress = (attempt: LoggedAttempt) => attempt.address !== "" && attempt.phase !== "choose";

function bump<K, V>(map: Map<K, V>, key: K, make: () => V): V | undefined {
	let value = map.get(key);
	if (value === undefined) {
		if (map.size >= KEYS_MAX) return undefined;
		value = make();
		map.set(key, value);
	}
	return value;
}

export class Flows {
	private seconds: Second[] = [];

	private second(ms: number): Second {
		const at = Math.floor(ms / 1000);
		let index = this.seconds.length;
		while (index > 0 && (this.seconds[index - 1] as Second).at > at) index--;
		const found = this.seconds[index - 1];
		if (found?.at === at) return found;
		const made = { at, listenedMs: 0, edges: new Map(), addresses: new Map(), reasons: new Map(), leftOut: new Map() };
		this.seconds.splice(index, 0, made);
		const newest = (this.seconds.at(-1) as Second).at;
		while ((this.seconds[0]?.at ?? newest) < newest - KEEP_S) this.seconds.shift();
		return made;
	}

	/** From one moment to another it was listened. */
	listened(fromMs: number, toMs: number): void {
		for (let ms = Math.max(fromMs, toMs - KEEP_S * 1000); ms < toMs; ) {
			const end = Math.min(toMs, (Math.floor(ms / 1000) + 1) * 1000);
			this.second(ms).listenedMs += end - ms;
			ms = end;
		}
	}

	add(request: LoggedRequest, ms: number): void {
		const second = this.second(ms);
		const edge = bump(second.edges, request.edge, () => ({ ...NOTHING }));
		if (!edge) return;
		// A pull that no visitor waits for is no request.
		if (request.cache !== "BACKGROUND") {
			edge.requests++;
			if (HITS.has(request.cache)) edge.hits++;
			if (request.status >= 500) edge.errors++;
			if (request.attempts.some((one) => one.role === "backup" && one.next === "deliver")) edge.backup++;
		}
		for (const attempt of request.attempts) {
			if (!hasAddress(attempt)) continue;
			const isFailure = attempt.reason !== "none";
			edge.pulls++;
			if (isFailure) edge.failures++;
			const key = addressKey(request.edge, attempt.role, attempt.address);
			const address = bump(second.addresses, key, () => ({ pulls: 0, failures: 0 }));
			if (address) {
				address.pulls++;
				if (isFailure) address.failures++;
			}
			if (isFailure) {
				const reason = reasonKey(attempt.role, reasonOf(attempt));
				second.reasons.set(reason, (second.reasons.get(reason) ?? 0) + 1);
			}
		}
	}

	leftOut(edge: string | undefined, count: number, ms: number): void {
		const { leftOut } = this.second(ms);
		const key = edge ?? "";
		if (leftOut.has(key) || leftOut.size < KEYS_MAX) leftOut.set(key, (leftOut.get(key) ?? 0) + count);
	}

	/** Rates of the last `seconds` whole seconds before `nowMs`. */
	rates(nowMs: number, seconds: number): Rates {
		const now = Math.floor(nowMs / 1000);
		const chosen = this.seconds.filter(({ at }) => at < now && at >= now - seconds);
		const listened = chosen.reduce((sum, one) => sum + one.listenedMs, 0) / 1000;
		const all = { ...NOTHING };
		const edges = new Map<string, EdgeFlow>();
		const addresses = new Map<string, AddressFlow>();
		const reasons = new Map<string, number>();
		let isEstimate = false;
		for (const second of chosen) {
			const told = [...second.edges.values()].reduce((sum, one) => sum + one.requests, 0);
			const whole = second.leftOut.get("") ?? 0;
			const ofStream = told > 0 ? (told + whole) / told : 1;
			const factors = new Map<string, number>();
			for (const [edge, flow] of second.edges) {
				const lost = second.leftOut.get(edge) ?? 0;
				const factor = ofStream * (flow.requests > 0 ? (flow.requests + lost) / flow.requests : 1);
				factors.set(edge, factor);
				if (factor > 1) isEstimate = true;
				const sum = bump(edges, edge, () => ({ ...NOTHING }));
				for (const key of Object.keys(all) as (keyof EdgeFlow)[]) {
					all[key] += flow[key] * factor;
					if (sum) sum[key] += flow[key] * factor;
				}
			}
			for (const [key, flow] of second.addresses) {
				const factor = factors.get(key.slice(0, key.indexOf("\n"))) ?? 1;
				const sum = bump(addresses, key, () => ({ pulls: 0, failures: 0 }));
				if (!sum) continue;
				sum.pulls += flow.pulls * factor;
				sum.failures += flow.failures * factor;
			}
			for (const [key, count] of second.reasons) reasons.set(key, (reasons.get(key) ?? 0) + count);
		}
		if (listened > 0) {
			for (const flow of [all, ...edges.values()]) {
				for (const key of Object.keys(flow) as (keyof EdgeFlow)[]) flow[key] /= listened;
			}
			for (const flow of addresses.values()) {
				flow.pulls /= listened;
				flow.failures /= listened;
			}
		}
		return { seconds: listened, all, edges, addresses, reasons, isEstimate };
	}

	/** How many requests there were in each of the last `seconds` seconds, oldest first; null where none was listened to. */
	line(nowMs: number, seconds: number, edge?: string): (number | null)[] {
		const now = Math.floor(nowMs / 1000);
		const by = new Map(this.seconds.map((one) => [one.at, one]));
		return Array.from({ length: seconds }, (_, index) => {
			const second = by.get(now - seconds + index);
			if (!second || second.listenedMs < 500) return null;
			let count = 0;
			for (const [id, flow] of second.edges) if (edge === undefined || id === edge) count += flow.requests;
			return (count * 1000) / second.listenedMs;
		});
	}
}
