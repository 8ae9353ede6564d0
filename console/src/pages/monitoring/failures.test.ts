import { expect, test } from "vitest";
import { failureCount, failuresOf, reasonOf } from "./failures";

test("origin-pulls without an answer, and answers that are errors, have failed", () => {
	const pulled = { status_4xx: 2, status_5xx: 1, faults: { connect_refused: 4 } };
	expect(failuresOf(pulled)).toEqual({ connect_refused: 4, status_5xx: 1, status_4xx: 2 });
	expect(failureCount(pulled)).toBe(7);
	expect(failuresOf({ status_4xx: 0, status_5xx: 0 })).toEqual({});
	expect(failureCount(undefined)).toBe(0);
});

test("an attempt that failed over by its status is named by the class of that", () => {
	expect(reasonOf({ reason: "status", status: 503 })).toBe("status_5xx");
	expect(reasonOf({ reason: "status", status: 404 })).toBe("status_4xx");
	expect(reasonOf({ reason: "truncated", status: 200 })).toBe("truncated");
});
