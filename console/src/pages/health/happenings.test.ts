import { describe, expect, it } from "vitest";
import {
	FAILOVER_OVER_MS,
	HAPPENINGS_MAX,
	type Happening,
	ofHealth,
	withFailover,
	withOne,
	withTime,
} from "./happenings";

const blocked = (edge: string, at_ms: number, address = "192.0.2.1:80") =>
	ofHealth(
		{ at_ms, edge, run: "1", domain: "www.test", address, state: "blocked", was: "usable", reason: "connect_refused" },
		"www.test",
	) as Happening;

describe("happenings", () => {
	it("of other domains are none", () => {
		const event = { at_ms: 1, edge: "a", run: "1", domain: "other.test", address: "x", state: "blocked" as const };
		expect(ofHealth(event, "www.test")).toBeUndefined();
	});

	it("on several edges in a moment are one", () => {
		const list = [blocked("a", 1000), blocked("b", 2000), blocked("a", 60_000)].reduce(
			withOne,
			[] as readonly Happening[],
		);
		expect(list.map((one) => one.edges)).toEqual([["a"], ["a", "b"]]);
	});

	it("that are told again change nothing", () => {
		const list = withOne([], blocked("a", 1000));
		expect(withOne(list, blocked("a", 1000))).toBe(list);
	});

	it("are kept up to a number, the newest first", () => {
		let list: readonly Happening[] = [];
		for (let n = 0; n <= HAPPENINGS_MAX; n++) list = withOne(list, blocked("a", n * 60_000));
		expect(list).toHaveLength(HAPPENINGS_MAX);
		expect(list[0]?.atMs).toBe(HAPPENINGS_MAX * 60_000);
	});

	it("of requests that fail over are one until it is over, and then another", () => {
		let list = withFailover([], 2, "status", 1000);
		list = withFailover(list, 3, "status", 5000);
		expect(list.map((one) => one.failover?.count)).toEqual([5]);
		expect(withTime(list, 5000 + FAILOVER_OVER_MS)).toBe(list);
		list = withTime(list, 5001 + FAILOVER_OVER_MS);
		expect(list[0]?.failover?.isOver).toBe(true);
		expect(withFailover(list, 1, "status", 90_000)).toHaveLength(2);
	});
});
