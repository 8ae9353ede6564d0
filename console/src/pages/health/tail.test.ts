import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { followTail, type TailSink, type TailState } from "./tail";

/** A stream that tells what the test says. */
class Source {
	static all: Source[] = [];
	onerror: (() => void) | null = null;
	isClosed = false;
	private listeners = new Map<string, (message: { data: string }) => void>();

	constructor(readonly url: string) {
		Source.all.push(this);
	}
	addEventListener(name: string, listener: (message: { data: string }) => void) {
		this.listeners.set(name, listener);
	}
	close() {
		this.isClosed = true;
	}
	tell(name: string, data: unknown) {
		this.listeners.get(name)?.({ data: typeof data === "string" ? data : JSON.stringify(data) });
	}
}
const latest = () => Source.all.at(-1) as Source;
const request = { edge: "a", domain: "", cache: "HIT", status: 200, fault: "none", attempts: [] };

function sink() {
	const told = { requests: 0, listened: 0, states: [] as TailState[] };
	const of: TailSink = {
		onRequest: () => told.requests++,
		onLeftOut: () => {},
		onListened: (from, to) => {
			told.listened += to - from;
		},
		onState: (state) => told.states.push(state),
	};
	return { told, of };
}

beforeEach(() => {
	vi.useFakeTimers({ now: 1_000_000 });
	Source.all = [];
	vi.stubGlobal("EventSource", Source);
});
afterEach(() => {
	vi.useRealTimers();
	vi.unstubAllGlobals();
});

describe("the log that is followed", () => {
	it("is that of the domain, and time counts from when it begins", () => {
		const { told, of } = sink();
		const stop = followTail("*.example.com", of);
		expect(latest().url).toBe("/api/v1/logs/tail?domain=*.example.com");
		vi.advanceTimersByTime(3000);
		latest().tell("begin", {});
		latest().tell("request", request);
		latest().tell("request", "{ no JSON");
		vi.advanceTimersByTime(1500);
		stop();
		expect(told).toEqual({ requests: 1, listened: 1500, states: ["connecting", "live"] });
		expect(latest().isClosed).toBe(true);
		vi.advanceTimersByTime(60_000);
		expect(Source.all).toHaveLength(1);
	});

	it("comes back by itself, later each time that it does not", () => {
		const { told, of } = sink();
		const stop = followTail("www.test", of);
		for (let n = 0; n < 3; n++) {
			latest().onerror?.();
			vi.advanceTimersByTime(20_000);
		}
		expect(Source.all).toHaveLength(4);
		latest().onerror?.();
		vi.advanceTimersByTime(4000); // by now it waits for eight seconds, about
		expect(Source.all).toHaveLength(4);
		expect(told.states).toEqual(["connecting", "lost", "lost", "lost", "lost"]);
		expect(told.listened).toBe(0);
		stop();
	});

	it("is listened to for a part of the time where it is too much to read", () => {
		const { told, of } = sink();
		const stop = followTail("busy.test", of);
		latest().tell("begin", {});
		for (let n = 0; n < 4000; n++) latest().tell("request", request);
		vi.advanceTimersByTime(2000);
		expect(latest().isClosed).toBe(true);
		vi.advanceTimersByTime(7900);
		expect(Source.all).toHaveLength(1);
		vi.advanceTimersByTime(200);
		expect(Source.all).toHaveLength(2);
		expect(told.listened).toBe(2000);
		stop();
	});

	it("is not listened to by a page that nobody sees", () => {
		const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
		vi.stubGlobal("document", page);
		const show = (visibilityState: string) => {
			page.visibilityState = visibilityState;
			page.dispatchEvent(new Event("visibilitychange"));
		};
		const { told, of } = sink();
		const stop = followTail("www.test", of);
		latest().tell("begin", {});
		vi.advanceTimersByTime(1000);
		show("hidden");
		expect(latest().isClosed).toBe(true);
		vi.advanceTimersByTime(60_000);
		expect(Source.all).toHaveLength(1);
		show("visible");
		expect(Source.all).toHaveLength(2);
		expect(told.listened).toBe(1000);
		stop();
		show("hidden");
		show("visible");
		expect(Source.all).toHaveLength(2);
	});
});
