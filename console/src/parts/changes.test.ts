import { describe, expect, test, vi } from "vitest";

vi.mock("../api/client", () => ({ get: vi.fn() }));
vi.mock("../api/events", () => ({ listen: () => () => {} }));
const { progressOf } = await import("./changes");

const edge = (applied: number, more: object = {}) => ({
	id: "a",
	is_connected: true,
	applied,
	purged: 0,
	since_ms: 0,
	...more,
});

describe("a change", () => {
	test("is processing until all edges have it", () => {
		expect(progressOf(7, [edge(7), edge(6)])).toEqual({ state: "processing", done: 1, all: 2 });
		expect(progressOf(7, [edge(7), edge(9)])).toEqual({ state: "done", all: 2 });
	});
	test("waits for an edge that has just gone", () => {
		expect(progressOf(7, [edge(7), edge(6, { is_connected: false })]).state).toBe("processing");
	});
	test("is done where there is no edge", () => {
		expect(progressOf(7, [])).toEqual({ state: "done", all: 0 });
	});
	test("that an edge cannot use says why", () => {
		expect(progressOf(7, [edge(6, { refused: 7, error: "no room" })])).toEqual({ state: "refused", why: "no room" });
		expect(progressOf(8, [edge(8, { refused: 7, error: "no room" })]).state).toBe("done");
	});
});
