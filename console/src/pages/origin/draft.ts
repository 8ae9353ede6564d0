// Pure. An origin while it is edited: what the form shows, what is sent, and what becomes of it when another has
// changed the same origin meanwhile.
import type { Backup, BackupRequest, Origin, OriginRequest } from "../../api/types";

export type Role = "origin" | "backup";

type Typed<T> = {
	[K in keyof T]: T[K] extends number ? number | string : T[K] extends object | null ? Typed<T[K]> : T[K];
};
type Bucket = Omit<Origin["bucket"], "secret" | "token"> & { secret: string | null; token: string | null };

/** As the API has it, but that numbers may be half typed. Latch and its kin are of a backup alone. */
export type Draft = Omit<Typed<Origin>, "bucket" | "addresses"> & { addresses: string[]; bucket: Bucket } & Partial<
		Typed<Pick<Backup, "latch" | "latch_ends" | "hold_down_s" | "cache_max_s">>
	>;

const FRESH: Draft = {
	type: "self",
	addresses: [""],
	policy: "polling",
	host: null,
	protocol: "http",
	tls: { server_name: null, verify: true, ca: null, certificate: null, key: null },
	bucket: {
		endpoint: null,
		bucket: null,
		region: null,
		style: "virtual",
		access: "public",
		key_id: null,
		secret: null,
		token: null,
		store_headers: "drop",
		strip_disposition: false,
	},
	connect_timeout: "5s",
	head_timeout: "10s",
	idle_timeout: "10s",
	min_rate: "0",
	min_rate_window: "10s",
	keepalive: "60s",
	connections_max: 0,
	queue_max: 1000,
	queue_s: 5,
	probe: { path: null, interval: "10s", timeout: "2s", rise: 2, fall: 3, expect: "200-399", body_contains: null },
};

const FRESH_BACKUP = { latch: "off", latch_ends: 0, hold_down_s: 0, cache_max_s: 0 } as const;

/** One with the defaults. */
export function freshDraft(role: Role): Draft {
	const draft = structuredClone(FRESH);
	return role === "backup" ? { ...draft, ...FRESH_BACKUP } : draft;
}

/** One of what is there. */
export function draftOf(origin: Origin | Backup): Draft {
	const draft = structuredClone(origin) as Draft;
	if (draft.addresses.length === 0) draft.addresses = [""];
	return draft;
}

function cleaned(value: unknown): unknown {
	if (typeof value !== "string") return value;
	const text = value.trim();
	return text === "" ? null : text;
}

function numeric(value: unknown): unknown {
	const text = cleaned(value);
	return typeof text === "string" && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function each(object: object, change: (value: unknown) => unknown): Record<string, unknown> {
	return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

/** What is sent: only what belongs to the type, blanks as nothing. */
export function requestOf(draft: Draft, role: Role): OriginRequest | BackupRequest {
	const { addresses, bucket, tls, probe, host, latch, latch_ends, hold_down_s, cache_max_s, ...rest } = draft;
	const isBucket = draft.type !== "self";
	const numbers = {
		connections_max: numeric(rest.connections_max),
		queue_max: numeric(rest.queue_max),
		queue_s: numeric(rest.queue_s),
	};
	return {
		...each(rest, cleaned),
		...numbers,
		tls: each(tls, cleaned),
		probe: { ...each(probe, cleaned), rise: numeric(probe.rise), fall: numeric(probe.fall) },
		...(isBucket
			? { bucket: each(bucket, cleaned) }
			: { addresses: addresses.map((one) => one.trim()).filter(Boolean), host: cleaned(host) }),
		...(role === "backup" && {
			latch,
			latch_ends: numeric(latch_ends),
			hold_down_s: numeric(hold_down_s),
			cache_max_s: numeric(cache_max_s),
		}),
	} as OriginRequest;
}

type Leaves = Map<string, unknown>;

function leavesOf(value: unknown, path = "", into: Leaves = new Map()): Leaves {
	if (value !== null && typeof value === "object" && !Array.isArray(value)) {
		for (const [key, inner] of Object.entries(value)) leavesOf(inner, path ? `${path}.${key}` : key, into);
	} else into.set(path, value);
	return into;
}

function put(draft: Record<string, unknown>, path: string, value: unknown): void {
	const keys = path.split(".");
	let at = draft;
	for (const key of keys.slice(0, -1)) at = at[key] as Record<string, unknown>;
	at[keys.at(-1) as string] = value;
}

const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** The fields in which two differ. */
export function differing(a: Draft, b: Draft): string[] {
	const [left, right] = [leavesOf(a), leavesOf(b)];
	return [...new Set([...left.keys(), ...right.keys()])].filter((path) => !same(left.get(path), right.get(path)));
}

/**
 * My edits on top of what another has made of it: fields that I have changed are mine, all others theirs. `conflicts`
 * are those that both have changed, to different things; mine wins there, and that is told.
 */
export function mergeDrafts(base: Draft, mine: Draft, theirs: Draft): { draft: Draft; conflicts: string[] } {
	const draft = structuredClone(theirs);
	const my = leavesOf(mine);
	const their = leavesOf(theirs);
	const conflicts: string[] = [];
	const theirChanges = new Set(differing(base, theirs));
	for (const path of differing(base, mine)) {
		put(draft as unknown as Record<string, unknown>, path, structuredClone(my.get(path)));
		if (theirChanges.has(path) && !same(my.get(path), their.get(path))) conflicts.push(path);
	}
	return { draft, conflicts };
}
