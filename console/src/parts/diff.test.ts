import { describe, expect, test } from "vitest";
import { diffRow } from "./diff";

describe("a line of differences", () => {
	test("has a field, what was, and what is", () => {
		expect(diffRow("origin.host: none -> www.example.net")).toEqual({
			field: "origin.host",
			before: "none",
			after: "www.example.net",
		});
	});
	test("keeps colons of values", () => {
		expect(diffRow("origin.addresses: 10.0.0.1:80, 10.0.0.2 -> [::1]:81:2").after).toBe("[::1]:81:2");
	});
	test("that has no arrow is shown as it is", () => {
		expect(diffRow("something else")).toEqual({ field: "something else", before: "", after: "" });
	});
});
