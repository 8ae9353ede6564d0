import { expect, test } from "vitest";
import { parts } from "./traffic";

test("names are asked for in as few parts as the API takes", () => {
	const names = Array.from({ length: 250 }, (_, n) => `d${n}.test`);
	expect(parts(names).map((part) => part.length)).toEqual([100, 100, 50]);
	expect(parts(names).flat()).toEqual(names);
	expect(parts([])).toEqual([]);
});

test("long names make more parts", () => {
	const names = Array.from({ length: 40 }, (_, n) => `${n}-${"x".repeat(248)}`);
	for (const part of parts(names)) expect(part.join(",").length).toBeLessThanOrEqual(8000);
	expect(parts(names).flat()).toEqual(names);
});
