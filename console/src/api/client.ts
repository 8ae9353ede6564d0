// One request to the API: typed by its path, with If-Match, the CSRF token, dry runs and keys of idempotency. A request
// that meets an expired session waits until somebody has signed in again, and is then sent once more.
import { Refused, Unreachable } from "./problem";
import type { DryRun, Problem, paths } from "./types";

type Method = "get" | "post" | "put" | "patch" | "delete";

/** The paths that have a method. */
export type PathOf<M extends Method> = {
	[P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never;
}[keyof paths];

type Operation<M extends Method, P extends PathOf<M>> = paths[P][M];
type PathNames<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | PathNames<Rest> : never;
type Query<O> = O extends { parameters: { query?: infer Q } } ? Omit<NonNullable<Q>, "dry_run"> : never;
type Bodies<O> = O extends { requestBody?: { content: infer C } } ? C : never;
type Body<O> =
	Bodies<O> extends { "application/json": infer B } ? B : Bodies<O> extends { "application/yaml": infer Y } ? Y : never;
type Content<R> = R extends { content: infer C } ? C[keyof C] : undefined;
type Good<O> = O extends { responses: infer R }
	? { [S in keyof R]: S extends 200 | 201 | 202 | 204 ? Content<R[S]> : never }[keyof R]
	: never;

/** What an operation answers when it is no dry run. */
export type Data<M extends Method, P extends PathOf<M>> = Exclude<Good<Operation<M, P>>, { dry_run: true }>;

export type Options<M extends Method, P extends PathOf<M>> = {
	query?: Query<Operation<M, P>>;
	body?: Body<Operation<M, P>>;
	/** The revision that a change is made for, or "*" for whatever is there. */
	ifMatch?: number | string;
	/** What is made must not be there yet. */
	isNew?: boolean;
	/** The same key with the same request does it once. */
	idempotencyKey?: string;
	signal?: AbortSignal;
} & (PathNames<P> extends never ? object : { path: Record<PathNames<P>, string | number> });

export interface Answer<T> {
	data: T;
	status: number;
	/** The ETag, without its quotes. */
	etag?: string;
	/** The revision of the whole store that a change has made. */
	revision?: number;
}

const PREFIX = "/api/v1";

let csrf = "";
let onExpired: (() => Promise<void>) | undefined;

/** The CSRF token of the session, which every change is sent with. */
export function setCsrf(token: string | undefined): void {
	csrf = token ?? "";
}

/** Who is asked to sign in again when a session has expired; resolved when that is done. */
export function setOnExpired(handler: (() => Promise<void>) | undefined): void {
	onExpired = handler;
}

export function idempotencyKey(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

type Loose = {
	path?: Record<string, string | number>;
	query?: Record<string, unknown>;
	body?: unknown;
	ifMatch?: number | string;
	isNew?: boolean;
	idempotencyKey?: string;
	signal?: AbortSignal;
};

/** Where an operation is, with its query; also for links and streams. */
export function addressOf(
	path: string,
	names: Record<string, string | number> = {},
	query: Record<string, unknown> = {},
): string {
	const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(names[name])));
	const words = new URLSearchParams();
	for (const [name, value] of Object.entries(query)) {
		if (value !== undefined && value !== null && value !== "") words.set(name, String(value));
	}
	const asked = words.toString();
	return `${PREFIX}${filled}${asked ? `?${asked}` : ""}`;
}

function headersOf(method: string, options: Loose): Headers {
	const headers = new Headers({ Accept: "application/json, application/problem+json, text/event-stream;q=0.9" });
	if (method !== "get" && csrf) headers.set("X-CSRF-Token", csrf);
	if (options.ifMatch !== undefined) {
		const tag = String(options.ifMatch);
		headers.set("If-Match", tag === "*" ? tag : `"${tag}"`);
	}
	if (options.isNew) headers.set("If-None-Match", "*");
	if (options.idempotencyKey) headers.set("Idempotency-Key", options.idempotencyKey);
	if (typeof options.body === "string") headers.set("Content-Type", "application/yaml");
	// A patch is a merge patch (RFC 7396) under this name, too, and under no other in some places.
	else if (options.body !== undefined) headers.set("Content-Type", "application/json");
	return headers;
}

async function read(response: Response): Promise<unknown> {
	if (response.status === 204) return undefined;
	const kind = response.headers.get("Content-Type") ?? "";
	if (!kind.includes("json")) return response.text();
	try {
		return await response.json();
	} catch {
		throw new Unreachable("the answer broke off");
	}
}

async function send(method: string, target: string, options: Loose): Promise<Response> {
	try {
		return await fetch(target, {
			method: method.toUpperCase(),
			headers: headersOf(method, options),
			body:
				options.body === undefined
					? undefined
					: typeof options.body === "string"
						? options.body
						: JSON.stringify(options.body),
			credentials: "same-origin",
			cache: "no-store",
			signal: options.signal,
		});
	} catch (error) {
		if (error instanceof DOMException && error.name === "AbortError") throw error;
		throw new Unreachable("nobody answers");
	}
}

async function refusal(response: Response): Promise<Refused | Unreachable> {
	const body = await read(response);
	if (body && typeof body === "object" && "type" in body) {
		const wait = Number(response.headers.get("Retry-After"));
		return new Refused(body as Problem, wait > 0 ? wait : undefined);
	}
	return new Unreachable(`${response.status} ${response.statusText}`.trim());
}

/** The answer of an operation that was done, whatever it is. */
async function answerOf(method: Method, path: string, options: Loose): Promise<Response> {
	const target = addressOf(path, options.path, options.query);
	for (let attempt = 0; ; attempt++) {
		const response = await send(method, target, options);
		if (response.ok) return response;
		const error = await refusal(response);
		const isStale = error instanceof Refused && (error.problem === "unauthenticated" || error.problem === "csrf");
		if (!isStale || attempt > 0 || !onExpired || path === "/login") throw error;
		await onExpired();
	}
}

async function ask(method: Method, path: string, options: Loose): Promise<Answer<unknown>> {
	const response = await answerOf(method, path, options);
	const revision = response.headers.get("Headwater-Revision");
	return {
		data: await read(response),
		status: response.status,
		etag: response.headers.get("ETag")?.replaceAll('"', ""),
		revision: revision ? Number(revision) : undefined,
	};
}

/** An answer that goes on as it comes (server-sent events), as bytes. Throws as `request` does. */
export async function openStream(
	path: string,
	query: Record<string, unknown>,
	signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
	const response = await answerOf("get", path, { query, signal });
	if (!response.body) throw new Unreachable("the answer has no body");
	return response.body;
}

/** Asks an operation. Throws `Refused` or `Unreachable`. */
export function request<M extends Method, P extends PathOf<M>>(
	method: M,
	path: P,
	options: Options<M, P>,
): Promise<Answer<Data<M, P>>> {
	return ask(method, path, options as Loose) as Promise<Answer<Data<M, P>>>;
}

/** The same as a dry run: what would change. Throws as the change itself would. */
export async function rehearse<M extends Exclude<Method, "get">, P extends PathOf<M>>(
	method: M,
	path: P,
	options: Options<M, P>,
): Promise<DryRun> {
	const loose = options as Loose;
	const answer = await ask(method, path, {
		...loose,
		idempotencyKey: undefined,
		query: { ...loose.query, dry_run: 1 },
	});
	return answer.data as DryRun;
}

/** Reads: the data alone. */
export async function get<P extends PathOf<"get">>(path: P, options: Options<"get", P>): Promise<Data<"get", P>> {
	return (await request("get", path, options)).data;
}
