import { describe, expect, test } from "vitest";
import type { AddressHealth } from "../../api/types";
import { viewOf } from "./states";

const on = (state: AddressHealth["state"], more: Partial<AddressHealth> = {}): AddressHealth => ({
	edge: "a",
	run: "1",
	state,
	...more,
});

describe("an address", () => {
	test("that all edges can use serves", () => {
		expect(
			viewOf({ weight: 1, edges: [on("usable", { latency_us: 900 }), on("usable", { latency_us: 1200 })] }),
		).toMatchObject({
			word: "serving",
			tone: "good",
			latencyUs: 1200,
			on: undefined,
		});
	});
	test("that one edge has blocked is blocked there, and why and for how long is told", () => {
		const view = viewOf({
			weight: 1,
			edges: [
				on("usable"),
				on("blocked", { reason: "connect_refused", left_ms: 4000 }),
				on("blocked", { left_ms: 9000 }),
			],
		});
		expect(view).toMatchObject({
			word: "blocked",
			tone: "bad",
			reason: "connect_refused",
			leftMs: 9000,
			on: { some: 2, all: 3 },
		});
	});
	test("of weight 0 is drained, but blocked all the same", () => {
		expect(viewOf({ weight: 0, edges: [on("usable")] }).word).toBe("drained");
		expect(viewOf({ weight: 0, edges: [on("blocked")] }).word).toBe("blocked");
	});
	test("that nobody pulls from is unused", () => {
		expect(viewOf({ weight: 1, edges: [on("unused")] }).word).toBe("unused");
		expect(viewOf({ weight: 1, edges: [] }).word).toBe("unknown");
		expect(viewOf({ weight: 1, edges: [on("unused"), on("usable")] }).on).toBeUndefined();
	});
});
