import { describe, expect, test } from "vitest";
import { formatAddress, parseAddress, splitAddresses, withoutWeight } from "./address";

describe("an address", () => {
	test.each([
		["203.0.113.10", "203.0.113.10", "", ""],
		["203.0.113.10:8080", "203.0.113.10", "8080", ""],
		["203.0.113.10:8080:2", "203.0.113.10", "8080", "2"],
		["origin.example.net::5", "origin.example.net", "", "5"],
		["[2001:db8::1]", "[2001:db8::1]", "", ""],
		["[2001:db8::1]:81", "[2001:db8::1]", "81", ""],
		["[2001:db8::1]:81:3", "[2001:db8::1]", "81", "3"],
		["[2001:db8::1]::3", "[2001:db8::1]", "", "3"],
		["2001:db8::1", "2001:db8::1", "", ""],
	])("%s is read and written", (text, host, port, weight) => {
		expect(parseAddress(text)).toEqual({ host, port, weight });
		expect(formatAddress({ host, port, weight })).toBe(text);
	});
	test("of IPv6 gets brackets where it needs them", () => {
		expect(formatAddress({ host: "2001:db8::1", port: "81", weight: "" })).toBe("[2001:db8::1]:81");
		expect(formatAddress({ host: "2001:db8::1", port: "", weight: "0" })).toBe("[2001:db8::1]::0");
	});
	test("that is typed into the field of the host alone is the same address", () => {
		for (const text of ["10.0.0.1:80", "10.0.0.1:", "2001:", "[::1]:80:2"]) {
			expect(formatAddress({ host: text, port: "", weight: "" })).toBe(text);
		}
	});
	test("that makes no sense is left to the server", () => {
		for (const text of ["[::1", "a:1:2:3:x", "a b", ""]) expect(formatAddress(parseAddress(text))).toBe(text);
	});
	test("has a name without its weight", () => {
		expect(withoutWeight("a.test:80:5")).toBe("a.test:80");
		expect(withoutWeight("a.test::0")).toBe("a.test");
	});
	test("comes with others from a clipboard", () => {
		expect(splitAddresses(" 10.0.0.1\n10.0.0.2:80, a.test;b.test ")).toEqual([
			"10.0.0.1",
			"10.0.0.2:80",
			"a.test",
			"b.test",
		]);
	});
});
