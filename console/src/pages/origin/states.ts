// Pure. How an address of an origin is, over all edges: the worst of what they tell.
import type { AddressHealth, AddressState, DomainHealth } from "../../api/types";
import type { Tone } from "../../parts/StateDot";

type Row = DomainHealth["origin"][number];

/** The words for a state, as keys of the texts of this area. */
export type StateWord = "serving" | "blocked" | "probing" | "trial" | "ramping" | "drained" | "unused" | "unknown";

export interface AddressView {
	word: StateWord;
	tone: Tone;
	/** Why it was blocked, where it is. */
	reason?: string;
	/** How long the longest block lasts, in milliseconds from when it was told. */
	leftMs?: number;
	/** On how many of the edges that know of it it is so; only where they differ. */
	on?: { some: number; all: number };
	/** Microseconds to a response head, the slowest. */
	latencyUs?: number;
	failures: number;
}

const WORDS: Record<AddressState, StateWord> = {
	usable: "serving",
	blocked: "blocked",
	probing: "probing",
	ready: "trial",
	on_trial: "trial",
	ramping: "ramping",
	unused: "unused",
	unknown: "unknown",
};
const TONES: Record<StateWord, Tone> = {
	serving: "good",
	blocked: "bad",
	probing: "warn",
	trial: "warn",
	ramping: "busy",
	drained: "idle",
	unused: "idle",
	unknown: "idle",
};
const WORST: StateWord[] = ["blocked", "probing", "trial", "ramping", "serving", "unused", "unknown"];

/** What to show of one address. */
export function viewOf(row: Pick<Row, "weight" | "edges">): AddressView {
	const failures = row.edges.reduce((sum, edge) => sum + (edge.failures ?? 0) + (edge.connection_failures ?? 0), 0);
	const words = row.edges.map((edge) => WORDS[edge.state]);
	const worst = WORST.find((word) => words.includes(word)) ?? "unknown";
	const worstOnes = row.edges.filter((edge) => WORDS[edge.state] === worst);
	const told = words.filter((word) => word !== "unknown" && word !== "unused").length;
	const word = row.weight === 0 && worst !== "blocked" ? "drained" : worst;
	return {
		word,
		tone: TONES[word],
		reason: worst === "blocked" || worst === "probing" ? worstOnes.find((edge) => edge.reason)?.reason : undefined,
		leftMs: worst === "blocked" ? largest(worstOnes, "left_ms") : undefined,
		on: worstOnes.length < told && word !== "drained" ? { some: worstOnes.length, all: told } : undefined,
		latencyUs: largest(row.edges, "latency_us"),
		failures,
	};
}

function largest(rows: readonly AddressHealth[], key: "left_ms" | "latency_us"): number | undefined {
	const values = rows.map((row) => row[key]).filter((value) => value !== undefined);
	return values.length ? Math.max(...values) : undefined;
}
