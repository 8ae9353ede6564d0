// What this area asks for.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import type { Schema } from "../../api/types";

export type PurgeListed = Schema<"PurgeListed">;
export type PurgeProgressData = Schema<"PurgeProgress">;
export type PurgeState = PurgeProgressData["state"];

export const purgesKey = ["purges"] as const;
const PAGE = 25;
const BUSY_MS = 1000;
const IDLE_MS = 15000;
const LIVE_MS = 400;

/** How a purge is, as the list tells it. */
export function stateOf(purge: PurgeListed): PurgeState {
	if (purge.failed > 0) return "failed";
	return purge.done < purge.edges ? "waits" : "done";
}

export function usePurges() {
	return useInfiniteQuery({
		queryKey: [...purgesKey, "list"],
		queryFn: ({ signal, pageParam }) =>
			get("/purges", { query: { limit: PAGE, before: pageParam || undefined }, signal }),
		initialPageParam: 0,
		getNextPageParam: (page) => page.next,
		refetchInterval: ({ state }) =>
			state.data?.pages.some((page) => page.items.some((one) => stateOf(one) === "waits")) ? BUSY_MS : IDLE_MS,
	});
}

/** One purge with what each edge has made of it; asked again until all have. */
export function usePurge(number: number) {
	return useQuery({
		queryKey: [...purgesKey, number],
		queryFn: ({ signal }) => get("/purges/{number}", { path: { number }, signal }),
		refetchInterval: ({ state }) =>
			!state.data || state.data.edges.some((edge) => edge.state === "waits") ? LIVE_MS : false,
		staleTime: 0,
	});
}
