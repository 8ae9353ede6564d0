// Who is signed in. A page asks `useSession`; whoever is signed in by nobody sees the page to sign in, and whose session
// ends meanwhile is asked over the page, which stays as it is.
import { useQueryClient } from "@tanstack/react-query";
import {
	createContext,
	lazy,
	type ReactNode,
	Suspense,
	useCallback,
	useContext,
	useEffect,
	useMemo,
	useRef,
	useState,
} from "react";
import { get, request, setCsrf, setOnExpired } from "../api/client";
import { reconnect } from "../api/events";
import { isRefused } from "../api/problem";
import type { Role, Whoami } from "../api/types";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Splash } from "../parts/Splash";

const SignIn = lazy(() => import("./SignIn"));
const PasswordChange = lazy(() => import("./PasswordChange"));
const ExpiredDialog = lazy(() => import("./ExpiredDialog"));

export interface Session {
	account: string;
	role: Role;
	/** Whether the role allows what takes another one. */
	may(needed: Role): boolean;
	signOut(): Promise<void>;
}

const AGAIN_MS = 2000;
const RANKS: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };
const Context = createContext<Session | undefined>(undefined);

export function useSession(): Session {
	const session = useContext(Context);
	if (!session) throw new Error("useSession outside of SessionGate");
	return session;
}

type Who = Whoami | "nobody" | "unknown";

/** Shows its children to whoever is signed in with a password of their own. */
export function SessionGate({ children }: { children: ReactNode }) {
	const client = useQueryClient();
	const [who, setWho] = useState<Who>("unknown");
	const [failure, setFailure] = useState<unknown>();
	const [hasExpired, setHasExpired] = useState(false);
	const waiting = useRef<{ promise: Promise<void>; done: () => void } | undefined>(undefined);
	const first = useRef<string | undefined>(undefined);

	const find = useCallback(async () => {
		try {
			const found = await get("/whoami", {});
			setCsrf(found.csrf);
			setWho(found);
			setFailure(undefined);
		} catch (error) {
			if (isRefused(error, "unauthenticated")) setWho("nobody");
			setFailure(isRefused(error, "unauthenticated") ? undefined : error);
		}
	}, []);

	useEffect(() => {
		find();
	}, [find]);

	// A control plane that has just started opens its store first; it is asked until it answers.
	useEffect(() => {
		if (!failure) return;
		const timer = setTimeout(find, AGAIN_MS);
		return () => clearTimeout(timer);
	}, [failure, find]);

	const isIn = typeof who === "object" && !who.must_change;
	useEffect(() => {
		if (!isIn) return;
		// However many requests meet the end of the session, one dialog is shown, and all wait for it.
		setOnExpired(() => {
			if (!waiting.current) {
				let done = () => {};
				const promise = new Promise<void>((resolve) => {
					done = resolve;
				});
				waiting.current = { promise, done };
				// Another page may have signed in again, with another CSRF token.
				fetch("/api/v1/whoami", { cache: "no-store" })
					.then(async (answer) => (answer.ok ? ((await answer.json()) as Whoami) : undefined))
					.catch(() => undefined)
					.then((found) => {
						if (found && typeof who === "object" && found.account === who.account) {
							setCsrf(found.csrf);
							waiting.current = undefined;
							done();
						} else setHasExpired(true);
					});
			}
			return waiting.current?.promise ?? Promise.resolve();
		});
		return () => setOnExpired(undefined);
	}, [isIn, who]);

	const renewed = useCallback((found: Whoami) => {
		setCsrf(found.csrf);
		setWho(found);
		setHasExpired(false);
		const { done } = waiting.current ?? {};
		waiting.current = undefined;
		done?.();
		reconnect();
	}, []);

	const signOut = useCallback(async () => {
		setOnExpired(undefined);
		try {
			await request("post", "/logout", {});
		} catch (error) {
			if (!isRefused(error, "unauthenticated")) {
				setFailure(error);
				return;
			}
		}
		setCsrf(undefined);
		client.clear();
		setWho("nobody");
	}, [client]);

	const session = useMemo<Session | undefined>(
		() =>
			typeof who === "object"
				? { account: who.account, role: who.role, may: (needed) => RANKS[who.role] >= RANKS[needed], signOut }
				: undefined,
		[who, signOut],
	);

	if (failure) {
		return (
			<Splash>
				<ProblemAlert error={failure} onRetry={find} />
			</Splash>
		);
	}
	if (who === "unknown") return <Splash />;
	return (
		<Suspense fallback={<Splash />}>
			{who === "nobody" && (
				<SignIn
					onDone={(found, password) => {
						first.current = found.must_change ? password : undefined;
						setCsrf(found.csrf);
						setWho(found);
					}}
				/>
			)}
			{typeof who === "object" && who.must_change && (
				<PasswordChange
					who={who}
					old={first.current}
					onDone={(found) => {
						first.current = undefined;
						setCsrf(found.csrf);
						setWho(found);
					}}
					onLeave={signOut}
				/>
			)}
			{isIn && session && <Context.Provider value={session}>{children}</Context.Provider>}
			{hasExpired && session && <ExpiredDialog account={session.account} onDone={renewed} />}
		</Suspense>
	);
}
