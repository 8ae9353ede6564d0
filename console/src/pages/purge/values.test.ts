import { describe, expect, test } from "vitest";
import { commandOf, faultOf, linesOf } from "./values";

describe("what is purged", () => {
	test.each([
		["http://www.example.com/a.css", undefined],
		["HTTPS://WWW.example.com:8443/b?c=d", undefined],
		["http://[2001:db8::1]:80/", undefined],
		["www.example.com/a", "faultScheme"],
		["ftp://www.example.com/a", "faultScheme"],
		["http://www.example.com", "faultPath"],
		["http://www.example.com?x", "faultPath"],
		["http://www.example.com/a#b", "faultFragment"],
		["http://www.example.com/ä", "faultVisible"],
		["http://www.example.com/a b", "faultVisible"],
		["http:///a", "faultHost"],
		["http://user@www.example.com/", "faultHost"],
		["http://www..com/", "faultHost"],
	] as const)("%s as a URL", (value, fault) => {
		expect(faultOf("url", value)).toBe(fault);
		expect(faultOf("prefix", value)).toBe(fault);
	});
	test("tags have neither spaces nor commas", () => {
		expect(
			["a", "article-17", "a,b", "a b", "ä", "x".repeat(1024), "x".repeat(1025)].map((tag) => faultOf("tag", tag)),
		).toEqual([undefined, undefined, "faultTag", "faultTag", "faultTag", undefined, "faultTagLong"]);
	});
	test("lines keep their numbers, and what stands twice is told", () => {
		expect(linesOf("tag", " a \n\n b\na\nc d")).toEqual([
			{ number: 1, value: "a", fault: undefined },
			{ number: 3, value: "b", fault: undefined },
			{ number: 4, value: "a", fault: undefined, isAgain: true },
			{ number: 5, value: "c d", fault: "faultTag" },
		]);
	});
	test("the command that does the same", () => {
		expect(commandOf("url", ["http://a.test/", "http://a.test/?b='c'"], "hard", "")).toBe(
			"headwater purge http://a.test/ 'http://a.test/?b='\\''c'\\'''",
		);
		expect(commandOf("domain", ["*.a.test"], "soft", "")).toBe("headwater purge --soft --domain '*.a.test'");
		expect(commandOf("tag", ["x", "y"], "hard", "a.test")).toBe("headwater purge --tag x --tag y --domain a.test");
	});
});
