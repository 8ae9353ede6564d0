// What pages ask for, by keys; and what makes an answer old: events of the stream.
import { QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { get, request } from "./client";
import { listen, stream } from "./events";
import { Refused } from "./problem";

export const keys = {
	status: ["status"] as const,
	edges: ["edges"] as const,
	domains: ["domains"] as const,
	domain: (name: string) => ["domain", name] as const,
	domainHealth: (name: string) => ["health", name] as const,
	health: ["health"] as const,
	history: (name: string) => ["history", name] as const,
	histories: ["history"] as const,
	stats: ["stats"] as const,
	settings: ["settings"] as const,
};

export function makeQueryClient(): QueryClient {
	return new QueryClient({
		defaultOptions: {
			queries: {
				staleTime: 5000,
				refetchOnWindowFocus: true,
				retry: (count, error) => count < 2 && !(error instanceof Refused && error.status < 500),
				retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 4000),
			},
			mutations: { retry: false },
		},
	});
}

/** How the control plane is: its version, the origin rules, who manages the domains. */
export function useStatus() {
	return useQuery({
		queryKey: keys.status,
		queryFn: ({ signal }) => get("/status", { signal }),
		refetchInterval: 15000,
	});
}

/** The edges, and what each has applied. */
export function useEdges(interval: number | false = 15000) {
	return useQuery({
		queryKey: keys.edges,
		queryFn: ({ signal }) => get("/edges", { signal }),
		refetchInterval: interval,
	});
}

/** A domain as it is. */
export function useDomain(name: string) {
	return useQuery({
		queryKey: keys.domain(name),
		queryFn: async ({ signal }) => (await request("get", "/domains/{name}", { path: { name }, signal })).data,
		refetchInterval: 30000,
	});
}

/** How the edges find the addresses of a domain; asking keeps them telling. */
export function useDomainHealth(name: string, interval: number | false = 2000) {
	return useQuery({
		queryKey: keys.domainHealth(name),
		queryFn: ({ signal }) => get("/domains/{name}/health", { path: { name }, signal }),
		refetchInterval: interval,
		staleTime: 0,
	});
}

/** Whether the stream of events is there. */
export function useStreamState() {
	return useSyncExternalStore(stream.subscribe, stream.state);
}

/** Keeps what pages show true to what the stream tells. One for the whole page. */
export function useFreshness(): void {
	const client = useQueryClient();
	useEffect(() => {
		const old = (...which: (readonly unknown[])[]) => {
			for (const queryKey of which) client.invalidateQueries({ queryKey });
		};
		const stops = [
			listen("begin", () => client.invalidateQueries()),
			listen("revision", (event) => {
				if (event.what === "made") old(keys.domains, ["domain"], keys.histories, keys.settings, keys.status);
				old(keys.edges);
			}),
			listen("edge", () => old(keys.edges, keys.status, keys.health)),
			listen("health", () => old(keys.health)),
		];
		return () => {
			for (const stop of stops) stop();
		};
	}, [client]);
}
