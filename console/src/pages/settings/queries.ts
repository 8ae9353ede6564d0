// What this area asks for.
import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import type { Schema } from "../../api/types";

export type User = Schema<"User">;
export type Token = Schema<"Token">;
export type CertificateListed = Schema<"CertificateListed">;

export const usersKey = ["users"] as const;
export const tokensKey = ["tokens"] as const;
export const certificatesKey = ["certificates"] as const;

export function useUsers(isOn = true) {
	return useQuery({ queryKey: usersKey, queryFn: ({ signal }) => get("/users", { signal }), enabled: isOn });
}

export function useTokens() {
	return useQuery({ queryKey: tokensKey, queryFn: ({ signal }) => get("/tokens", { signal }) });
}

export function useCertificates() {
	return useQuery({
		queryKey: certificatesKey,
		queryFn: ({ signal }) => get("/certificates", { signal }),
		refetchInterval: 30000,
	});
}
