// What is set at run time, with the tag that a change of it is made for.
import { useQuery } from "@tanstack/react-query";
import { request } from "./client";
import { keys } from "./queries";

export function useSettingsAnswer() {
	return useQuery({
		queryKey: keys.settings,
		queryFn: async ({ signal }) => {
			const { data, etag } = await request("get", "/settings", { signal });
			return { ...data, etag: etag ?? "*" };
		},
		staleTime: 30000,
	});
}
