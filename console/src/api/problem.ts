// What goes wrong with a request: a problem that the API tells (RFC 9457), or nobody who answers.
import type { Problem, ProblemError } from "./types";

/** A request that the API has refused. `name` of the problem is without `/problems/`. */
export class Refused extends Error {
	readonly status: number;
	readonly problem: string;
	readonly detail: string;
	readonly errors: readonly ProblemError[];
	/** Of 412: the revision that is there now, and what changed since the one that was named. */
	readonly revision?: number;
	readonly changes?: readonly string[];
	/** Of 429: how many seconds to wait. */
	readonly retryAfter?: number;

	constructor(problem: Problem, retryAfter?: number) {
		super(problem.title);
		this.name = "Refused";
		this.status = problem.status;
		this.problem = problem.type.replace("/problems/", "");
		this.detail = problem.detail;
		this.errors = problem.errors ?? [];
		this.revision = problem.revision;
		this.changes = problem.changes;
		this.retryAfter = retryAfter;
	}
}

/** Nobody answered, or something that is not the API. */
export class Unreachable extends Error {
	constructor(message: string) {
		super(message);
		this.name = "Unreachable";
	}
}

export function isRefused(error: unknown, problem?: string): error is Refused {
	return error instanceof Refused && (problem === undefined || error.problem === problem);
}

/**
 * The errors of a refusal by the fields of a form. `fields` maps names of fields to pointers into the request's body;
 * an error belongs to the field with the longest pointer that it begins with. What belongs to none is `rest`.
 */
export function errorsByField<Field extends string>(
	error: unknown,
	fields: Record<Field, string>,
): { of: Partial<Record<Field, ProblemError[]>>; rest: ProblemError[] } {
	const of: Partial<Record<Field, ProblemError[]>> = {};
	const rest: ProblemError[] = [];
	if (!(error instanceof Refused)) return { of, rest };
	const rows = (Object.entries(fields) as [Field, string][]).sort((a, b) => b[1].length - a[1].length);
	for (const one of error.errors) {
		const row = rows.find(([, pointer]) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`));
		if (!row) {
			rest.push(one);
			continue;
		}
		const list = of[row[0]] ?? [];
		list.push(one);
		of[row[0]] = list;
	}
	return { of, rest };
}
