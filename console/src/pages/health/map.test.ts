import { describe, expect, it } from "vitest";
import type { AddressHealth, DomainHealth, Edge } from "../../api/types";
import { Flows } from "./flows";
import { layoutOf } from "./layout";
import { mapOf } from "./map";

const edge = (id: string, is_connected = true): Edge => ({ id, is_connected, applied: 1, purged: 0, since_ms: 0 });
const found = (of: string, state: AddressHealth["state"], more: Partial<AddressHealth> = {}): AddressHealth => ({
	edge: of,
	run: "1",
	state,
	address: "192.0.2.1:80",
	...more,
});
function health(origin: AddressHealth[][], backup: AddressHealth[][] | null): DomainHealth {
	const rows = (lists: AddressHealth[][], net: string) =>
		lists.map((edges, index) => ({ address: `${net}.${index + 1}`, weight: 1, edges }));
	return {
		name: "www.test",
		revision: 1,
		edges: [{ id: "a", run: "1" }],
		origin: rows(origin, "192.0.2"),
		backup: backup && rows(backup, "198.51.100"),
		others: [],
	};
}
const none = new Flows().rates(0, 10);

describe("the verdict", () => {
	const verdict = (origin: AddressHealth[][], backup: AddressHealth[][] | null, edges = [edge("a")]) =>
		mapOf(health(origin, backup), edges, none).verdict;

	it.each([
		["allWell", [[found("a", "usable")]], null],
		["quiet", [[found("a", "unused")]], null],
		["someBlocked", [[found("a", "usable")], [found("a", "blocked")]], null],
		["nothingLeft", [[found("a", "blocked")]], null],
		["backupAnswers", [[found("a", "blocked")], [found("a", "probing")]], [[found("a", "usable")]]],
		["nothingLeft", [[found("a", "blocked")]], [[found("a", "blocked")]]],
		["backupBlocked", [[found("a", "usable")]], [[found("a", "blocked")]]],
		["recovering", [[found("a", "ramping")]], null],
	] as const)("is %s", (wanted, origin, backup) => {
		expect(verdict(origin as never, backup as never)).toBe(wanted);
	});

	it("is that some are blocked where one edge finds the master well", () => {
		expect(verdict([[found("a", "blocked"), found("b", "usable")]], [[found("a", "usable")]])).toBe("someBlocked");
	});

	it("is that no edge is connected, whatever was told before", () => {
		expect(verdict([[found("a", "usable")]], null, [edge("a", false)])).toBe("noEdges");
	});
});

describe("flows on the map", () => {
	it("go to the address that the edge tells, and are summed over edges or of one alone", () => {
		const flows = new Flows();
		const attempt = (address: string) =>
			({ role: "master", address, phase: "done", status: 200, reason: "none", next: "deliver" }) as const;
		const of = (name: string, address: string) =>
			flows.add(
				{ edge: name, domain: "", cache: "MISS", status: 200, fault: "none", attempts: [attempt(address)] },
				500,
			);
		of("a", "192.0.2.1:80");
		of("b", "192.0.2.1:80");
		of("b", "203.0.113.7:8080");
		flows.listened(0, 1000);
		const rates = flows.rates(1000, 10);
		const told = health(
			[[found("a", "usable"), found("b", "usable")], [found("b", "usable", { address: "203.0.113.7:8080" })]],
			null,
		);
		const all = mapOf(told, [edge("a"), edge("b")], rates);
		expect(all.masters.map((node) => node.flow.pulls)).toEqual([2, 1]);
		expect(all.masters[1]?.resolved).toEqual(["203.0.113.7:8080"]);
		const one = mapOf(told, [edge("a"), edge("b")], rates, "a");
		expect(one.masters.map((node) => node.flow.pulls)).toEqual([1, 0]);
	});
});

describe("without the log", () => {
	it("flows are what the edges count", () => {
		const counted = health(
			[[found("a", "usable", { attempts_per_s: 3 }), found("b", "usable", { attempts_per_s: 4.5 })]],
			null,
		);
		const model = mapOf(counted, [edge("a"), edge("b")], none);
		expect(model.hasPulls).toBe(true);
		expect(model.masters[0]?.flow).toEqual({ pulls: 7.5, failures: 0 });
		expect(mapOf(counted, [edge("a"), edge("b")], none, "a").masters[0]?.flow.pulls).toBe(3);
		expect(mapOf(health([[found("a", "unused")]], null), [edge("a")], none).hasPulls).toBe(false);
	});

	it("that tells a part alone, they are still what the edges count, and fail by the share that the log tells of", () => {
		const flows = new Flows();
		const attempt = {
			role: "master",
			address: "192.0.2.1:80",
			phase: "done",
			status: 503,
			reason: "status",
			next: "fail",
		} as const;
		flows.add({ edge: "a", domain: "", cache: "MISS", status: 502, fault: "status", attempts: [attempt] }, 500);
		flows.leftOut("a", 5, 500);
		flows.listened(0, 1000);
		const counted = health([[found("a", "usable", { attempts_per_s: 9 })]], null);
		expect(mapOf(counted, [edge("a")], flows.rates(1000, 10)).masters[0]?.flow).toEqual({ pulls: 9, failures: 9 });
	});
});

describe("the layout", () => {
	it.each([
		[1240, 1, 1, 0],
		[1240, 2, 3, 2],
		[1240, 8, 32, 32],
		[900, 3, 9, 1],
		[330, 2, 32, 4],
	])("at %i pixels keeps %i edges, %i and %i addresses apart and inside", (width, edges, masters, backups) => {
		const layout = layoutOf(width, edges, masters, backups);
		const boxes = [...layout.edges, ...layout.master.rows, ...layout.backup.rows];
		expect(boxes).toHaveLength(edges + masters + backups);
		for (const box of [...boxes, layout.master.box, layout.backup.box]) {
			expect(box.x).toBeGreaterThanOrEqual(0);
			expect(box.y).toBeGreaterThanOrEqual(0);
			expect(box.x + box.width).toBeLessThanOrEqual(width + 0.5);
			expect(box.y + box.height).toBeLessThanOrEqual(layout.height + 0.5);
		}
		for (const [index, a] of boxes.entries()) {
			for (const b of boxes.slice(index + 1)) {
				const isApart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
				expect(isApart).toBe(true);
			}
		}
		expect(layout.master.arrows).toHaveLength(masters);
	});
});
