import { expect, test } from "vitest";
import { fill } from "./traffic";

test("steps in which nothing was are there as nothing", () => {
	const points = [
		{ at_ms: 1000, requests: 3 },
		{ at_ms: 1300, requests: 5 },
	];
	expect(fill(points, 1000, 1500, 100)).toEqual([3, 0, 0, 5, 0]);
});

test("what lies outside of the span is left out", () => {
	expect(
		fill(
			[
				{ at_ms: 900, requests: 1 },
				{ at_ms: 1500, requests: 1 },
			],
			1000,
			1500,
			250,
		),
	).toEqual([0, 0]);
});
