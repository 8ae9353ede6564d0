// The requests of a domain in the last hour, for the sparkline of a row. A few are asked for at a time, and a page of the
// list asks for those alone that it shows.
import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import { keys } from "../../api/queries";

const HOUR_MS = 3600_000;
const STEP_MS = 120_000;

export interface Traffic {
	/** Requests in each step, the oldest first. */
	values: number[];
	total: number;
}

/** Steps without anything are left out of an answer; here each has its place. Pure. */
export function fill(
	points: readonly { at_ms: number; requests: number }[],
	from: number,
	to: number,
	step: number,
): number[] {
	const values = new Array<number>(Math.max(1, Math.ceil((to - from) / step))).fill(0);
	for (const point of points) {
		const at = Math.floor((point.at_ms - from) / step);
		if (at >= 0 && at < values.length) values[at] = (values[at] ?? 0) + point.requests;
	}
	return values;
}

export function useTraffic(name: string) {
	return useQuery({
		queryKey: [...keys.stats, "hour", name],
		queryFn: async ({ signal }): Promise<Traffic> => {
			const now = Date.now();
			const stats = await get("/stats", {
				query: { domain: name, from_ms: now - HOUR_MS, to_ms: now, step: STEP_MS },
				signal,
			});
			return {
				values: fill(stats.client.series, stats.from_ms, stats.to_ms, stats.step),
				total: stats.client.total.requests,
			};
		},
		staleTime: 30_000,
		refetchInterval: 60_000,
	});
}
