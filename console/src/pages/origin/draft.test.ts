import { describe, expect, test } from "vitest";
import type { Backup } from "../../api/types";
import { type Draft, differing, draftOf, freshDraft, mergeDrafts, requestOf } from "./draft";

const self = (addresses: string[], more: Partial<Draft> = {}): Draft => ({
	...freshDraft("origin"),
	addresses,
	...more,
});

describe("what is sent of a draft", () => {
	test("of servers of one's own has no bucket, and no blank lines", () => {
		const sent = requestOf(self([" 10.0.0.1 ", "", "10.0.0.2"]), "origin");
		expect(sent.addresses).toEqual(["10.0.0.1", "10.0.0.2"]);
		expect(sent).not.toHaveProperty("bucket");
		expect(sent).not.toHaveProperty("latch");
	});
	test("of a bucket has neither addresses nor a host", () => {
		const draft = self(["10.0.0.1"], { type: "cos", host: "www.example.net" });
		draft.bucket = { ...draft.bucket, bucket: "b-1250000000", region: " ap-guangzhou " };
		const sent = requestOf(draft, "origin");
		expect(sent.bucket).toMatchObject({ bucket: "b-1250000000", region: "ap-guangzhou", endpoint: null });
		expect(sent).not.toHaveProperty("addresses");
		expect(sent).not.toHaveProperty("host");
	});
	test("has numbers where digits were typed, and leaves the rest to the server", () => {
		const sent = requestOf(self(["a.test"], { connections_max: "12", queue_s: "2.5", queue_max: "many" }), "origin");
		expect(sent).toMatchObject({ connections_max: 12, queue_s: 2.5, queue_max: "many" });
	});
	test("of a backup has its latch", () => {
		expect(requestOf({ ...freshDraft("backup"), latch: "manual", hold_down_s: "60" }, "backup")).toMatchObject({
			latch: "manual",
			hold_down_s: 60,
		});
	});
});

describe("two who edit", () => {
	const base = self(["10.0.0.1"]);
	test("different fields both have their way", () => {
		const mine = self(["10.0.0.1"], { connect_timeout: "2s" });
		const theirs = self(["10.0.0.9"], { tls: { ...base.tls, verify: false } });
		const { draft, conflicts } = mergeDrafts(base, mine, theirs);
		expect(draft).toMatchObject({ addresses: ["10.0.0.9"], connect_timeout: "2s", tls: { verify: false } });
		expect(conflicts).toEqual([]);
	});
	test("the same field conflict, and mine is kept", () => {
		const { draft, conflicts } = mergeDrafts(base, self(["10.0.0.2"]), self(["10.0.0.3"]));
		expect(draft.addresses).toEqual(["10.0.0.2"]);
		expect(conflicts).toEqual(["addresses"]);
	});
	test("the same field to the same thing agree", () => {
		expect(mergeDrafts(base, self(["10.0.0.2"]), self(["10.0.0.2"])).conflicts).toEqual([]);
	});
	test("nothing typed by me leaves theirs", () => {
		const theirs = self(["10.0.0.3"], { host: "x.test" });
		expect(mergeDrafts(base, structuredClone(base), theirs).draft).toEqual(theirs);
	});
});

test("a draft of what is there differs from it in nothing", () => {
	const backup = { ...freshDraft("backup"), addresses: ["10.0.0.1"] } as Backup;
	expect(differing(draftOf(backup), backup as Draft)).toEqual([]);
});
