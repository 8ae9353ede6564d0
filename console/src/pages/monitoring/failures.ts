// Pure. Which origin-pulls have failed: those without an answer by their reason, and answers that are errors by their
// class, as an origin-pull that meets 4XX or 5XX is one that failed.

/** What is counted of the origin-pulls of a role. */
export interface Pulled {
	status_4xx: number;
	status_5xx: number;
	faults?: Record<string, number>;
}

/** How many failed by each reason: names of docs/faults.md, `status_4xx` and `status_5xx`. */
export function failuresOf(pulled: Pulled | undefined): Record<string, number> {
	if (!pulled) return {};
	const all: Record<string, number> = { ...pulled.faults };
	if (pulled.status_5xx > 0) all.status_5xx = pulled.status_5xx;
	if (pulled.status_4xx > 0) all.status_4xx = pulled.status_4xx;
	return all;
}

export function failureCount(pulled: Pulled | undefined): number {
	return Object.values(failuresOf(pulled)).reduce((sum, count) => sum + count, 0);
}

/** The reason of an attempt of the access log, by the same names. */
export function reasonOf(attempt: { reason: string; status: number }): string {
	return attempt.reason === "status" && attempt.status >= 400
		? `status_${Math.floor(attempt.status / 100)}xx`
		: attempt.reason;
}
