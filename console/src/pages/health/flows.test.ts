import { describe, expect, it } from "vitest";
import { addressKey, Flows, type LoggedRequest, reasonKey } from "./flows";

const at = (second: number) => 1_000_000_000 + second * 1000;

function request(more: Partial<LoggedRequest> = {}): LoggedRequest {
	return { edge: "a", domain: "www.test", cache: "MISS", status: 200, fault: "none", attempts: [], ...more };
}
const attempt = (more = {}) => ({
	role: "master" as const,
	address: "192.0.2.1:80",
	phase: "done",
	status: 200,
	reason: "none",
	next: "deliver",
	...more,
});

describe("flows", () => {
	it("are rates of the whole seconds that were listened to", () => {
		const flows = new Flows();
		for (let second = 0; second < 4; second++) {
			flows.add(request({ attempts: [attempt()] }), at(second) + 100);
			flows.add(request({ cache: "HIT" }), at(second) + 200);
		}
		flows.listened(at(0), at(4));
		flows.add(request(), at(4) + 10); // a second that has just begun does not count
		const rates = flows.rates(at(4) + 20, 10);
		expect(rates.seconds).toBe(4);
		expect(rates.all).toMatchObject({ requests: 2, hits: 1, pulls: 1, failures: 0 });
		expect(rates.addresses.get(addressKey("a", "master", "192.0.2.1:80"))).toEqual({ pulls: 1, failures: 0 });
		expect(rates.isEstimate).toBe(false);
	});

	it("count time to the second that it was in, also when a later one has begun", () => {
		const flows = new Flows();
		flows.add(request(), at(0) + 500);
		flows.add(request(), at(1) + 100);
		flows.listened(at(0), at(2));
		expect(flows.line(at(2), 3)).toEqual([null, 1, 1]);
	});

	it("know a time that was not listened to from one in which nothing was asked", () => {
		const flows = new Flows();
		flows.listened(at(0), at(1));
		flows.listened(at(2), at(2) + 400);
		expect(flows.line(at(3), 3)).toEqual([0, null, null]);
		expect(new Flows().rates(at(3), 10).seconds).toBe(0);
	});

	it("estimate what an edge had no room to tell, for that edge alone", () => {
		const flows = new Flows();
		flows.add(request({ attempts: [attempt()] }), at(0));
		flows.add(request({ edge: "b" }), at(0));
		flows.leftOut("a", 9, at(0));
		flows.listened(at(0), at(1));
		const rates = flows.rates(at(1), 10);
		expect(rates.edges.get("a")).toMatchObject({ requests: 10, pulls: 10 });
		expect(rates.edges.get("b")).toMatchObject({ requests: 1 });
		expect(rates.isEstimate).toBe(true);
	});

	it("tell attempts that failed by role and reason, and those that came to no address not at all", () => {
		const flows = new Flows();
		const attempts = [
			attempt({ reason: "connect_refused", phase: "connect", status: 0, next: "backup" }),
			attempt({ role: "backup", address: "192.0.2.9:80" }),
			attempt({ address: "", phase: "choose", reason: "all_blocked" }),
		];
		flows.add(request({ attempts }), at(0));
		flows.add(request({ cache: "BACKGROUND", attempts: [attempt()] }), at(0));
		flows.listened(at(0), at(1));
		const rates = flows.rates(at(1), 10);
		expect(rates.all).toMatchObject({ requests: 1, pulls: 3, failures: 1, backup: 1 });
		expect([...rates.reasons]).toEqual([[reasonKey("master", "connect_refused"), 1]]);
	});
});
