// The requests of the domains of a page in the last hour, asked for all at once.
import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { get } from "../../api/client";
import { keys } from "../../api/queries";

export interface Traffic {
	/** Requests in each minute, the oldest first; null where nothing is known of it. */
	values: (number | null)[];
	total: number;
}

const NAMES_MAX = 100;
const LENGTH_MAX = 8000;

/** Names in as few parts as the API takes at once. Pure. */
export function parts(names: readonly string[]): string[][] {
	const all: string[][] = [];
	let length = LENGTH_MAX;
	for (const name of names) {
		const part = all.at(-1);
		if (part && part.length < NAMES_MAX && length + 1 + name.length <= LENGTH_MAX) {
			part.push(name);
			length += 1 + name.length;
		} else {
			all.push([name]);
			length = name.length;
		}
	}
	return all;
}

/** By name; undefined while it is on its way. */
export function useTraffic(names: readonly string[]): ReadonlyMap<string, Traffic> {
	const asked = useMemo(() => parts(names), [names]);
	const answers = useQueries({
		queries: asked.map((part) => ({
			queryKey: [...keys.stats, "recent", part],
			queryFn: ({ signal }: { signal: AbortSignal }) =>
				get("/stats/recent", { query: { domains: part.join(",") }, signal }),
			staleTime: 30_000,
			refetchInterval: 60_000,
		})),
	});
	const traffic = new Map<string, Traffic>();
	for (const { data } of answers) {
		for (const item of data?.items ?? []) traffic.set(item.domain, { values: item.requests, total: item.total });
	}
	return traffic;
}
