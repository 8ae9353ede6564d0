import { describe, expect, test } from "vitest";
import { eventReader } from "./sse";

const TEXT =
	'retry: 2000\n\nevent: begin\ndata: {"edges":3}\n\n: a comment\n\nevent: request\r\ndata: a\r\ndata: b\r\n\r\ndata:c\n\n';
const EVENTS = [
	{ name: "begin", data: '{"edges":3}' },
	{ name: "request", data: "a\nb" },
	{ name: "message", data: "c" },
];

describe("server-sent events", () => {
	test("are the same wherever the text is cut", () => {
		for (let size = 1; size <= TEXT.length; size++) {
			const read = eventReader();
			const events = [];
			for (let from = 0; from < TEXT.length; from += size) events.push(...read(TEXT.slice(from, from + size)));
			expect(events).toEqual(EVENTS);
		}
	});
	test("that are not whole are kept back", () => {
		const read = eventReader();
		expect(read("event: x\ndata: 1\n")).toEqual([]);
		expect(read("\n")).toEqual([{ name: "x", data: "1" }]);
	});
	test("do not fill the memory, and what comes after one that is too long is read", () => {
		const read = eventReader();
		for (let i = 0; i < 40; i++) expect(read(`${i ? "" : "data: "}${"x".repeat(10000)}`)).toEqual([]);
		expect(read("\ndata: after\n\n")).toEqual([{ name: "message", data: "after" }]);
		for (let i = 0; i < 40; i++) expect(read(`data: ${"x".repeat(10000)}\n`)).toEqual([]);
		expect(read("\ndata: more\n\n")).toEqual([{ name: "message", data: "more" }]);
	});
});
