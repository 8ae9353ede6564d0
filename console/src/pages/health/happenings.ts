// Pure. What has happened, newest first: what the stream of events tells of one domain, put into a list that a person
// reads. The same on several edges within a moment is one happening; requests that fail over are one while they last.
import type { Events } from "../../api/events";
import type { DomainHealth, Version } from "../../api/types";
import type { healthTexts } from "../../i18n/health";
import type { Tone } from "../../parts/StateDot";
import type { LoggedRequest } from "./flows";

type Key = keyof typeof healthTexts;

export interface Happening {
	id: string;
	atMs: number;
	tone: Tone;
	text: Key;
	words?: Record<string, string | number>;
	edges: string[];
	/** Of an address: which origins have it. */
	roles?: readonly string[];
	/** By docs/faults.md. */
	reason?: string;
	/** Who made a change. */
	who?: string;
	/** Of requests that fail over. */
	failover?: { count: number; lastMs: number; isOver: boolean };
}

export const HAPPENINGS_MAX = 200;
const TOGETHER_MS = 5000;
/** So long after the last request that failed over, it is over. */
export const FAILOVER_OVER_MS = 15000;

const OF_STATE: Record<string, readonly [Key, Tone]> = {
	blocked: ["evBlocked", "bad"],
	probing: ["evProbing", "warn"],
	ready: ["evTrial", "warn"],
	on_trial: ["evTrial", "warn"],
	ramping: ["evRamping", "busy"],
	usable: ["evUsable", "good"],
};
const OF_ACTION: Record<string, Key> = {
	"domain.create": "evCreate",
	"domain.switch": "evSwitch",
	"domain.back": "evBack",
	"domain.start": "evStart",
	"domain.stop": "evStop",
	"domain.rollback": "evRollback",
	"origin.modify": "evOrigin",
	"origin.change": "evOrigin",
	"backup.set": "evBackup",
	"backup.change": "evBackup",
	"backup.remove": "evBackupRemove",
	weight: "evWeight",
};

/** Another state of an address; nothing for another domain. */
export function ofHealth(event: Events["health"], domain: string): Happening | undefined {
	if (event.left_out) {
		if (event.domain !== undefined && event.domain !== domain) return undefined;
		const edge = event.edge ?? "";
		return {
			id: `left ${event.at_ms} ${edge}`,
			atMs: event.at_ms,
			tone: "idle",
			text: "evLeftOut",
			words: { count: event.left_out, edge },
			edges: [],
		};
	}
	const found = event.state ? OF_STATE[event.state] : undefined;
	if (event.domain !== domain || !found || !event.address || !event.edge) return undefined;
	return {
		id: `health ${event.at_ms} ${event.edge} ${event.address} ${event.state}`,
		atMs: event.at_ms,
		tone: found[1],
		text: found[0],
		words: { address: event.address },
		edges: [event.edge],
		roles: event.roles,
		reason: event.state === "blocked" ? event.reason : undefined,
	};
}

/** What is blocked already when the page is opened. */
export function ofStates(health: DomainHealth): Happening[] {
	const of = (role: string, rows: DomainHealth["origin"] | null) =>
		(rows ?? []).flatMap((row) =>
			row.edges.flatMap((one) =>
				one.state === "blocked" && one.blocked_since_ms
					? (ofHealth(
							{
								...one,
								at_ms: one.blocked_since_ms,
								domain: health.name,
								roles: one.roles ?? [role],
							} as Events["health"],
							health.name,
						) ?? [])
					: [],
			),
		);
	return [...of("origin", health.origin), ...of("backup", health.backup)];
}

export function ofEdge(event: Events["edge"]): Happening {
	const edge = String(event.id ?? event.edge ?? "");
	const text = { came: "evEdgeCame", gone: "evEdgeGone", refused: "evEdgeRefused" } as const;
	const tone = { came: "good", gone: "warn", refused: "bad" } as const;
	return {
		id: `edge ${event.at_ms} ${edge} ${event.what}`,
		atMs: event.at_ms,
		tone: tone[event.what],
		text: text[event.what],
		words: { edge },
		edges: [],
	};
}

export function ofVersion(version: Version): Happening {
	const added =
		version.action === "backup.set" && version.diff.some((line) => /^backup\.type: .*none.* -> |^backup: /.test(line));
	return {
		id: `version ${version.revision}`,
		atMs: version.at_ms,
		tone: "busy",
		text: added ? "evBackupAdd" : (OF_ACTION[version.action] ?? "evChange"),
		edges: [],
		who: version.who,
	};
}

const isSame = (a: Happening, b: Happening) =>
	a.text === b.text && a.edges.length > 0 && a.words?.address === b.words?.address && a.reason === b.reason;

/** The list with one more. The same object where it was in it already. */
export function withOne(list: readonly Happening[], one: Happening): readonly Happening[] {
	if (list.some((other) => other.id === one.id)) return list;
	const twin = list.findIndex((other) => Math.abs(other.atMs - one.atMs) < TOGETHER_MS && isSame(other, one));
	if (twin >= 0) {
		const merged = list[twin] as Happening;
		const edges = [...new Set([...merged.edges, ...one.edges])];
		return list.map((other, index) => (index === twin ? { ...other, edges } : other));
	}
	return [...list, one].sort((a, b) => b.atMs - a.atMs).slice(0, HAPPENINGS_MAX);
}

/** Whether a request failed at the master and was tried at the hot backup. */
export function isFailover(request: LoggedRequest): boolean {
	return request.attempts.some((one) => one.next === "backup") && request.attempts.some((one) => one.role === "backup");
}

/** The list with one more request that failed over. */
export function withFailover(list: readonly Happening[], count: number, reason: string | undefined, atMs: number) {
	const at = list.findIndex((one) => one.failover && !one.failover.isOver);
	const open = list[at];
	if (open?.failover) {
		const failover = { count: open.failover.count + count, lastMs: atMs, isOver: false };
		return list.map((one, index) => (index === at ? { ...one, failover } : one));
	}
	return withOne(list, {
		id: `failover ${atMs}`,
		atMs,
		tone: "warn",
		text: "evFailover",
		edges: [],
		reason,
		failover: { count, lastMs: atMs, isOver: false },
	});
}

/** The list with what is over said to be so; the same object where nothing is. */
export function withTime(list: readonly Happening[], nowMs: number): readonly Happening[] {
	const isDue = ({ failover }: Happening) => failover && !failover.isOver && nowMs - failover.lastMs > FAILOVER_OVER_MS;
	if (!list.some(isDue)) return list;
	return list.map((one) =>
		one.failover && isDue(one) ? { ...one, failover: { ...one.failover, isOver: true } } : one,
	);
}
