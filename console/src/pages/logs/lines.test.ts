import { describe, expect, test } from "vitest";
import {
	type Attempt,
	barsOf,
	bounded,
	faultsOf,
	filterOf,
	isWanted,
	jsonOf,
	type LogLine,
	lineOf,
	NO_FILTER,
	outcomeOf,
	queryOf,
} from "./lines";

const MASTER: Attempt = {
	role: "master",
	address: "192.0.2.1:80",
	phase: "head",
	status: 503,
	reason: "status",
	ms: 3,
	reused: false,
	next: "backup",
};
const BACKUP: Attempt = {
	...MASTER,
	role: "backup",
	address: "192.0.2.2:80",
	phase: "done",
	status: 200,
	reason: "none",
	ms: 1,
	next: "deliver",
};
const LINE: LogLine = {
	seq: 1,
	size: 100,
	edge: "e",
	run: "r",
	time: "2026-11-23T22:20:00.123Z",
	id: "9f3c6f0e11a2b7d4",
	client: "203.0.113.50",
	domain: "www.example.com",
	host: "www.example.com",
	method: "GET",
	path: "/a?b",
	protocol: "HTTP/1.1",
	status: 200,
	cache: "PASS",
	bytes_in: 0,
	bytes_out: 5,
	ms: 5,
	fault: "none",
	end: "complete",
	attempts: [MASTER, BACKUP],
};

describe("a line", () => {
	test("comes as it is told, and goes as it came", () => {
		const told = JSON.parse(jsonOf(LINE));
		expect(told.seq).toBeUndefined();
		const text = JSON.stringify(told);
		expect(lineOf(text, 7)).toEqual({ ...LINE, seq: 7, size: text.length });
	});
	test.each(["", "5", "null", "[]", "{}", '{"time":5}', "{"])("is not: %s", (text) => {
		expect(lineOf(text, 1)).toBeUndefined();
	});
	test("of strange fields has none of them", () => {
		expect(lineOf('{"time":"x","status":"200","attempts":[null,5,{"role":7}],"ms":null}', 1)).toMatchObject({
			status: 0,
			ms: 0,
			fault: "none",
			attempts: [{ role: "master", reason: "none", ms: 0, reused: false }],
		});
	});
	test("bars stand one after the other within the request", () => {
		expect(barsOf(LINE)).toEqual([
			{ from: 0, width: 0.6 },
			{ from: 0.6, width: 0.2 },
		]);
	});
});

describe("what came of a request", () => {
	test.each([
		["outBackup", {}],
		["outFailed", { fault: "all_blocked" }],
		["outCache", { attempts: [], cache: "HIT" }],
		["outEdge", { attempts: [] }],
		["outStale", { cache: "STALE" }],
		["outFirst", { attempts: [{ ...BACKUP, role: "master" as const }] }],
		["outFirstBackup", { attempts: [BACKUP] }],
		["outAddress", { attempts: [MASTER, { ...BACKUP, role: "master" as const }] }],
		["outKept", { attempts: [MASTER, { ...BACKUP, reason: "reset", next: "kept" }] }],
		["outResumed", { attempts: [{ ...MASTER, reason: "reset", next: "resume" }, BACKUP] }],
		["outHedgedBackup", { attempts: [{ ...MASTER, reason: "none", next: "late" }, BACKUP] }],
		[
			"outHedgedMaster",
			{
				attempts: [
					{ ...MASTER, reason: "none", next: "deliver" },
					{ ...BACKUP, next: "late" },
				],
			},
		],
		["outBackground", { cache: "BACKGROUND" }],
	] as const)("%s", (outcome, part) => {
		expect(outcomeOf({ ...LINE, ...part })).toBe(outcome);
	});
});

describe("a filter", () => {
	test("is the same by way of an address", () => {
		const filter = { ...NO_FILTER, domain: "*.a.test", status: "5xx", path: "/a b&c", backup: true };
		expect(queryOf(filter)).toEqual({ domain: "*.a.test", status: "5xx", path: "/a b&c", backup: "1" });
		expect(filterOf(new URLSearchParams(queryOf(filter)))).toEqual(filter);
	});
	test("lets lines through that are here", () => {
		const wanted = (part: Partial<typeof NO_FILTER>) => isWanted(LINE, { ...NO_FILTER, ...part });
		expect(
			[
				{},
				{ domain: "WWW.example.com" },
				{ status: "2xx" },
				{ status: "200" },
				{ client: "203.0.113.50" },
				{ path: "/a?" },
				{ cache: "PASS" },
				{ retried: true },
				{ backup: true },
			].map(wanted),
		).not.toContain(false);
		expect(
			[
				{ domain: "example.com" },
				{ status: "5xx" },
				{ status: "20" },
				{ client: "203.0.113.0/24" },
				{ path: "/b" },
				{ cache: "HIT" },
				{ failed: true },
			].map(wanted),
		).not.toContain(true);
	});
	test.each([
		["", undefined],
		["192.0.2.1", undefined],
		["192.0.2.0/24", undefined],
		["2001:db8::/32", undefined],
		["::1", undefined],
		["192.0.2", "faultClient"],
		["192.0.2.256", "faultClient"],
		["192.0.2.0/33", "faultClient"],
		["a.test", "faultClient"],
		["::/129", "faultClient"],
		["::/1/1", "faultClient"],
	] as const)("client %s", (client, fault) => {
		expect(faultsOf({ ...NO_FILTER, client }).client).toBe(fault);
	});
	test("paths begin with a slash, statuses are statuses", () => {
		expect(faultsOf({ ...NO_FILTER, path: "a", status: "6xx" })).toEqual({ path: "faultPath", status: "faultStatus" });
		expect(faultsOf({ ...NO_FILTER, path: "/a", status: "404" })).toEqual({});
	});
});

describe("what is kept", () => {
	const many = Array.from({ length: 10 }, (_, seq) => ({ ...LINE, seq }));
	test("is the newest, by number and by size", () => {
		expect(bounded(many, 20, 1e6)).toBe(many);
		expect(bounded(many, 3, 1e6).map((line) => line.seq)).toEqual([7, 8, 9]);
		expect(bounded(many, 20, 450).map((line) => line.seq)).toEqual([6, 7, 8, 9]);
		expect(bounded([], 3, 10)).toEqual([]);
	});
});
