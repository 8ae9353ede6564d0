// The access log of one domain as it is written, for the map: server-sent events that are counted, and not kept. Where
// there are more than a page should read, it listens for a part of the time; a page that nobody sees does not listen, as
// a browser has few connections to one address, and edges have work with it.
import { addressOf } from "../../api/client";
import type { LoggedRequest } from "./flows";

export type TailState = "connecting" | "live" | "lost";

export interface TailSink {
	onRequest: (request: LoggedRequest, atMs: number) => void;
	onLeftOut: (edge: string | undefined, count: number, atMs: number) => void;
	/** It was listened from one moment to another; told about once a second. */
	onListened: (fromMs: number, toMs: number) => void;
	onState: (state: TailState) => void;
}

/** More events than this in a second are too many; then it rests for so long after it has listened for so long. */
const BUSY_EVENTS = 1500;
const LISTEN_MS = 2000;
const REST_MS = 8000;
const WAIT_MS = 1000;
const WAIT_MAX_MS = 15000;

const isHidden = () => globalThis.document?.visibilityState === "hidden";

/** Listens until the function that is returned is called. */
export function followTail(domain: string, sink: TailSink): () => void {
	let source: EventSource | undefined;
	let timer: ReturnType<typeof setTimeout> | undefined;
	let wait = WAIT_MS;
	let sinceMs = 0;
	let openedMs = 0;
	let events = 0;
	let isOver = false;

	function account(now: number): void {
		if (sinceMs > 0 && now > sinceMs) sink.onListened(sinceMs, now);
		sinceMs = sinceMs > 0 ? now : 0;
	}

	function close(): void {
		if (!source) return;
		account(Date.now());
		sinceMs = 0;
		source.close();
		source = undefined;
	}

	function again(ms: number): void {
		clearTimeout(timer);
		if (!isOver && !isHidden()) timer = setTimeout(open, ms);
	}

	function open(): void {
		close();
		events = 0;
		const stream = new EventSource(addressOf("/logs/tail", {}, { domain }));
		source = stream;
		const on = <T>(name: string, handle: (event: T) => void) =>
			stream.addEventListener(name, (message) => {
				try {
					handle(JSON.parse((message as MessageEvent<string>).data) as T);
				} catch {
					// A line that is none is left out.
				}
			});
		on("begin", () => {
			wait = WAIT_MS;
			sinceMs = Date.now();
			openedMs = sinceMs;
			sink.onState("live");
		});
		on<LoggedRequest>("request", (request) => {
			events++;
			sink.onRequest(request, Date.now());
		});
		on<{ edge?: string; left_out: number }>("left_out", (event) => {
			sink.onLeftOut(event.edge, event.left_out, Date.now());
		});
		stream.onerror = () => {
			close();
			sink.onState("lost");
			again(wait * (0.75 + Math.random() / 2));
			wait = Math.min(wait * 2, WAIT_MAX_MS);
		};
	}

	const ticker = setInterval(() => {
		const now = Date.now();
		account(now);
		if (!source || openedMs === 0 || now - openedMs < LISTEN_MS) return;
		if (events / ((now - openedMs) / 1000) > BUSY_EVENTS) {
			close();
			again(REST_MS);
		} else {
			openedMs = now;
			events = 0;
		}
	}, 1000);

	const seen = () => {
		clearTimeout(timer);
		if (isHidden()) close();
		else if (!source) open();
	};
	const page = globalThis.document;
	page?.addEventListener("visibilitychange", seen);

	sink.onState("connecting");
	if (!isHidden()) open();
	return () => {
		isOver = true;
		page?.removeEventListener("visibilitychange", seen);
		clearInterval(ticker);
		clearTimeout(timer);
		close();
	};
}
