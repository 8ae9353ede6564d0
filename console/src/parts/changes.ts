// Changes on their way to the edges. A change is followed by the revision that it made until every connected edge has
// it; the messages at the corner show each, and offer the way back.
import { get } from "../api/client";
import { listen } from "../api/events";
import type { Edges } from "../api/types";

export type Progress =
	| { state: "processing"; done: number; all: number }
	| { state: "done"; all: number }
	| { state: "refused"; why: string }
	| { state: "failed"; why: string };

export interface FollowedChange {
	id: number;
	/** The revision of the store that it made. */
	revision: number;
	/** The domain it changed; undefined of what is no domain. */
	domain?: string;
	/** What was done, in words: "www.example.com: the master origin is modified". */
	words: string;
	/** Takes it back; absent where there is no way back. */
	undo?: () => Promise<void>;
	progress: Progress;
	isDismissed: boolean;
}

const POLL_MS = 1000;
const KEPT = 20;

let changes: readonly FollowedChange[] = [];
let nextId = 1;
let stop: (() => void) | undefined;
const watchers = new Set<() => void>();

function put(next: readonly FollowedChange[]): void {
	changes = next;
	for (const watcher of watchers) watcher();
}

/** How far a revision is on the edges. Pure. */
export function progressOf(revision: number, edges: Edges["items"]): Progress {
	const refused = edges.find((edge) => edge.refused !== undefined && edge.refused >= revision);
	if (refused) return { state: "refused", why: refused.error ?? refused.id };
	// One that is not connected counts as long as it is in the list: it serves, and has yet to do what it is told.
	const done = edges.filter((edge) => edge.applied >= revision).length;
	return done === edges.length
		? { state: "done", all: edges.length }
		: { state: "processing", done, all: edges.length };
}

async function look(): Promise<void> {
	const waiting = changes.filter((change) => change.progress.state === "processing");
	if (waiting.length === 0) return;
	let edges: Edges["items"];
	try {
		edges = (await get("/edges", {})).items;
	} catch {
		return; // asked again soon
	}
	put(
		changes.map((change) =>
			change.progress.state === "processing" ? { ...change, progress: progressOf(change.revision, edges) } : change,
		),
	);
	if (changes.every((change) => change.progress.state !== "processing")) {
		stop?.();
		stop = undefined;
	}
}

/** Follows a change; its message is shown until it is dismissed, or some seconds after it is done. */
export function follow(change: Pick<FollowedChange, "revision" | "domain" | "words" | "undo">): number {
	const id = nextId++;
	put([
		...changes.slice(-KEPT + 1),
		{ ...change, id, progress: { state: "processing", done: 0, all: 0 }, isDismissed: false },
	]);
	if (!stop) {
		const timer = setInterval(look, POLL_MS);
		const unlisten = [listen("revision", () => void look()), listen("edge", () => void look())];
		stop = () => {
			clearInterval(timer);
			for (const one of unlisten) one();
		};
	}
	void look();
	return id;
}

/** A message about something that edges have no part in, or that went wrong. */
export function tell(words: string, state: "done" | "failed" = "done", why = ""): void {
	const progress: Progress = state === "done" ? { state, all: -1 } : { state, why };
	put([...changes.slice(-KEPT + 1), { id: nextId++, revision: 0, words, progress, isDismissed: false }]);
}

export function dismiss(id: number): void {
	put(changes.map((change) => (change.id === id ? { ...change, isDismissed: true } : change)));
}

export const followed = {
	now: () => changes,
	subscribe(watcher: () => void): () => void {
		watchers.add(watcher);
		return () => watchers.delete(watcher);
	},
};
