// What the page of live health is made of, as it comes: states, flows and happenings of one domain.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { get } from "../../api/client";
import { listen } from "../../api/events";
import { keys, useDomainHealth, useEdges } from "../../api/queries";
import type { Domain, DomainHealth, Origin } from "../../api/types";
import { reasonOf } from "../monitoring/failures";
import { parseAddress } from "../origin/address";
import { Flows, type Rates } from "./flows";
import {
	type Happening,
	isFailover,
	ofEdge,
	ofHealth,
	ofStates,
	ofVersion,
	withFailover,
	withOne,
	withTime,
} from "./happenings";
import { mapOf } from "./map";
import { followTail, type TailState } from "./tail";

/** Rates are of so many seconds: longer than a page that rests from a busy log waits. */
export const RATE_S = 12;
const DAY_MS = 86400 * 1000;

export interface LiveFlows {
	rates: Rates;
	/** How many failed in the last minute, by `reasonKey`. */
	reasons: Rates["reasons"];
	line: (number | null)[];
	state: TailState;
	nowMs: number;
}

function makeLiveFlows(flows: Flows, state: TailState, nowMs: number, edge?: string): LiveFlows {
	return {
		rates: flows.rates(nowMs, RATE_S),
		reasons: flows.rates(nowMs, 60).reasons,
		line: flows.line(nowMs, 120, edge),
		state,
		nowMs,
	};
}

/** What flows, a second at a time, and what has happened since the page was opened, newest first. */
export function useLive(
	domain: string,
	health: DomainHealth | undefined,
	edge?: string,
): { flows: LiveFlows; happenings: readonly Happening[] } {
	const flows = useRef(new Flows());
	const state = useRef<TailState>("connecting");
	const [now, setNow] = useState(Date.now);
	const [happenings, setHappenings] = useState<readonly Happening[]>([]);
	const failed = useRef<{ count: number; reason?: string; atMs: number }>();

	useEffect(() => {
		const counted = new Flows();
		flows.current = counted;
		state.current = "connecting";
		failed.current = undefined;
		setHappenings([]);
		const stop = followTail(domain, {
			onRequest: (request, atMs) => {
				counted.add(request, atMs);
				if (!isFailover(request)) return;
				const first = request.attempts.find((one) => one.role === "master" && one.reason !== "none");
				const reason = failed.current?.reason ?? (first && reasonOf(first));
				failed.current = { count: (failed.current?.count ?? 0) + 1, reason, atMs };
			},
			onLeftOut: (which, count, atMs) => counted.leftOut(which, count, atMs),
			onListened: (from, to) => counted.listened(from, to),
			onState: (next) => {
				state.current = next;
			},
		});
		const ticker = setInterval(() => {
			const ms = Date.now();
			setNow(ms);
			const more = failed.current;
			failed.current = undefined;
			setHappenings((list) => withTime(more ? withFailover(list, more.count, more.reason, more.atMs) : list, ms));
		}, 1000);
		const stops = [
			listen("health", (event) => {
				const one = ofHealth(event, domain);
				if (one) setHappenings((list) => withOne(list, one));
			}),
			listen("edge", (event) => setHappenings((list) => withOne(list, ofEdge(event)))),
		];
		return () => {
			stop();
			clearInterval(ticker);
			for (const one of stops) one();
		};
	}, [domain]);

	const history = useQuery({
		queryKey: [...keys.history(domain), "recent"],
		queryFn: ({ signal }) => get("/domains/{name}/history", { path: { name: domain }, query: { limit: 20 }, signal }),
	});
	useEffect(() => {
		const recent = history.data?.items.filter((version) => version.at_ms > Date.now() - DAY_MS) ?? [];
		if (recent.length > 0)
			setHappenings((list) => recent.reduce((all, version) => withOne(all, ofVersion(version)), list));
	}, [history.data]);

	const hasBegun = useRef("");
	useEffect(() => {
		if (!health || health.name !== domain || hasBegun.current === domain) return;
		hasBegun.current = domain;
		setHappenings((list) => ofStates(health).reduce(withOne, list));
	}, [health, domain]);

	const live = useMemo(() => makeLiveFlows(flows.current, state.current, now, edge), [now, edge]);
	return { flows: live, happenings };
}

/** Nothing is told of any address yet. */
function untold(domain: Domain): DomainHealth {
	const rows = (origin: Pick<Origin, "addresses">) =>
		(origin.addresses ?? [""]).map((address) => ({
			address,
			weight: Number(parseAddress(address).weight || 1),
			edges: [],
		}));
	return {
		name: domain.name,
		revision: domain.revision,
		edges: [],
		origin: rows(domain.origin),
		backup: domain.backup ? rows(domain.backup) : null,
		others: [],
	};
}

/** The states of a domain's addresses; the stream makes them old at once when one changes. */
export function useStates(domain: string) {
	return { health: useDomainHealth(domain, 2000), edges: useEdges(10000) };
}

/** The map as it is now; of a domain whose states are on their way, its addresses. */
export function useMap(states: ReturnType<typeof useStates>, domain: Domain | undefined, rates: Rates, edge?: string) {
	const { data } = states.health;
	const known = states.edges.data?.items;
	return useMemo(() => {
		const health = data ?? (domain && known ? untold(domain) : undefined);
		return health && mapOf(health, known ?? [], rates, edge);
	}, [data, domain, known, rates, edge]);
}
