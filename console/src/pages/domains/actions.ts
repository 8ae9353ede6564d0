// Changes of domains, each with its message, its way to the edges, and its way back.
import type { QueryClient } from "@tanstack/react-query";
import { type Answer, request } from "../../api/client";
import { keys } from "../../api/queries";
import type { Domain } from "../../api/types";
import { follow } from "../../parts/changes";

export interface Done {
	client: QueryClient;
	name: string;
	/** In words, what was done. */
	words: string;
	/** In words, that it was taken back. */
	undone: string;
}

/** All that shows a domain asks anew. */
export function refresh(client: QueryClient, name: string): void {
	for (const queryKey of [keys.domains, keys.domain(name), keys.history(name), keys.domainHealth(name), keys.edges]) {
		client.invalidateQueries({ queryKey });
	}
}

/**
 * Tells of a change that has been made, and offers `back`, which is given the revision that the change made: so it takes
 * back this change alone, and is refused where there is another one behind it.
 */
export function announce(
	done: Done,
	revision: number | undefined,
	back?: (revision: number) => Promise<Answer<unknown>>,
): void {
	refresh(done.client, done.name);
	if (revision === undefined) return;
	follow({
		revision,
		domain: done.name,
		words: done.words,
		undo:
			back &&
			(async () => {
				const answer = await back(revision);
				refresh(done.client, done.name);
				if (answer.revision !== undefined) follow({ revision: answer.revision, domain: done.name, words: done.undone });
			}),
	});
}

/** The way back to a version that the domain had. */
export function backTo(name: string, version: number): (revision: number) => Promise<Answer<unknown>> {
	return (revision) =>
		request("post", "/domains/{name}/rollback", { path: { name }, body: { revision: version }, ifMatch: revision });
}

/** Puts a domain online or offline. */
export async function setStatus(domain: Domain, status: "online" | "offline", done: Done): Promise<void> {
	const path = { name: domain.name };
	const [to, from] =
		status === "online"
			? (["/domains/{name}/start", "/domains/{name}/stop"] as const)
			: (["/domains/{name}/stop", "/domains/{name}/start"] as const);
	const { revision } = await request("post", to, { path, ifMatch: domain.revision });
	announce(done, revision, (made) => request("post", from, { path, ifMatch: made }));
}

/** Removes a domain; the way back gives it its last version. */
export async function removeDomain(domain: Domain, done: Done): Promise<void> {
	const { revision } = await request("delete", "/domains/{name}", {
		path: { name: domain.name },
		ifMatch: domain.revision,
	});
	announce(done, revision, () =>
		request("post", "/domains/{name}/rollback", { path: { name: domain.name }, body: { revision: domain.revision } }),
	);
}
