// What happens, as it happens: one stream of server-sent events for the whole page, which comes back by itself. It is
// open while somebody listens, and says whether it is.
import { addressOf } from "./client";
import type { AddressHealth, Edges } from "./types";

/** The events of `readEvents`, by their names. */
export interface Events {
	begin: { at_ms: number; revision: number; edges: Edges["items"] };
	edge: { at_ms: number; what: "came" | "gone" | "refused"; edge?: string; run?: string; [more: string]: unknown };
	revision: { at_ms: number; what: "made" | "applied"; revision: number; [more: string]: unknown };
	health: { at_ms: number; was?: string; left_out?: number } & Partial<AddressHealth>;
}
export type EventName = keyof Events;
export type StreamState = "idle" | "connecting" | "live" | "lost";

const NAMES: EventName[] = ["begin", "edge", "revision", "health"];
const WAIT_MS = 1000;
const WAIT_MAX_MS = 15000;
const LINGER_MS = 2000;

type Listener = (name: EventName, event: Events[EventName]) => void;

const listeners = new Set<Listener>();
const watchers = new Set<() => void>();
let state: StreamState = "idle";
let source: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let wait = WAIT_MS;

function become(next: StreamState): void {
	if (state === next) return;
	state = next;
	for (const watcher of watchers) watcher();
}

function close(): void {
	source?.close();
	source = undefined;
	clearTimeout(timer);
	timer = undefined;
}

function open(): void {
	close();
	become(state === "live" || state === "lost" ? "lost" : "connecting");
	const stream = new EventSource(addressOf("/events"));
	source = stream;
	for (const name of NAMES) {
		stream.addEventListener(name, (message) => {
			let event: Events[EventName];
			try {
				event = JSON.parse((message as MessageEvent<string>).data);
			} catch {
				return;
			}
			wait = WAIT_MS;
			become("live");
			for (const listener of [...listeners]) listener(name, event);
		});
	}
	// A browser gives up on an answer that is no stream, such as 401 or 503, so we never leave it to the browser.
	stream.onerror = () => {
		close();
		become("lost");
		if (listeners.size === 0) return;
		timer = setTimeout(open, wait * (0.75 + Math.random() / 2));
		wait = Math.min(wait * 2, WAIT_MAX_MS);
	};
}

/** Calls `listener` for each event of one name until the function that is returned is called. */
export function listen<Name extends EventName>(name: Name, listener: (event: Events[Name]) => void): () => void {
	const one: Listener = (what, event) => {
		if (what === name) listener(event as Events[Name]);
	};
	listeners.add(one);
	if (!source && timer === undefined) open();
	return () => {
		listeners.delete(one);
		// A page that gives way to another soon listens again.
		setTimeout(() => {
			if (listeners.size > 0) return;
			close();
			become("idle");
		}, LINGER_MS);
	};
}

/** Begins anew at once, as after signing in. */
export function reconnect(): void {
	wait = WAIT_MS;
	if (listeners.size > 0) open();
}

export const stream = {
	state: (): StreamState => state,
	subscribe(watcher: () => void): () => void {
		watchers.add(watcher);
		return () => watchers.delete(watcher);
	},
};
