// The tail of the access log: lines as they come, in batches, no more than a page should keep. It comes back by itself
// when it breaks off, and says what was not told.
import { openStream } from "../../api/client";
import { Refused, Unreachable } from "../../api/problem";
import { eventReader } from "../../api/sse";
import { bounded, type Filter, isWanted, LINES_MAX, type LogLine, lineOf, queryOf } from "./lines";

export type TailState = "connecting" | "live" | "lost" | "refused";

export interface TailView {
	state: TailState;
	/** Why it is lost or refused. */
	error?: unknown;
	/** The oldest first. */
	lines: readonly LogLine[];
	/** How many edges there were when it began. */
	edges?: number;
	/** Requests in a second, over the last seconds. */
	rate: number;
	isPaused: boolean;
	/** Lines that came while it is paused. */
	waiting: number;
	/** Requests that were not told: by edges that had no room for them, or since this page did not read in time. */
	leftOut: { edges: number; page: number };
}

const BATCH_MS = 250;
const WAIT_MS = 1000;
const WAIT_MAX_MS = 15000;
/** Something comes every ten seconds at least. */
const SILENCE_MS = 30000;
const RATE_MS = 5000;

const EMPTY: TailView = {
	state: "connecting",
	lines: [],
	rate: 0,
	isPaused: false,
	waiting: 0,
	leftOut: { edges: 0, page: 0 },
};

export class Tail {
	private view: TailView = EMPTY;
	private readonly watchers = new Set<() => void>();
	private waiting: string[] = [];
	private counts: { at: number; count: number }[] = [];
	private count = 0;
	private seq = 0;
	private stopper?: AbortController;
	private timer?: ReturnType<typeof setInterval>;
	private key?: string;

	readonly now = (): TailView => this.view;
	readonly subscribe = (watcher: () => void): (() => void) => {
		this.watchers.add(watcher);
		return () => this.watchers.delete(watcher);
	};

	private become(part: Partial<TailView>): void {
		this.view = { ...this.view, ...part };
		for (const watcher of this.watchers) watcher();
	}

	/** Follows what a filter lets through; what is here already is held against it as well. */
	start(filter: Filter): void {
		this.end();
		const query = queryOf(filter);
		const key = JSON.stringify(query);
		if (this.key !== undefined && this.key !== key) {
			this.drain();
			this.become({ lines: this.view.lines.filter((line) => isWanted(line, filter)) });
		}
		this.key = key;
		this.counts = [];
		this.count = 0;
		const stopper = new AbortController();
		this.stopper = stopper;
		this.timer = setInterval(() => this.beat(), BATCH_MS);
		this.become({ state: "connecting", error: undefined, rate: 0 });
		void this.keep(query, stopper.signal);
	}

	end(): void {
		this.stopper?.abort();
		this.stopper = undefined;
		clearInterval(this.timer);
		this.timer = undefined;
	}

	pause(isPaused: boolean): void {
		if (this.view.isPaused === isPaused) return;
		this.become({ isPaused });
		if (!isPaused) this.beat();
	}

	clear(): void {
		this.waiting = [];
		this.become({ lines: [], waiting: 0, leftOut: EMPTY.leftOut });
	}

	/** What has come is shown. */
	private beat(): void {
		const now = Date.now();
		this.counts.push({ at: now, count: this.count });
		this.count = 0;
		while (this.counts[0] && this.counts[0].at < now - RATE_MS) this.counts.shift();
		const seconds = Math.max(1, (this.counts.length * BATCH_MS) / 1000);
		const rate = this.counts.reduce((sum, one) => sum + one.count, 0) / seconds;
		if (this.view.isPaused) {
			if (rate !== this.view.rate || this.view.waiting !== this.waiting.length)
				this.become({ rate, waiting: this.waiting.length });
			return;
		}
		if (this.waiting.length > 0) this.drain();
		if (rate !== this.view.rate) this.become({ rate });
	}

	private drain(): void {
		// Each edge tells its own in order; what came of several in one batch is put in order here.
		const fresh = this.waiting
			.map((data) => lineOf(data, 0))
			.filter((line) => line !== undefined)
			.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
		for (const line of fresh) line.seq = ++this.seq;
		this.waiting = [];
		this.become({ lines: bounded([...this.view.lines, ...fresh]), waiting: 0 });
	}

	private take(name: string, data: string): void {
		if (name === "request") {
			this.count++;
			this.waiting.push(data);
			// A page that is paused or hidden keeps the newest.
			if (this.waiting.length > 2 * LINES_MAX) this.waiting = this.waiting.slice(-LINES_MAX);
			return;
		}
		let event: { edges?: number; edge?: string; left_out?: number };
		try {
			event = JSON.parse(data);
		} catch {
			return;
		}
		if (name === "begin") this.become({ state: "live", error: undefined, edges: event.edges });
		if (name === "left_out" && typeof event.left_out === "number") {
			const { edges, page } = this.view.leftOut;
			this.become({
				leftOut: event.edge ? { edges: edges + event.left_out, page } : { edges, page: page + event.left_out },
			});
		}
	}

	private async keep(query: Record<string, string>, signal: AbortSignal): Promise<void> {
		let wait = WAIT_MS;
		while (!signal.aborted) {
			try {
				await this.read(query, signal, () => {
					wait = WAIT_MS;
				});
				if (!signal.aborted) this.become({ state: "lost", error: undefined });
			} catch (error) {
				if (signal.aborted) return;
				const isFinal = error instanceof Refused && error.status < 500 && error.status !== 429;
				this.become({ state: isFinal ? "refused" : "lost", error });
				if (isFinal) return;
			}
			await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
			wait = Math.min(wait * 2, WAIT_MAX_MS);
		}
	}

	/** Reads one stream to its end. */
	private async read(query: Record<string, string>, outer: AbortSignal, onBegin: () => void): Promise<void> {
		const inner = new AbortController();
		const stop = () => inner.abort();
		outer.addEventListener("abort", stop);
		let silence = setTimeout(stop, SILENCE_MS);
		try {
			const stream = await openStream("/logs/tail", query, inner.signal);
			const reader = stream.getReader();
			const decoder = new TextDecoder();
			const events = eventReader();
			for (;;) {
				const { done, value } = await reader.read();
				clearTimeout(silence);
				if (done || outer.aborted) return;
				silence = setTimeout(stop, SILENCE_MS);
				for (const event of events(decoder.decode(value, { stream: true }))) {
					if (event.name === "begin") onBegin();
					this.take(event.name, event.data);
				}
			}
		} catch (error) {
			if (error instanceof Refused || error instanceof Unreachable) throw error;
			if (!outer.aborted) throw new Unreachable("the stream broke off");
		} finally {
			clearTimeout(silence);
			outer.removeEventListener("abort", stop);
			inner.abort();
		}
	}
}
